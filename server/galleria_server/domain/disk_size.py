"""Which sizes a disk may have."""

from galleria_server.domain.errors_content import DiskTooLarge, SizeNotAllowed
from galleria_server.domain.models import DiskKind

SECTOR = 512
MULTIPLES = {DiskKind.DISK: SECTOR, DiskKind.FILE: 1}


def check_size(size_bytes: int, limit_bytes: int, kind: DiskKind = DiskKind.DISK) -> None:
    """Raises DiskTooLarge above `limit_bytes`, SizeNotAllowed for what is no positive multiple of what its kind has."""
    multiple = MULTIPLES[kind]
    if size_bytes > limit_bytes:
        raise DiskTooLarge(size_bytes, limit_bytes)
    if size_bytes < multiple or size_bytes % multiple:
        raise SizeNotAllowed(size_bytes, multiple)


def kind_of(size_bytes: int) -> DiskKind:
    """What content of that size can be the disk of."""
    return DiskKind.FILE if size_bytes % SECTOR else DiskKind.DISK
