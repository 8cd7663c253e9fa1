"""Volumes: where content is pushed to, copied to and read from."""

from galleria_storage.roots import Holder, Root, RootDamaged
from galleria_storage.volume.accounting import Account
from galleria_storage.volume.collecting import Collected
from galleria_storage.volume.copying import Copy
from galleria_storage.volume.errors import (
    ChunkNotRequested,
    CollectionStopped,
    CopyCancelled,
    LayoutDiffers,
    LayoutIncomplete,
    LeaseLapsed,
    OffsetRefused,
    RecordsUnreadable,
    RootMissing,
    RootTaken,
    SegmentOutside,
    SegmentUnderWay,
    TooManySegments,
    VolumeClosed,
    VolumeLocked,
    VolumeUnreadable,
)
from galleria_storage.volume.identity import Database
from galleria_storage.volume.local import open_local_volume
from galleria_storage.volume.policy import Policy
from galleria_storage.volume.push import Push, PushCounts
from galleria_storage.volume.raw import RawStream
from galleria_storage.volume.reading import Piece, Reader
from galleria_storage.volume.root_files import RootFile
from galleria_storage.volume.scrubbing import Scrubbed
from galleria_storage.volume.source import Source
from galleria_storage.volume.stream import MAX_SEGMENTS, PushStream
from galleria_storage.volume.verifying import Verified
from galleria_storage.volume.volume import PinnedRoot, Usage, Volume

__all__ = [
    "MAX_SEGMENTS",
    "Account",
    "ChunkNotRequested",
    "Collected",
    "CollectionStopped",
    "Copy",
    "CopyCancelled",
    "Database",
    "Holder",
    "LayoutDiffers",
    "LayoutIncomplete",
    "LeaseLapsed",
    "OffsetRefused",
    "Piece",
    "PinnedRoot",
    "Policy",
    "Push",
    "PushCounts",
    "PushStream",
    "RawStream",
    "Reader",
    "RecordsUnreadable",
    "Root",
    "RootDamaged",
    "RootFile",
    "RootMissing",
    "RootTaken",
    "Scrubbed",
    "SegmentOutside",
    "SegmentUnderWay",
    "Source",
    "TooManySegments",
    "Usage",
    "Verified",
    "Volume",
    "VolumeClosed",
    "VolumeLocked",
    "VolumeUnreadable",
    "open_local_volume",
]
