"""Work that takes one step at a time, whoever calls: generators, and functions in threads that stand still between."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

Steps = Iterator[None]
"""Each `next` is one step; StopIteration says that the work is done."""


def in_thread(work: Callable[[Callable[[], None]], None]) -> Steps:
    """Run `work` in a thread of its own, which stands still wherever it calls what it is given.

    Whoever steps waits until the thread stands still again or is done; what it raised is raised by the last step.
    """
    turn, still = threading.Semaphore(0), threading.Semaphore(0)
    raised: list[BaseException] = []
    done = threading.Event()

    def stand_still() -> None:
        still.release()
        turn.acquire()

    def run() -> None:
        try:
            turn.acquire()
            work(stand_still)
        except BaseException as error:  # noqa: BLE001 - raised again where the steps are taken
            raised.append(error)
        finally:
            done.set()
            still.release()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while True:
        turn.release()
        still.acquire()
        if done.is_set():
            break
        yield
    thread.join()
    if raised:
        raise raised[0]
