"""What a client says about its push when it ends it."""

from __future__ import annotations

from dataclasses import dataclass, field

from galleria_storage.layout import Layout
from galleria_storage.volume import Push, PushCounts


@dataclass(frozen=True, slots=True)
class Promise:
    """The end of a push, checked: an encoded layout, or b"" after raw pushes with the size of the disk in bytes.

    `sha256` is 64 hexadecimal digits or empty; bytes and seconds are what the client measured.
    """

    layout_bytes: bytes
    size_bytes: int
    sha256: str = ""
    bytes_read: int = 0
    stage_seconds: dict[str, float] = field(default_factory=dict)

    def layout(self, push: Push) -> Layout:
        """The layout that is meant. Blocks. Raises LayoutInvalid, UnknownRule."""
        return Layout.parse(self.layout_bytes) if self.layout_bytes else push.assemble(self.size_bytes)

    def is_kept_by(self, digest: str, size_bytes: int) -> bool:
        """Whether content with this digest and size is what was meant. Raises LayoutInvalid, UnknownRule."""
        return Layout.parse(self.layout_bytes).text == digest if self.layout_bytes else self.size_bytes == size_bytes

    def statistics(self, counts: PushCounts) -> dict[str, object]:
        """What is kept of the push, in JSON types."""
        return {
            "bytes_read": self.bytes_read,
            "chunks_sent": counts.chunks_sent,
            "bytes_sent": counts.bytes_sent,
            "stage_seconds": self.stage_seconds,
        }
