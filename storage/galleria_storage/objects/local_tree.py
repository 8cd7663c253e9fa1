"""Where a local store's objects lie, and the folders around them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from galleria_storage.objects import names
from galleria_storage.objects.errors import InvalidObjectName
from galleria_storage.objects.files import Entry, Files, Mode
from galleria_storage.objects.store import ObjectInfo


class LocalTree:
    """The folder tree of one local store. Every method but target and temporary raises OSError."""

    def __init__(self, root: Path, files: Files) -> None:
        self.root = root
        self._files = files
        self._temporaries = root / "tmp"
        self._ready: set[Path] = set()

    def target(self, name: str) -> Path:
        """The file of an object. Raises InvalidObjectName."""
        folder, base = names.parse(name)
        return self.root / folder / base

    def temporary(self, name: str, number: int) -> Path:
        """The file in which an object grows; `number` tells writers of one process apart."""
        return self._temporaries / f"{name.replace('/', '.')}.{number}"

    def prepare(self) -> None:
        """Make the folders, remove what an earlier process left unfinished, make durable what it renamed."""
        for folder in reversed(self.root.parents):
            if self._make(folder):
                self.sync(folder.parent)
        for folder in (self.root, self._temporaries):
            self.ensure_folder(folder)
        for entry in self._files.entries(self._temporaries):
            self._files.remove(self._temporaries / entry.name)
        # A process killed between a rename and its fsync leaves an object that a power cut could still take.
        for entry in self._files.entries(self.root):
            if entry.is_folder and _is_object(f"{entry.name}/x"):
                self.sync(self.root / entry.name)

    def ensure_folder(self, folder: Path) -> None:
        """Make a folder if absent, durably, once in the life of this object."""
        if folder in self._ready:
            return
        self._make(folder)
        # Synced even if it was there: whoever made it may have been killed before it was durable. The folder
        # above the root may belong to somebody else, who then answers for it.
        with suppress(PermissionError):
            self.sync(folder.parent)
        self._ready.add(folder)

    def sync(self, folder: Path) -> None:
        """Make a folder's entries durable."""
        handle = self._files.open(folder, Mode.FOLDER)
        try:
            handle.fsync()
        finally:
            handle.close()

    def exists(self, path: Path) -> bool:
        """Whether a file is there."""
        try:
            self._files.open(path, Mode.READ).close()
        except FileNotFoundError:
            return False
        return True

    def find(self, prefix: str) -> Iterator[ObjectInfo]:
        """The objects whose names begin with `prefix`, in any order; foreign files are passed over."""
        folder, slash, _ = prefix.partition("/")
        if slash:
            yield from self._in_folder(folder, prefix)
            return
        for entry in self._files.entries(self.root):
            if entry.is_folder:
                if f"{entry.name}/".startswith(prefix):
                    yield from self._in_folder(entry.name, prefix)
            elif entry.name.startswith(prefix) and _is_object(entry.name):
                yield ObjectInfo(entry.name, entry.size)

    def _in_folder(self, folder: str, prefix: str) -> Iterator[ObjectInfo]:
        if not _is_object(f"{folder}/x"):
            return
        for entry in self._entries(self.root / folder):
            name = f"{folder}/{entry.name}"
            if name.startswith(prefix) and not entry.is_folder and _is_object(name):
                yield ObjectInfo(name, entry.size)

    def _entries(self, folder: Path) -> list[Entry]:
        try:
            return self._files.entries(folder)
        except FileNotFoundError:
            return []

    def _make(self, folder: Path) -> bool:
        try:
            self._files.make_folder(folder)
        except FileExistsError:
            return False
        return True


def _is_object(name: str) -> bool:
    try:
        names.parse(name)
    except InvalidObjectName:
        return False
    return True
