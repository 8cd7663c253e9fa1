"""How errors about content are told: gRPC code, ErrorReason without prefix, attributes shown in ErrorInfo."""

from __future__ import annotations

from galleria_server.domain import errors_content as content
from galleria_storage import errors as storage
from galleria_storage import roots
from galleria_storage.objects import errors as objects
from galleria_storage.volume import errors as volume

_REFUSED = ("reason", "field", "value", "limit")

CONTENT_ERRORS: dict[type[Exception], tuple[str, str, tuple[str, ...]]] = {
    content.NotEnoughVolumes: ("FAILED_PRECONDITION", "NOT_ENOUGH_VOLUMES", ("region", "wanted", "available")),
    content.VolumeUnavailable: ("UNAVAILABLE", "VOLUME_UNAVAILABLE", ("region", "volume")),
    content.VolumeMissing: ("NOT_FOUND", "NOT_FOUND", ("name",)),
    content.SizeNotAllowed: ("INVALID_ARGUMENT", "INVALID_FIELD", ("size_bytes", "multiple")),
    content.SizeNotPromised: ("INVALID_ARGUMENT", "INVALID_FIELD", ("size_bytes", "promised_bytes")),
    content.DiskTooLarge: ("INVALID_ARGUMENT", "DISK_TOO_LARGE", ("size_bytes", "limit_bytes")),
    content.PushMissing: ("NOT_FOUND", "NOT_FOUND", ("session",)),
    content.ProtocolViolated: ("INVALID_ARGUMENT", "PROTOCOL", ("rule",)),
    content.LimitExceeded: ("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED", ("limit_name", "value", "limit")),
    content.StreamIdle: ("DEADLINE_EXCEEDED", "IDLE", ("direction", "seconds")),
    content.NotInRegion: ("FAILED_PRECONDITION", "NOT_IN_REGION", ("name", "region", "skipped")),
    content.ContentMismatch: ("FAILED_PRECONDITION", "WRONG_STATE", ("name", "expected", "actual")),
    content.OutsideContent: ("OUT_OF_RANGE", "INVALID_FIELD", ("field", "value", "end")),
    content.ContentLost: ("DATA_LOSS", "DATA_LOSS", ("name", "segment", "chunks")),
    content.CollectionOff: ("FAILED_PRECONDITION", "COLLECTION_OFF", ("region", "volume", "reason")),
    content.RootNotUsable: ("FAILED_PRECONDITION", "ROOT_NOT_USABLE", ("root", "reason")),
    storage.DigestMismatch: ("INVALID_ARGUMENT", "DIGEST_MISMATCH", ()),
    storage.ChunkNotByRule: ("INVALID_ARGUMENT", "CHUNK_NOT_BY_RULE", _REFUSED),
    storage.RecordInvalid: ("INVALID_ARGUMENT", "RECORD_INVALID", _REFUSED),
    storage.FrameRefused: ("INVALID_ARGUMENT", "RECORD_INVALID", _REFUSED),
    storage.PageInvalid: ("INVALID_ARGUMENT", "LAYOUT_INVALID", ("segment", "entry", *_REFUSED)),
    storage.LayoutInvalid: ("INVALID_ARGUMENT", "LAYOUT_INVALID", _REFUSED),
    storage.UnknownRule: ("INVALID_ARGUMENT", "LAYOUT_INVALID", ("name",)),
    volume.LayoutIncomplete: ("FAILED_PRECONDITION", "LAYOUT_INCOMPLETE", ("first", "missing")),
    volume.LeaseLapsed: ("FAILED_PRECONDITION", "LEASE_LAPSED", ("lease",)),
    volume.ChunkNotRequested: ("INVALID_ARGUMENT", "CHUNK_NOT_REQUESTED", ("position",)),
    volume.TooManySegments: ("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED", ("limit",)),
    volume.SegmentUnderWay: ("INVALID_ARGUMENT", "PROTOCOL", ("segment",)),
    volume.OffsetRefused: ("INVALID_ARGUMENT", "PROTOCOL", ("offset", "reason")),
    volume.SegmentOutside: ("OUT_OF_RANGE", "INVALID_FIELD", ("field", "value", "limit")),
    volume.RootMissing: ("NOT_FOUND", "NOT_FOUND", ()),
    volume.RootTaken: ("FAILED_PRECONDITION", "ROOT_NOT_USABLE", ("root",)),
    roots.RootDamaged: ("DATA_LOSS", "DATA_LOSS", ("root",)),
    volume.RecordsUnreadable: ("DATA_LOSS", "DATA_LOSS", ()),
    volume.CollectionStopped: ("FAILED_PRECONDITION", "COLLECTION_STOPPED", ("reason",)),
    volume.VolumeClosed: ("UNAVAILABLE", "VOLUME_UNAVAILABLE", ()),
    objects.StoreFull: ("RESOURCE_EXHAUSTED", "VOLUME_FULL", ()),
    objects.StoreFailed: ("UNAVAILABLE", "VOLUME_UNAVAILABLE", ()),
}
