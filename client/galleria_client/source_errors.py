"""Errors of what is to be pushed. All are found by the client, most before a byte is read."""

from __future__ import annotations

from galleria_client.errors import GalleriaError


class SourceError(GalleriaError):
    """The source cannot be pushed; `path` is the file, or `-` for a pipe."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class SourceMissing(SourceError):
    """There is no such file."""

    def __str__(self) -> str:
        return f"{self.path} does not exist"


class SourceUnreadable(SourceError):
    """The file cannot be opened or read; `detail` is the system's word for it."""

    def __init__(self, path: str, detail: str) -> None:
        super().__init__(path)
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.path} cannot be read: {self.detail}"


class SourceNotADisk(SourceError):
    """The path is neither a regular file nor a block device; `kind` says what it is."""

    def __init__(self, path: str, kind: str) -> None:
        super().__init__(path)
        self.kind = kind

    def __str__(self) -> str:
        return f"{self.path} is a {self.kind}; a disk is a regular file, a block device, or - for a pipe"


class SourceEmpty(SourceError):
    """There are no bytes."""

    def __str__(self) -> str:
        return f"{self.path} is empty; a disk has at least 512 bytes"


class SourceSizeOdd(SourceError):
    """The size in bytes is no multiple of 512."""

    def __init__(self, path: str, size: int) -> None:
        super().__init__(path)
        self.size = size

    def __str__(self) -> str:
        missing = -self.size % 512
        return (
            f"{self.path} has {self.size} bytes, which is no multiple of 512 as a disk's size is; "
            f"`truncate -s +{missing}` would add the missing {missing}"
        )


class SourceTooLarge(SourceError):
    """The size is over the limit, both in bytes; a pipe is at least that large."""

    def __init__(self, path: str, size: int, limit: int) -> None:
        super().__init__(path)
        self.size = size
        self.limit = limit

    def __str__(self) -> str:
        return f"{self.path} has {self.size} bytes; a disk has at most {self.limit}"


class SourceChanged(SourceError):
    """The file changed while it was read; `detail` says how that showed."""

    def __init__(self, path: str, detail: str) -> None:
        super().__init__(path)
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.path} changed while it was read ({self.detail}); push a copy or a snapshot of it"


class SourceChecksumMismatch(SourceError):
    """The raw stream does not have the SHA-256 that was promised; both are 64 hexadecimal digits."""

    def __init__(self, path: str, expected: str, actual: str) -> None:
        super().__init__(path)
        self.expected = expected
        self.actual = actual

    def __str__(self) -> str:
        return f"{self.path} has SHA-256 {self.actual}, not {self.expected}; nothing was committed"


class SourceGone(SourceError):
    """The push lapsed, and the bytes of a pipe cannot be read a second time."""

    def __str__(self) -> str:
        return f"the push of {self.path} lapsed, and a pipe cannot be read again; start the pipe anew"


class DiskDiffers(SourceError):
    """A disk of that name exists and cannot take this source; `detail` says why."""

    def __init__(self, path: str, name: str, detail: str) -> None:
        super().__init__(path)
        self.name = name
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.name} {self.detail}; choose another name or delete the disk first"
