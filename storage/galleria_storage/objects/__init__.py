"""The object store under a volume: whole, named, immutable byte strings.

Use it for packs, pages and root files. It is no place for rows: those belong into the index.
"""

from galleria_storage.objects.errors import (
    InvalidObjectName,
    ObjectExists,
    StoreFailed,
    StoreFull,
    WriterClosed,
)
from galleria_storage.objects.local import LocalObjectStore
from galleria_storage.objects.memory import MemoryObjectStore
from galleria_storage.objects.store import ObjectInfo, ObjectStore, ObjectWriter, Space

__all__ = [
    "InvalidObjectName",
    "LocalObjectStore",
    "MemoryObjectStore",
    "ObjectExists",
    "ObjectInfo",
    "ObjectStore",
    "ObjectWriter",
    "Space",
    "StoreFailed",
    "StoreFull",
    "WriterClosed",
]
