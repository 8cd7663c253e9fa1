"""Objects as files in a folder."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from galleria_storage.objects import names
from galleria_storage.objects.descriptors import DescriptorCache
from galleria_storage.objects.errors import ObjectExists, translate
from galleria_storage.objects.files import Files, Mode, OpenFile, SystemFiles
from galleria_storage.objects.local_tree import LocalTree
from galleria_storage.objects.local_writer import LocalWriter
from galleria_storage.objects.store import ObjectInfo, ObjectWriter, Space, check_range


class LocalObjectStore:
    """An ObjectStore in the folder `root`, which is made if absent; unfinished objects grow in `root/tmp`.

    One process at a time: opening removes the unfinished objects an earlier one left. `open_files` bounds
    the descriptors kept for reading. Opening raises StoreFailed, StoreFull when `root` cannot be prepared.
    """

    def __init__(self, root: Path, files: Files | None = None, open_files: int = 32) -> None:
        self._files: Files = files or SystemFiles()
        self._tree = LocalTree(root, self._files)
        self._descriptors = DescriptorCache(open_files)
        self._numbers = itertools.count()
        try:
            self._tree.prepare()
        except OSError as error:
            raise translate("", "open", error) from error

    def create(self, name: str) -> ObjectWriter:
        target = self._tree.target(name)
        try:
            if self._tree.exists(target):
                raise ObjectExists(name)
        except OSError as error:
            raise translate(name, "create", error) from error
        return self._writer(name, replace=False)

    def read(self, name: str, offset: int = 0, length: int | None = None) -> bytes | None:
        check_range(offset, length)
        try:
            with self._descriptors.reading(name, lambda: self._open(name)) as (file, size):
                end = size if length is None else min(size, offset + length)
                return _read_range(file, offset, end)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise translate(name, "read", error) from error

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        try:
            return iter(sorted(self._tree.find(prefix)))
        except OSError as error:
            raise translate(prefix, "list", error) from error

    def delete(self, name: str) -> bool:
        path = self._tree.target(name)
        try:
            self._files.remove(path)
            self._descriptors.drop(name)
            self._tree.sync(path.parent)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise translate(name, "delete", error) from error
        return True

    def replace(self, name: str, data: bytes) -> None:
        names.parse(name)
        writer = self._writer(name, replace=True)
        try:
            writer.append(data)
            writer.commit()
        finally:
            writer.abort()

    def space(self) -> Space:
        try:
            return self._files.space(self._tree.root)
        except OSError as error:
            raise translate("", "space", error) from error

    def close(self) -> None:
        """Close the files kept open for reading; the store can still be used."""
        self._descriptors.clear()

    def _open(self, name: str) -> OpenFile:
        return self._files.open(self._tree.target(name), Mode.READ)

    def _writer(self, name: str, *, replace: bool) -> LocalWriter:
        temporary = self._tree.temporary(name, next(self._numbers))
        try:
            file = self._files.open(temporary, Mode.CREATE)
        except OSError as error:
            raise translate(name, "create", error) from error
        return LocalWriter(
            name,
            file,
            publish=lambda: self._publish(name, temporary, replace=replace),
            discard=lambda: self._files.remove(temporary),
        )

    def _publish(self, name: str, temporary: Path, *, replace: bool) -> None:
        target = self._tree.target(name)
        self._tree.ensure_folder(target.parent)
        self._files.rename(temporary, target, replace=replace)
        self._descriptors.drop(name)
        try:
            self._tree.sync(target.parent)
        except OSError:
            # The caller learns that it failed, so nobody should meet the object; a replaced one is past saving.
            if not replace:
                with suppress(OSError):
                    self._files.remove(target)
            raise


def _read_range(file: OpenFile, offset: int, end: int) -> bytes:
    parts: list[bytes] = []
    while offset < end and (part := file.pread(offset, end - offset)):
        parts.append(part)
        offset += len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
