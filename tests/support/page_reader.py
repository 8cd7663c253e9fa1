"""A reader written from storage/FORMAT.md alone: it imports nothing of Galleria's, and needs no index.

It checks whatever the page gives it to check, and rebuilds the image of a root bit for bit:
`python tests/support/page_reader.py VOLUME ROOT OUT`.
"""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import xxhash
from blake3 import blake3
from zstandard import ZstdDecompressor

SEGMENT = 64 << 20
Read = Callable[[str], bytes]
Key = tuple[int, int, bytes]
"""Kind, domain and name of a record."""


class VolumeReader:
    """All records of a volume, and its roots. `names` are its objects, `read` gives their bytes."""

    def __init__(self, names: list[str], read: Read, segment: int = SEGMENT) -> None:
        self._names, self._read, self._segment = set(names), read, segment
        self.about = json.loads(read("meta/volume.json"))
        assert (self.about["format"], self.about["version"], self.about["requires"]) == ("galleria-volume", 1, [])
        self.volume = bytes.fromhex(self.about["id"].replace("-", ""))
        self.records: dict[Key, list[bytes]] = {}
        self.places: dict[tuple[str, int], Key] = {}
        for name in sorted(self._names):
            if name.startswith(("packs/", "pages/")) and "." not in name and f"{name}.condemned" not in self._names:
                self._take_pack(name)

    def roots(self) -> list[str]:
        """Ids of the roots that are not given up."""
        found = [name.removeprefix("roots/") for name in sorted(self._names) if name.startswith("roots/")]
        return [root for root in found if "." not in root and f"roots/{root}.released" not in self._names]

    def layout(self, root: str) -> tuple[int, list[tuple[int, bytes]], int, int]:
        """Size, (count, page name) entries, domain, occupied bytes of a root."""
        data = self._read(f"roots/{root}")
        magic, version, zero, own = struct.unpack_from("<4sHH16s", data)
        domain, key, _, zero2, occupied, _, name_size, layout_size = struct.unpack_from("<IIIIQQII", data, 56)
        assert (magic, version, zero, zero2, key, own.hex()) == (b"GROT", 1, 0, 0, 0, root)
        assert len(data) == 96 + name_size + layout_size + 32
        assert blake3(data[:-32]).digest() == data[-32:]
        layout = data[96 + name_size : -32]
        magic, version, rule_size, size, count, zero = struct.unpack_from("<4sHHQII", layout)
        assert (magic, version, zero) == (b"GLAY", 1, 0)
        entries = layout[24 + rule_size :]
        assert len(entries) == 36 * count
        return size, [_entry(entries, at) for at in range(0, len(entries), 36)], domain, occupied

    def digest(self, root: str) -> str:
        """The digest of the disk that a root pins."""
        data = self._read(f"roots/{root}")
        name_size, layout_size = struct.unpack_from("<II", data, 88)
        layout = data[96 + name_size :][:layout_size]
        rule = layout[24 : 24 + int.from_bytes(layout[6:8], "little")]
        return f"{rule.decode()}:{blake3(layout).hexdigest()}"

    def pieces(self, root: str) -> Iterator[bytes | int]:
        """The image in order: bytes, or the length of a hole."""
        size, entries, domain, occupied = self.layout(root)
        done = data = 0
        for count, name in entries:
            if name == bytes(32):
                length = min(count * self._segment, size - done)
                done += length
                yield length
                continue
            page = self.record(2, domain, name)
            for length, chunk in (_entry(page, at) for at in range(0, len(page), 36)):
                done += length & 0x7FFFFFFF
                if length >> 31:
                    yield length & 0x7FFFFFFF
                else:
                    raw = self.record(1, domain, chunk)
                    assert len(raw) == length
                    data += length
                    yield raw
        assert (done, data) == (size, occupied)

    def record(self, kind: int, domain: int, name: bytes) -> bytes:
        """The raw bytes of a chunk (1) or page (2), checked against its name."""
        codec_and_payload = self.records[kind, domain, name][0]
        payload = codec_and_payload[1:]
        raw = ZstdDecompressor().decompress(payload) if codec_and_payload[0] else payload
        assert blake3(raw).digest() == name
        return raw

    def _take_pack(self, name: str) -> None:
        data = self._read(name)
        kind = 1 if name.startswith("packs/") else 2
        magic, version, stated, volume, epoch, number = struct.unpack_from("<4sHH16sII", data)
        assert (magic, version, stated, volume) == (b"GPCK", 1, kind, self.volume)
        assert (f"{epoch:08x}-{number:08x}", _xxh3(data[:32])) == (name[6:], data[32:48])
        *own, count, footer, zero, check, version, end = struct.unpack_from("<IIII8s16sI4s", data, len(data) - 48)
        assert (own, zero, version, end) == ([epoch, number], bytes(8), 1, b"GPKE")
        assert footer + 56 * count + 48 == len(data)
        assert check == _xxh3(data[footer : len(data) - 24])
        offset, bad = 48, self._bad(name)
        for at in range(footer, len(data) - 48, 56):
            entry = struct.unpack_from("<32s5I4B", data, at)
            assert entry[3] == offset
            offset += 72 + entry[5]
            if entry[3] not in bad:
                self._take_record(data, entry)
                self.places[name, entry[3]] = entry[9], entry[1], entry[0]
        assert offset == footer

    def _bad(self, name: str) -> set[int]:
        if f"{name}.bad" not in self._names:
            return set()
        data = self._read(f"{name}.bad")
        magic, version, zero, count = struct.unpack_from("<4sHHI", data)
        assert (magic, version, zero, len(data)) == (b"GBAD", 1, 0, 12 + 4 * count + 16)
        assert _xxh3(data[:-16]) == data[-16:]
        return set(struct.unpack_from(f"<{count}I", data, 12))

    def _take_record(self, data: bytes, entry: tuple[bytes, int, int, int, int, int, int, int, int, int]) -> None:
        name, domain, key, offset, raw_size, stored_size, codec, flags, zeros, kind = entry
        end = offset + 72 + stored_size
        header = struct.unpack_from("<4s16s4B4I32s", data, offset)
        assert header[2:] == (kind, codec, flags, zeros, domain, key, raw_size, stored_size, name)
        assert (header[0], header[1], key) == (b"GREC", _xxh3(data[offset + 20 : end]), 0)
        payload = bytes([codec]) + data[offset + 72 : end]
        self.records.setdefault((kind, domain, name), []).append(payload)


def _entry(data: bytes, at: int) -> tuple[int, bytes]:
    first, name = struct.unpack_from("<I32s", data, at)
    return first, name


def _xxh3(data: bytes) -> bytes:
    return xxhash.xxh3_128_digest(data)


def open_folder(path: Path, segment: int = SEGMENT) -> VolumeReader:
    """The volume in a folder."""
    names = [f"{folder}/{file.name}" for folder in ("packs", "pages", "roots") for file in (path / folder).glob("*")]
    return VolumeReader(names, lambda name: (path / name).read_bytes(), segment)


def rebuild(volume: Path, root: str, out: Path) -> None:
    """Write the image of a root, holes left out."""
    with out.open("wb") as file:
        for piece in open_folder(volume).pieces(root):
            file.seek(piece, 1) if isinstance(piece, int) else file.write(piece)
        file.truncate()


if __name__ == "__main__":
    rebuild(Path(sys.argv[1]), sys.argv[2].replace("-", ""), Path(sys.argv[3]))
