"""A disk in memory that forgets, when the power goes, whatever was not fsynced: content and folder entries alike.

It knows what POSIX promises and no more: fsync of a file saves its content, not its name; fsync of a folder
saves its entries, not their content; every unsynced change may survive or be lost, one without the other.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

from galleria_storage.objects.files import Entry, Mode, OpenFile
from galleria_storage.objects.store import Space

_SECTOR = 512


class PowerCutError(BaseException):
    """The power went; nothing else happens on this disk until the next start. No `except Exception` catches it."""


@dataclass
class Inode:
    """A file: what it holds, and how much of that is certain."""

    content: bytearray = field(default_factory=bytearray)
    synced: bytes = b""


@dataclass
class Folder:
    """A folder: its entries, the certain ones, and for each changed name what it was and became since."""

    entries: dict[str, Node] = field(default_factory=dict)
    synced: dict[str, Node] = field(default_factory=dict)
    history: dict[str, list[Node | None]] = field(default_factory=dict)

    def set(self, name: str, node: Node | None) -> None:
        self.history.setdefault(name, [self.synced.get(name)]).append(node)
        if node is None:
            del self.entries[name]
        else:
            self.entries[name] = node

    def sync(self) -> None:
        self.synced = dict(self.entries)
        self.history.clear()


Node = Inode | Folder


class SimulatedDisk:
    """Files on the simulated disk. `cut_after` changes have passed, the next one raises PowerCutError."""

    def __init__(self) -> None:
        self._root = Folder()
        self._left: int | None = None
        self._errors: dict[str, OSError] = {}
        self.changes = 0

    def cut_after(self, changes: int) -> None:
        self._left = changes

    def fail(self, operation: str, error: OSError) -> None:
        """Let the next call of "write", "fsync", "fsync folder", "rename" or "remove" fail."""
        self._errors[operation] = error

    def crash(self, rng: random.Random) -> None:
        """Lose the power and start again with what happened to survive."""
        _crash_folder(self._root, rng)
        self._left = None
        self._errors.clear()

    def change(self, operation: str) -> None:
        """Count a change, which is also where the power may go or the disk may fail."""
        if self._left is not None and self._left <= 0:
            raise PowerCutError
        error = self._errors.pop(operation, None)
        if error is not None:
            raise error
        self.changes += 1
        if self._left is not None:
            self._left -= 1

    def open(self, path: Path, mode: Mode) -> OpenFile:
        if mode is Mode.CREATE:
            folder = self._folder(path.parent)
            if path.name in folder.entries:
                raise FileExistsError(path)
            self.change("create")
            folder.set(path.name, Inode())
        return _Handle(self, self._node(path))

    def rename(self, source: Path, target: Path, *, replace: bool) -> None:
        old, new = self._folder(source.parent), self._folder(target.parent)
        node = old.entries.get(source.name)
        if node is None:
            raise FileNotFoundError(source)
        if not replace and target.name in new.entries:
            raise FileExistsError(target)
        self.change("rename")
        new.set(target.name, node)
        old.set(source.name, None)

    def remove(self, path: Path) -> None:
        folder = self._folder(path.parent)
        if not isinstance(folder.entries.get(path.name), Inode):
            raise FileNotFoundError(path)
        self.change("remove")
        folder.set(path.name, None)

    def make_folder(self, path: Path) -> None:
        if path == Path(path.anchor) or path.name in self._folder(path.parent).entries:
            raise FileExistsError(path)
        self.change("make folder")
        self._folder(path.parent).set(path.name, Folder())

    def entries(self, path: Path) -> list[Entry]:
        return [_entry(name, node) for name, node in self._folder(path).entries.items()]

    def space(self, path: Path) -> Space:
        return Space(1 << 40, 1 << 39)

    def _node(self, path: Path) -> Node:
        node: Node = self._root
        for part in path.relative_to(path.anchor).parts:
            if not isinstance(node, Folder) or part not in node.entries:
                raise FileNotFoundError(path)
            node = node.entries[part]
        return node

    def _folder(self, path: Path) -> Folder:
        node = self._node(path)
        if not isinstance(node, Folder):
            raise NotADirectoryError(path)
        return node


class _Handle:
    def __init__(self, disk: SimulatedDisk, node: Node) -> None:
        self._disk = disk
        self._node = node

    def write(self, data: memoryview) -> int:
        # Short writes are allowed, so they happen here: nobody may count on a whole one.
        part = data[: max(1, data.nbytes // 2)]
        self._disk.change("write")
        self._inode().content += part
        return part.nbytes

    def pread(self, offset: int, length: int) -> bytes:
        return bytes(self._inode().content[offset : offset + max(1, length // 2)])

    def fsync(self) -> None:
        if isinstance(self._node, Folder):
            self._disk.change("fsync folder")
            self._node.sync()
        else:
            self._disk.change("fsync")
            self._node.synced = bytes(self._node.content)

    def start_writeback(self, offset: int, length: int) -> None:
        pass

    def size(self) -> int:
        return len(self._inode().content)

    def close(self) -> None:
        pass

    def _inode(self) -> Inode:
        if isinstance(self._node, Folder):
            raise IsADirectoryError
        return self._node


def _entry(name: str, node: Node) -> Entry:
    return Entry(name, 0, is_folder=True) if isinstance(node, Folder) else Entry(name, len(node.content), False)


def _crash_folder(folder: Folder, rng: random.Random) -> None:
    survived = dict(folder.synced)
    for name, states in folder.history.items():
        state = rng.choice(states)
        survived.pop(name, None)
        if state is not None:
            survived[name] = state
    folder.entries = survived
    folder.sync()
    for node in survived.values():
        if isinstance(node, Folder):
            _crash_folder(node, rng)
        else:
            _crash_file(node, rng)


def _crash_file(inode: Inode, rng: random.Random) -> None:
    """Keep what was synced, and of the rest a length and some sectors: the others read as zeros."""
    certain = len(inode.synced)
    end = min(len(inode.content), certain + rng.randrange(len(inode.content) - certain + _SECTOR) // _SECTOR * _SECTOR)
    kept = bytearray(inode.synced)
    for start in range(certain, end, _SECTOR):
        sector = inode.content[start : min(start + _SECTOR, end)]
        kept += sector if rng.random() < 0.7 else bytes(len(sector))
    inode.content = kept
    inode.synced = bytes(kept)
