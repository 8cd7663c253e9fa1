"""How far a running copy is, told from its thread to the event loop."""

from collections.abc import Callable


class Progress:
    """What a storage copy calls with the occupied bytes that are done; `beat` tells the watchdog that it gets on."""

    def __init__(self, beat: Callable[[], None]) -> None:
        self.done_bytes = 0
        self._beat = beat
        self._cancelled = False

    def __call__(self, done_bytes: int) -> bool:
        """Note the progress; False asks the copy to stop."""
        self.done_bytes = done_bytes
        self._beat()
        return not self._cancelled

    def cancel(self) -> None:
        """Ask the copy to stop at its next step."""
        self._cancelled = True
