"""Make the golden volume: `python -m tests.vectors.volume FOLDER` writes it to a folder that is not there yet."""

import json
import sys
from pathlib import Path
from uuid import UUID

from galleria_storage.index.memory import MemoryIndex
from galleria_storage.objects.memory import MemoryObjectStore
from galleria_storage.rules import BLOCK_CDC_1
from galleria_storage.volume import Holder, Volume
from galleria_storage.volume.identity import OBJECT
from tests.support.volumes import content_of, send
from tests.vectors.inputs import Part, build, repeated, stream, text, zeros

FOLDER = Path(__file__).parent / "volume-1"
VOLUME = UUID("5f0c3ad2-7f7b-4c37-9d0a-6f1f1a2b3c4d")
SCOPE = UUID("0b6f2a54-8e0e-4f43-8a35-2b1c0d9e8f70")
PINNED_MS = 1_767_225_600_000

DISKS: dict[UUID, tuple[str, list[Part]]] = {
    UUID(int=0x101): ("disks/first", [repeated(65, 20_000), zeros(100_000), stream("first", 2_000), text("galleria")]),
    UUID(int=0x102): ("disks/größe", [repeated(65, 20_000), zeros(100_000), stream("second", 3_000)]),
    UUID(int=0x103): ("disks/released", [stream("released", 500)]),
}
RELEASED = UUID(int=0x103)


def golden() -> MemoryObjectStore:
    """The objects of the volume, its third owner having gone without dropping what it had released."""
    store = MemoryObjectStore()
    identity = {"format": "galleria-volume", "version": 1, "id": str(VOLUME), "requires": [], "owner_epoch": 2}
    database = {"id": str(UUID(int=0x201)), "high_water": 4711}
    store.replace(OBJECT, json.dumps({**identity, "dedup": "volume", "database": database}).encode())
    volume = Volume(store, MemoryIndex(), clock=lambda: PINNED_MS / 1000)
    for root, (name, parts) in DISKS.items():
        content = content_of(build(parts), BLOCK_CDC_1)
        push = volume.begin_push(SCOPE, root, lease_id=root)
        send(push, content, content.pages)
        push.commit(content.layout, Holder(SCOPE, UUID(int=root.int + 0x1000), name))
    # Somebody still reads it, so its file stays beside the marker.
    volume.open_read(RELEASED)
    volume.release(RELEASED)
    volume.close()
    return store


def write(folder: Path) -> None:
    store = golden()
    for info in store.list(""):
        path = folder / info.name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(store.read(info.name) or b"")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
