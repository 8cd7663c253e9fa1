"""The base of every error the blob engine raises, and the errors of its formats.

No message shows a digest of content: those are attributes, for callers that may see them.
"""

from __future__ import annotations

Number = int | str
"""A field's value or bound as messages show it."""


class StorageError(Exception):
    """Base class: an operation of the blob engine failed; subclasses carry typed attributes."""


class UnknownRule(StorageError):
    """No chunking rule of this `name` is known here."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"the chunking rule {self.name!r} is not known"


class FormatRefused(StorageError):
    """Bytes or values are not what the format allows.

    Attributes:
        reason: what is wrong, a few lower-case words that do not change.
        field: the field that is wrong.
        value: what it holds.
        limit: what it may hold.
    """

    subject = "value"

    def __init__(self, reason: str, field: str, value: Number, limit: Number) -> None:
        super().__init__(reason, field, value, limit)
        self.reason = reason
        self.field = field
        self.value = value
        self.limit = limit

    def __str__(self) -> str:
        return f"{self.subject} refused, {self.reason}: {self.field} is {self.value}, allowed is {self.limit}"


class ChunkNotByRule(FormatRefused):
    """The rule would have cut these bytes otherwise; value and limit are in bytes or blocks, as `field` says."""

    subject = "chunk"


class LayoutInvalid(FormatRefused):
    """A layout that no disk has, or that is not encoded as the format says."""

    subject = "layout"


class FrameRefused(FormatRefused):
    """A chunk's payload is not the one plain frame (or the raw bytes) that its header promises."""

    subject = "payload"


class RecordInvalid(FormatRefused):
    """A record whose header or check is wrong."""

    subject = "record"


class PageInvalid(StorageError):
    """A page that is not the rule's.

    Attributes:
        segment: index of the segment in its disk; None until a caller that knows it sets it.
        entry: index of the first wrong entry; None when the page as a whole is wrong.
        reason, field, value, limit: as in `FormatRefused`.
    """

    def __init__(
        self, segment: int | None, entry: int | None, reason: str, field: str, value: Number, limit: Number
    ) -> None:
        super().__init__(segment, entry, reason, field, value, limit)
        self.segment = segment
        self.entry = entry
        self.reason = reason
        self.field = field
        self.value = value
        self.limit = limit

    def __str__(self) -> str:
        of_segment = "" if self.segment is None else f" of segment {self.segment}"
        at_entry = "" if self.entry is None else f" at entry {self.entry}"
        found = f"{self.field} is {self.value}, allowed is {self.limit}"
        return f"page{of_segment} refused{at_entry}, {self.reason}: {found}"


class DigestMalformed(StorageError):
    """The `text` is not a disk's digest: a rule's name, a colon and 64 lower-case hexadecimal digits."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f"not a disk's digest ({len(self.text)} characters): expected RULE:64 lower-case hexadecimal digits"


class DigestMismatch(StorageError):
    """The bytes are not those that the name stands for; both names are 32 raw bytes."""

    def __init__(self, expected: bytes, actual: bytes) -> None:
        super().__init__(expected, actual)
        self.expected = expected
        self.actual = actual

    def __str__(self) -> str:
        return "the bytes do not match their name"
