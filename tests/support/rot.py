"""Damage on a volume's disk."""

from pathlib import Path

from galleria_storage.objects.store import ObjectStore


def rot_packs(volume: Path, kind: str = "packs") -> int:
    """Flip a bit every 4 KiB in all packs of a kind; returns how many packs there were."""
    packs = sorted((volume / kind).glob("*"))
    for pack in packs:
        data = bytearray(pack.read_bytes())
        for at in range(100, len(data), 4096):
            data[at] ^= 1
        pack.write_bytes(data)
    return len(packs)


def spoil(store: ObjectStore, name: str, *offsets: int) -> None:
    """Flip a bit of an object's bytes at these offsets."""
    data = bytearray(store.read(name) or b"")
    for offset in offsets:
        data[offset] ^= 1
    store.replace(name, bytes(data))
