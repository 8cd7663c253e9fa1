"""A disk in memory that forgets, when the power goes, whatever was not fsynced: content and folder entries alike.

It knows what POSIX promises and no more: fsync of a file saves its content, not its name; fsync of a folder
saves its entries, not their content; every unsynced change may survive or be lost, one without the other. Files only
grow, as those of an object store do: what was synced is never written over.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from galleria_storage.objects.files import Entry, Mode, OpenFile
from galleria_storage.objects.store import Space

_SECTOR = 512


class Loss(Enum):
    """What becomes of changes that were not synced when the power goes."""

    ALL = "all of it is lost"
    NOTHING = "all of it survives"
    CONTENT = "names survive, what is in the files does not"
    NAMES = "what is in the files survives, names do not"
    ADDED = "names that were added are lost, those removed too are gone"
    REMOVED = "names that were removed are back, those added are there"
    TORN = "names survive, of the files some bytes at their end, with holes, or anything instead"
    MIXED = "each name and each sector survives or not"


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
        self.lock = threading.RLock()
        """Held over each change."""
        self.before_change: Callable[[], None] = lambda: None

    def cut_after(self, changes: int) -> None:
        self._left = changes

    def fail(self, operation: str, error: OSError) -> None:
        """Let the next call of "write", "fsync", "fsync folder", "rename" or "remove" fail."""
        self._errors[operation] = error

    def copy(self) -> SimulatedDisk:
        """Another disk with all that is on this one, synced or not."""
        other = SimulatedDisk()
        other._root = _copied(self._root, {})
        return other

    def crash(self, rng: random.Random, loss: Loss = Loss.MIXED) -> None:
        """Lose the power and start again with what happened to survive."""
        _crash_folder(self._root, rng, loss)
        self._left = None
        self._errors.clear()

    def change(self, operation: str) -> None:
        """Count a change, which is also where the power may go or the disk may fail."""
        if self._left is not None and self._left <= 0:
            raise PowerCutError
        error = self._errors.pop(operation, None)
        if error is not None:
            raise error
        self.before_change()
        self.changes += 1
        if self._left is not None:
            self._left -= 1

    def open(self, path: Path, mode: Mode) -> OpenFile:
        if mode is Mode.CREATE:
            folder = self._folder(path.parent)
            with self.lock:
                if path.name in folder.entries:
                    raise FileExistsError(path)
                self.change("create")
                folder.set(path.name, Inode())
        return _Handle(self, self._node(path))

    def content(self, path: Path) -> bytes:
        """What a file holds, whole."""
        return bytes(self._file(path).content)

    def rot(self, path: Path, content: bytes) -> None:
        """Let a file hold other bytes of the same length from now on, which nobody wrote."""
        file = self._file(path)
        file.content, file.synced = bytearray(content), content[: len(file.synced)]

    def rename(self, source: Path, target: Path, *, replace: bool) -> None:
        old, new = self._folder(source.parent), self._folder(target.parent)
        node = old.entries.get(source.name)
        if node is None:
            raise FileNotFoundError(source)
        if not replace and target.name in new.entries:
            raise FileExistsError(target)
        with self.lock:
            self.change("rename")
            new.set(target.name, node)
            old.set(source.name, None)

    def remove(self, path: Path) -> None:
        folder = self._folder(path.parent)
        if not isinstance(folder.entries.get(path.name), Inode):
            raise FileNotFoundError(path)
        with self.lock:
            self.change("remove")
            folder.set(path.name, None)

    def make_folder(self, path: Path) -> None:
        if path == Path(path.anchor) or path.name in self._folder(path.parent).entries:
            raise FileExistsError(path)
        with self.lock:
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

    def _file(self, path: Path) -> Inode:
        node = self._node(path)
        if not isinstance(node, Inode):
            raise IsADirectoryError(path)
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
        with self._disk.lock:
            self._disk.change("write")
            self._inode().content += part
        return part.nbytes

    def pread(self, offset: int, length: int) -> bytes:
        return bytes(self._inode().content[offset : offset + max(1, length // 2)])

    def fsync(self) -> None:
        with self._disk.lock:
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


def _copied(folder: Folder, made: dict[int, Node]) -> Folder:
    def copied(node: Node) -> Node:
        found = made.get(id(node))
        if found is None:
            found = _copied(node, made) if isinstance(node, Folder) else Inode(node.content[:], node.synced)
            made[id(node)] = found
        return found

    entries = {name: copied(node) for name, node in folder.entries.items()}
    synced = {name: copied(node) for name, node in folder.synced.items()}
    history = {name: [node and copied(node) for node in states] for name, states in folder.history.items()}
    return Folder(entries, synced, history)


def _crash_folder(folder: Folder, rng: random.Random, loss: Loss) -> None:
    survived = dict(folder.synced)
    for name, states in folder.history.items():
        state = _surviving(states, rng, loss)
        survived.pop(name, None)
        if state is not None:
            survived[name] = state
    folder.entries = survived
    folder.sync()
    for node in survived.values():
        if isinstance(node, Folder):
            _crash_folder(node, rng, loss)
        else:
            node.content += _surviving_tail(node, rng, loss)
            node.synced = bytes(node.content)


def _surviving(states: list[Node | None], rng: random.Random, loss: Loss) -> Node | None:
    """Which of its states a name has: the first was synced, the last is the newest."""
    if loss is Loss.MIXED:
        return rng.choice(states)
    lost = loss in (Loss.ALL, Loss.NAMES) or loss is (Loss.REMOVED if states[-1] is None else Loss.ADDED)
    return states[0] if lost else states[-1]


def _surviving_tail(inode: Inode, rng: random.Random, loss: Loss) -> bytes:
    """Cut a file down to what was synced; what survives of the rest."""
    tail = bytes(inode.content[len(inode.synced) :])
    del inode.content[len(inode.synced) :]
    if loss in (Loss.ALL, Loss.CONTENT):
        return b""
    if loss is Loss.TORN:
        tail = tail[: rng.randrange(len(tail) + 1)]
    if loss is Loss.MIXED:
        tail = tail[: rng.randrange(len(tail) + _SECTOR) // _SECTOR * _SECTOR]
    if loss not in (Loss.TORN, Loss.MIXED):
        return tail
    sectors = [tail[start : start + _SECTOR] for start in range(0, len(tail), _SECTOR)]
    return b"".join([sector if rng.random() < 0.7 else _instead(sector, rng, loss) for sector in sectors])


def _instead(sector: bytes, rng: random.Random, loss: Loss) -> bytes:
    return rng.randbytes(len(sector)) if loss is Loss.TORN and rng.random() < 0.5 else bytes(len(sector))
