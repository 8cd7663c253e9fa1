"""A program: the life of one volume in a folder, with real files and the real index, that tells each step it has done.

`python -m tests.support.volume_life FOLDER`. Before it opens the volume, and again when a push has been pinned, it
writes `threads NAME=ID …` and waits for a line, so that somebody can attach to one of its threads. What it writes after
a step is what a client would have been told.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from pathlib import Path
from uuid import UUID

from galleria_storage.errors import StorageError
from galleria_storage.index.rocks_options import RocksShared
from galleria_storage.volume import Policy, Volume, open_local_volume
from galleria_storage.volume.pins import Holder
from tests.support.small_rule import SMALL_RULE
from tests.support.volumes import SMALL_PACKS, Content, content_of, record_of, sample, unknown_segments, wanted_names

_SET_PTRACER, _ANY = 0x59616D61, ctypes.c_ulong(-1)

SCOPE = UUID(int=1)
_FIRST = sample(0.9, 1)
A, B, C = (UUID(int=number) for number in (11, 12, 13))
# Of the packs of A little is needed by B, so that they are rewritten once A is gone.
CONTENTS = {
    A: content_of(_FIRST),
    B: content_of(_FIRST[:5000] + sample(0.1, 2)),
    C: content_of(sample(0.1, 3)),
}


def open_volume(folder: Path, shared: RocksShared) -> Volume:
    """The volume, which lets go at once of what nobody needs."""
    return open_local_volume(folder, shared, rules=[SMALL_RULE], policy=Policy("volume", SMALL_PACKS, 0.0))


def push(volume: Volume, root: UUID, content: Content) -> None:
    """Push content as a root of SCOPE, and tell what is told of it."""
    begun = volume.begin_push(SCOPE, root, lease_id=root, rule=SMALL_RULE)
    tell(f"begun {root}")
    # Told by the thread that made it durable, at once.
    stream = begun.attach(lambda segments, _: tell(*(f"durable {root} {number}" for number in segments)), _fail)
    for segment in unknown_segments(begun, content):
        bits = stream.offer_segment(segment, content.pages[segment])
        for name in wanted_names(content.names[segment], bits):
            stream.receive(record_of(content.chunks[name]))
        stream.flush()
    begun.commit(content.layout, Holder(SCOPE, root, "disk"))
    tell(f"kept {root}")


def _fail(error: StorageError) -> None:
    raise error


def tell(*lines: str) -> None:
    os.write(1, "".join(f"{line}\n" for line in lines).encode())


def _live(folder: Path) -> None:
    _wait()
    volume = open_volume(folder, RocksShared())
    push(volume, A, CONTENTS[A])
    _wait()
    push(volume, B, CONTENTS[B])
    tell(f"releasing {A}")
    volume.release(A)
    tell(f"released {A}")
    volume.collect()
    push(volume, C, CONTENTS[C])
    volume.collect()
    volume.close()
    tell("closed")


def _wait() -> None:
    names = {thread.native_id: thread.name for thread in threading.enumerate()}
    tasks = [(int(task.name), (task / "comm").read_text().strip()) for task in Path("/proc/self/task").iterdir()]
    tell(" ".join(["threads", *(f"{names.get(task, comm)}={task}" for task, comm in tasks)]))
    sys.stdin.readline()


if __name__ == "__main__":
    # Where only a parent may trace otherwise.
    ctypes.CDLL(None).prctl(_SET_PTRACER, _ANY, 0, 0, 0)
    _live(Path(sys.argv[1]))
