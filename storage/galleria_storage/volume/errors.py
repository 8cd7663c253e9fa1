"""What can go wrong with a volume, a push, a copy or a read."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from galleria_storage.errors import StorageError


class VolumeLocked(StorageError):
    """Another process owns the volume at `path`."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"the volume at {self.path} is in use by another process"


class VolumeUnreadable(StorageError):
    """`volume.json` is not one this version may open."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"the volume cannot be opened: {self.reason}"


class VolumeClosed(StorageError):
    """The volume is closed, or closing."""

    def __str__(self) -> str:
        return "the volume is closed"


class CollectionStopped(StorageError):
    """What a volume needs cannot be told, so nothing of it may go."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"collection stops, nothing more is removed: {self.reason}"


class LeaseLapsed(StorageError):
    """The lease of a push or copy has ended; everything must be offered again under a new one."""

    def __init__(self, lease: UUID) -> None:
        super().__init__(lease)
        self.lease = lease

    def __str__(self) -> str:
        return f"lease {self.lease} has lapsed; begin again, what is stored will be found"


class LayoutIncomplete(StorageError):
    """Segments of a layout are not durable in this push: `first` is one, `missing` how many."""

    def __init__(self, first: int, missing: int) -> None:
        super().__init__(first, missing)
        self.first = first
        self.missing = missing

    def __str__(self) -> str:
        return f"{self.missing} segments of the layout are not durable in this push, the first is {self.first}"


class ChunkNotRequested(StorageError):
    """A record came that the stream was not asked for. `position` counts the records of its frame from 0."""

    def __init__(self, position: int) -> None:
        super().__init__(position)
        self.position = position

    def __str__(self) -> str:
        return f"record {self.position} of the message was not asked for on this stream"


class TooManySegments(StorageError):
    """More segments are offered and not durable than the stream may have. `limit` is how many it may."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit

    def __str__(self) -> str:
        return f"{self.limit} segments are under way on this stream, and it may have no more"


class SegmentUnderWay(StorageError):
    """A segment was offered again on the stream that still carries it."""

    def __init__(self, segment: int) -> None:
        super().__init__(segment)
        self.segment = segment

    def __str__(self) -> str:
        return f"segment {self.segment} is under way on this stream already"


class RootMissing(StorageError):
    """No such root is pinned on the volume."""

    def __init__(self, root: UUID) -> None:
        super().__init__(root)
        self.root = root

    def __str__(self) -> str:
        return f"root {self.root} is not on the volume"


class RootTaken(StorageError):
    """The id of a root is that of one with other content, or of one that was released: `root`."""

    def __init__(self, root: UUID) -> None:
        super().__init__(root)
        self.root = root

    def __str__(self) -> str:
        return f"root {self.root} was pinned before, with other content or released"


class LayoutDiffers(StorageError):
    """A root cannot be repaired from one with other content: ids of both."""

    def __init__(self, root: UUID, source: UUID) -> None:
        super().__init__(root, source)
        self.root = root
        self.source = source

    def __str__(self) -> str:
        return f"root {self.root} and root {self.source} have different layouts"


class RecordsUnreadable(StorageError):
    """Records that a layout names are missing or damaged on this volume. `names` are theirs, 32 bytes each."""

    def __init__(self, names: Sequence[bytes]) -> None:
        super().__init__(len(names))
        self.names = tuple(names)

    def __str__(self) -> str:
        return f"{len(self.names)} records cannot be read from this volume"


class CopyCancelled(StorageError):
    """Whoever watches a copy has asked it to stop."""

    def __str__(self) -> str:
        return "the copy was cancelled"


class SegmentOutside(StorageError):
    """A segment or range lies outside the disk. `field` says which value, `value` what it was, `limit` the end."""

    def __init__(self, field: str, value: int, limit: int) -> None:
        super().__init__(field, value, limit)
        self.field = field
        self.value = value
        self.limit = limit

    def __str__(self) -> str:
        return f"{self.field} {self.value} lies outside the disk, which ends at {self.limit}"


class OffsetRefused(StorageError):
    """Raw bytes came out of order or off a segment's border."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(offset, reason)
        self.offset = offset
        self.reason = reason

    def __str__(self) -> str:
        return f"bytes at offset {self.offset} are refused: {self.reason}"
