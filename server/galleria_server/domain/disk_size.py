"""Which sizes a disk may have."""

from galleria_server.domain.errors_content import DiskTooLarge, SizeNotAllowed

SECTOR = 512


def check_size(size_bytes: int, limit_bytes: int) -> None:
    """Raises DiskTooLarge above `limit_bytes`, SizeNotAllowed for what is no positive multiple of 512 bytes."""
    if size_bytes > limit_bytes:
        raise DiskTooLarge(size_bytes, limit_bytes)
    if size_bytes < SECTOR or size_bytes % SECTOR:
        raise SizeNotAllowed(size_bytes, SECTOR)
