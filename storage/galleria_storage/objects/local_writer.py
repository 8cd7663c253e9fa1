"""An object growing in a temporary file."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from galleria_storage.errors import StorageError
from galleria_storage.objects.errors import ObjectExists, WriterClosed, translate
from galleria_storage.objects.files import OpenFile
from galleria_storage.objects.store import flat

if TYPE_CHECKING:
    from typing_extensions import Buffer

_WRITEBACK_BYTES = 8 << 20


class LocalWriter:
    """An ObjectWriter over an open file. `publish` names the file durably, `discard` removes it."""

    def __init__(self, name: str, file: OpenFile, publish: Callable[[], None], discard: Callable[[], None]) -> None:
        self._name = name
        self._file = file
        self._publish = publish
        self._discard = discard
        self._size = 0
        self._handed_over = 0
        self._closed = False
        self._failure: StorageError | None = None

    @property
    def size(self) -> int:
        return self._size

    def append(self, data: Buffer) -> None:
        view = flat(data)
        self._refuse_closed()
        try:
            self._write(view)
        except OSError as error:
            raise self._fail(translate(self._name, "append", error, view.nbytes)) from error

    def commit(self) -> None:
        self._refuse_closed()
        try:
            # A failed fsync may have dropped the dirty pages, so a second one would lie: never retried.
            self._file.fsync()
            self._publish()
        except FileExistsError as error:
            raise self._fail(ObjectExists(self._name)) from error
        except OSError as error:
            raise self._fail(translate(self._name, "commit", error)) from error
        self._close()

    def abort(self) -> None:
        if not self._closed:
            self._close()
            with suppress(OSError):
                self._discard()

    def _write(self, view: memoryview) -> None:
        done = 0
        while done < view.nbytes:
            done += self._file.write(view[done:])
        self._size += done
        # Writing early keeps the disk busy while the next bytes are made and the fsync at the end short.
        if self._size - self._handed_over >= _WRITEBACK_BYTES:
            self._file.start_writeback(self._handed_over, self._size - self._handed_over)
            self._handed_over = self._size

    def _refuse_closed(self) -> None:
        if self._closed:
            raise WriterClosed(self._name)
        if self._failure is not None:
            raise self._failure

    def _fail(self, failure: StorageError) -> StorageError:
        self._failure = failure
        return failure

    def _close(self) -> None:
        self._closed = True
        with suppress(OSError):
            self._file.close()
