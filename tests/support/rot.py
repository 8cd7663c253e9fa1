"""Damage on a volume's disk."""

from pathlib import Path

from galleria_storage.objects.store import ObjectStore
from galleria_storage.packs.format import decode_entries, parse_object_name
from galleria_storage.packs.reader import read_entries

_NAME_AT = 40
"""Where in a record's header its name is."""


def rot_packs(volume: Path, kind: str = "packs") -> int:
    """Flip a bit every 4 KiB in all packs of a kind; returns how many packs there were."""
    packs = sorted((volume / kind).glob("*"))
    for pack in packs:
        data = bytearray(pack.read_bytes())
        for at in range(100, len(data), 4096):
            data[at] ^= 1
        pack.write_bytes(data)
    return len(packs)


def rot_records(volume: Path, *names: bytes) -> int:
    """Flip a bit in the payload of each record of these names in a volume's folder; returns how many there were."""
    count = 0
    for pack in [*(volume / "packs").glob("*"), *(volume / "pages").glob("*")]:
        data = bytearray(pack.read_bytes())
        for name in names:
            at = data.find(name)
            if at >= _NAME_AT and data[at - _NAME_AT :].startswith(b"GREC"):
                data[at + len(name)] ^= 1
                count += 1
        pack.write_bytes(data)
    return count


def spoil(store: ObjectStore, name: str, *offsets: int) -> None:
    """Flip a bit of an object's bytes at these offsets."""
    data = bytearray(store.read(name) or b"")
    for offset in offsets:
        data[offset] ^= 1
    store.replace(name, bytes(data))


def spoil_records(store: ObjectStore, *names: bytes) -> int:
    """Flip a bit in the payload of each good record of these names; returns how many there were."""
    count = 0
    for info in [*store.list("packs/"), *store.list("pages/")]:
        parsed = parse_object_name(info.name)
        entries = () if parsed is None else decode_entries(read_entries(store, *parsed, info.size))
        offsets = [entry.offset + 75 for entry in entries if entry.name in names]
        if offsets:
            spoil(store, info.name, *offsets)
        count += len(offsets)
    return count
