"""The index of a volume: ordered tables of small rows, written in atomic, durable batches.

Everything in it can be made again from packs and root files; it is no place for anything else.
"""

from galleria_storage.index.errors import IndexClosed, IndexDamaged, IndexFailed, IndexLocked
from galleria_storage.index.memory import MemoryIndex
from galleria_storage.index.rocks import RocksIndex
from galleria_storage.index.rocks_options import RocksShared
from galleria_storage.index.store import Batch, Index, Table

__all__ = [
    "Batch",
    "Index",
    "IndexClosed",
    "IndexDamaged",
    "IndexFailed",
    "IndexLocked",
    "MemoryIndex",
    "RocksIndex",
    "RocksShared",
    "Table",
]
