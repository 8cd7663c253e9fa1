"""`galleria image-version sign`, and what `pull --verify-key` asks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from galleria_client.cli.names import Where, image_name, named
from galleria_client.cli.session import Session, with_session

if TYPE_CHECKING:
    from typing import Any

KIND = "image-version"


@click.command()
@named("version")
@click.option("--key", required=True, metavar="PEM", help="Private Ed25519 key; `openssl genpkey -algorithm ed25519`.")
@click.option("--predicate", metavar="FILE", help="What to say of the disks beside, in JSON.")
@click.option("--predicate-type", metavar="URI", help="What the predicate is.")
@click.option("--dry-run", is_flag=True, help="Print the envelope, and do not put it into the gallery.")
@with_session()
def sign(
    session: Session, *, where: Where, key: str, predicate: str | None, predicate_type: str | None, dry_run: bool
) -> None:
    """Vouch for the disks of an image version, as they are in the gallery."""
    from galleria.v1.image_versions_pb2 import ImageVersion
    from galleria_client import signing

    if (predicate is None) != (predicate_type is None):
        raise click.UsageError("--predicate and --predicate-type are given together")
    version = session.client.galleries.get_version(str(image_name(session, where, "version")))
    kind, said = predicate_type or signing.PREDICATE_TYPE, None if predicate is None else _json(predicate)
    envelope = signing.sign(signing.digests_of(version), _read(key), predicate_type=kind, predicate=said)
    if dry_run:
        click.echo(envelope)
        return
    signed = ImageVersion(name=version.name, etag=version.etag, signature=envelope)
    session.answer(session.client.galleries.update_version(signed, ["signature"]).wait().result(), KIND)


def verified(session: Session, name: str, region: str, lun: int | None, key: str) -> tuple[str, str]:
    """The exact name of a version, and the digest of one of its disks that the owner of a public key vouches for.

    Raises:
        SignatureInvalid: nobody does, or somebody else.
    """
    from galleria_client import signing

    version = session.client.galleries.get_version(name, region=region)
    disks, disk = signing.verify(version.name, version.signature, _read(key)), signing.subject_of(lun)
    if disk not in disks:
        raise signing.SignatureInvalid(version.name, f"it says nothing of {disk}")
    return version.name, disks[disk]


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise click.ClickException(f"{path} cannot be read: {error.strerror}") from None


def _json(path: str) -> Any:  # noqa: ANN401 - JSON of any shape
    import json

    try:
        return json.loads(_read(path))
    except ValueError as error:
        raise click.ClickException(f"{path} is no JSON: {error}") from None
