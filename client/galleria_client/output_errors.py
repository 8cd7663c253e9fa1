"""Errors of what is pulled to."""

from __future__ import annotations

from galleria_client.errors import GalleriaError


class OutputError(GalleriaError):
    """The output cannot be written; `path` is the output."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class OutputExists(OutputError):
    """Something has that name, and nobody said that it may be replaced."""

    def __str__(self) -> str:
        return f"{self.path} exists; --force replaces it"


class OutputNotAFile(OutputError):
    """The path is neither a regular file nor a block device."""

    def __str__(self) -> str:
        return f"{self.path} is neither a regular file nor a block device"


class OutputFull(OutputError):
    """The disk of the output is full; `part` is what was written and stays."""

    def __init__(self, path: str, part: str) -> None:
        super().__init__(path)
        self.part = part

    def __str__(self) -> str:
        return f"no room left for {self.path}; {self.part} stays, make room and start again to go on from there"


class OutputUnwritable(OutputError):
    """The output cannot be opened or written; `detail` is the system's word for it."""

    def __init__(self, path: str, detail: str) -> None:
        super().__init__(path)
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.path} cannot be written: {self.detail}"


class OutputBusy(OutputError):
    """Another pull writes to it now."""

    def __str__(self) -> str:
        return f"another pull is writing {self.path}; wait for it, or choose another output"


class OutputTooSmall(OutputError):
    """The block device is smaller than the disk; both sizes are in bytes."""

    def __init__(self, path: str, size: int, needed: int) -> None:
        super().__init__(path)
        self.size = size
        self.needed = needed

    def __str__(self) -> str:
        return f"{self.path} has {self.size} bytes; the disk has {self.needed}"


class ContentCorrupt(GalleriaError):
    """What the server sent is not the content that it names; `detail` says what does not match."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail

    def __str__(self) -> str:
        return f"the server's answer does not match the content's digest: {self.detail}; nothing wrong was kept"
