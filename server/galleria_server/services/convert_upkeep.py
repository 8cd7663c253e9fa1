"""What is done on a volume, as messages."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from galleria.v1 import installation_pb2 as pb
from galleria_server.volumes.mount import Mount
from galleria_server.volumes.roots import OwnedRoot
from galleria_storage.volume import Account, Collected, Scrubbed, Verified


def collect_message(found: Collected) -> pb.CollectVolumeResponse:
    """What a collection found and did."""
    return pb.CollectVolumeResponse(
        packs=found.packs,
        packs_bytes=found.size,
        garbage_bytes=found.garbage,
        condemned_bytes=found.condemned,
        removed_bytes=found.removed,
        held_packs=found.left,
        rewritten_bytes=found.rewritten,
    )


def scrub_message(found: Scrubbed, *, done: bool, lacking: Iterable[UUID]) -> pb.ScrubVolumeResponse:
    """How far a scrub is; `lacking` are the roots known to lack something at its end."""
    return pb.ScrubVolumeResponse(
        packs=found.packs,
        total_packs=found.total_packs,
        read_bytes=found.size,
        bad_records=found.bad,
        healed_records=found.healed,
        damaged_packs=found.damaged,
        lost_packs=found.lost,
        damaged_roots=map(str, found.roots),
        lacking_roots=map(str, lacking),
        done=done,
    )


def verify_message(found: Verified, *, done: bool) -> pb.VerifyVolumeResponse:
    """How far a verification is."""
    return pb.VerifyVolumeResponse(
        roots=found.roots,
        total_roots=found.total_roots,
        pages=found.pages,
        chunks=found.chunks,
        missing=found.missing,
        damaged_roots=map(str, found.unreadable),
        account=None if found.account is None else _account(found.account),
        done=done,
    )


def root_message(mount: Mount, found: OwnedRoot) -> pb.VolumeRoot:
    """A root and what it belongs to."""
    file = found.file
    message = pb.VolumeRoot(
        name=f"regions/{mount.region}/volumes/{mount.name}/roots/{file.id}",
        owner=found.owner,
        problem=file.problem,
        missing=file.lacks,
    )
    if file.root is not None:
        root = file.root
        message.resource, message.resource_uid = root.holder.name, str(root.holder.resource)
        message.scope, message.digest = str(root.holder.scope), root.layout.text
        message.size_bytes, message.occupied_bytes = root.layout.size, root.occupied
        message.pin_time.FromMilliseconds(root.pinned_ms)
    return message


def _account(account: Account) -> pb.VolumeAccount:
    return pb.VolumeAccount(
        logical_bytes=account.logical,
        occupied_bytes=account.occupied,
        stored_bytes=account.stored,
        live_bytes=account.live,
        garbage_bytes=account.garbage,
        condemned_bytes=account.condemned,
        framing_bytes=account.framing,
        free_bytes=account.free,
        total_bytes=account.total,
    )
