"""Exit codes, and what to do about an error."""

from __future__ import annotations

from typing import Final

from galleria_client import errors
from galleria_client.endpoint import DEFAULT_ENDPOINT
from galleria_client.output_errors import OutputBusy, OutputExists
from galleria_client.source_errors import DiskDiffers

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
NOT_FOUND: Final = 3
CONFLICT: Final = 4
NOT_ALLOWED: Final = 5
TIMED_OUT: Final = 6
UNREACHABLE: Final = 7
DAMAGED: Final = 8
INTERRUPTED: Final = 130

_CODES: Final[tuple[tuple[type[Exception], int], ...]] = (
    (errors.InvalidField, USAGE),
    (errors.NotFound, NOT_FOUND),
    (errors.AlreadyExists, CONFLICT),
    (errors.FailedPrecondition, CONFLICT),
    (errors.Aborted, CONFLICT),
    (OutputExists, CONFLICT),
    (OutputBusy, CONFLICT),
    (DiskDiffers, CONFLICT),
    (errors.Unauthenticated, NOT_ALLOWED),
    (errors.PermissionDenied, NOT_ALLOWED),
    (errors.DeadlineExceeded, TIMED_OUT),
    (errors.WaitTimedOut, TIMED_OUT),
    (errors.Unavailable, UNREACHABLE),
    (errors.GaveUp, UNREACHABLE),
    (errors.Interrupted, INTERRUPTED),
)

_NO_SERVER: Final = (
    f"is the server running? `galleria serve` starts one on {DEFAULT_ENDPOINT}; "
    "--endpoint or GALLERIA_ENDPOINT names another"
)

_ADVICE: Final[tuple[tuple[type[Exception], str], ...]] = (
    (errors.RegionUnknown, "`galleria region list` shows the regions"),
    (errors.NotFound, "the `list` commands show what there is"),
    (errors.AlreadyExists, "choose another name, or delete the one that is there"),
    (errors.InUse, "delete what it holds, wait for what uses it, or see whether the command has --force"),
    (errors.NotEnoughVolumes, "ask for fewer replicas or another storage account type"),
    (errors.NotInRegion, "`galleria image-version wait` waits until it is there"),
    (errors.EtagMismatch, "look at it again and repeat the command"),
    (errors.DataLoss, "publish the content again from its source"),
    (errors.Draining, "try again in a moment"),
    (errors.VolumeUnavailable, "try again in a moment; `galleria volume list` shows the volumes"),
    (errors.VolumeFull, "`galleria volume list` shows what is free"),
    (errors.Unavailable, _NO_SERVER),
    (errors.InternalError, "the server's log says more under this error_id"),
)


def exit_code_of(error: Exception) -> int:
    """The documented exit code of an error."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), FAILED)


def explained(error: Exception) -> str:
    """What is wrong and what to do, as one sentence."""
    told = str(error).rstrip(".")
    if isinstance(error, errors.InternalError) and error.metadata.get("error_id"):
        told += f" (error_id {error.metadata['error_id']})"
    advice = next((text for kind, text in _ADVICE if isinstance(error, kind)), None)
    return f"{told}; {advice}" if advice else told
