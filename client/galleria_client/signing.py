"""Signatures of image versions: who vouches for which disks, in a DSSE envelope, signed with Ed25519.

The envelope and what is signed are those of https://github.com/secure-systems-lab/dsse, the statement is an in-toto
Statement v1 (https://github.com/in-toto/attestation); `protos/README.md` has what is Galleria's own, and an example.
Needs the extra `galleria[signing]`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from galleria_client.errors import GalleriaError

if TYPE_CHECKING:
    from galleria.v1.image_versions_pb2 import ImageVersion

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://galleria.dev/published/v1"
"""Of a statement that says no more than that its signer vouches for the disks."""
OS_DISK, DATA_DISKS = "osDisk", "dataDisks"


class SignatureInvalid(GalleriaError):
    """A version has no signature, or none that the key has made about this content; `name` is the version."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)
        self.name = name
        self.reason = reason

    def __str__(self) -> str:
        return f"the signature of {self.name} does not hold: {self.reason}"


class KeyUnusable(GalleriaError):
    """What should be an Ed25519 key in PEM is none."""


def digests_of(version: ImageVersion) -> dict[str, str]:
    """The content digests of a version's disks, by the names that statements have for them."""
    return {OS_DISK: version.digest, **{f"{DATA_DISKS}/{disk.lun}": disk.digest for disk in version.data_disks}}


def subject_of(lun: int | None) -> str:
    """What a statement calls the operating system disk, or the data disk at a LUN."""
    return OS_DISK if lun is None else f"{DATA_DISKS}/{lun}"


def sign(
    digests: Mapping[str, str], key: bytes, *, predicate_type: str = PREDICATE_TYPE, predicate: object = None
) -> str:
    """The envelope, in JSON, in which the private `key` (PEM, PKCS #8) vouches for disks with these digests.

    Raises:
        KeyUnusable: the key is no private Ed25519 key, or has a password.
    """
    subjects = [{"name": name, "digest": dict([digest.split(":", 1)])} for name, digest in sorted(digests.items())]
    said = {} if predicate is None else {"predicate": predicate}
    statement = {"_type": STATEMENT_TYPE, "subject": subjects, "predicateType": predicate_type, **said}
    payload = json.dumps(statement, separators=(",", ":"), sort_keys=True).encode()
    made = _private(key).sign(signed_bytes(PAYLOAD_TYPE, payload))
    signature = {"sig": base64.b64encode(made).decode()}
    envelope = {"payloadType": PAYLOAD_TYPE, "payload": base64.b64encode(payload).decode(), "signatures": [signature]}
    return json.dumps(envelope, separators=(",", ":"))


def verify(name: str, envelope: str, key: bytes) -> dict[str, str]:
    """The digests that the owner of the public `key` (PEM) vouches for, by names of disks.

    Raises:
        SignatureInvalid: there is no envelope, or none that this key has signed; `name` says of what.
        KeyUnusable: the key is no public Ed25519 key.
    """
    public = _public(key)
    from cryptography.exceptions import InvalidSignature

    if not envelope:
        raise SignatureInvalid(name, "it has none")
    try:
        read = json.loads(envelope)
        payload = _decoded(read["payload"])
        message = signed_bytes(read["payloadType"], payload)
        signatures = [_decoded(one["sig"]) for one in read["signatures"]]
        statement = json.loads(payload)
        subjects = {one["name"]: ":".join(*one["digest"].items()) for one in statement["subject"]}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SignatureInvalid(name, f"it is no DSSE envelope about disks ({type(error).__name__})") from None
    if read["payloadType"] != PAYLOAD_TYPE or statement.get("_type") != STATEMENT_TYPE:
        raise SignatureInvalid(name, f"it holds no {STATEMENT_TYPE}")
    for signature in signatures:
        try:
            public.verify(signature, message)
        except InvalidSignature:
            continue
        return subjects
    raise SignatureInvalid(name, "this key has not signed it")


def signed_bytes(payload_type: str, payload: bytes) -> bytes:
    """What is signed: the pre-authentication encoding of DSSE v1."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def _decoded(text: str) -> bytes:
    return base64.b64decode(text.translate(str.maketrans("-_", "+/")), validate=True)


def _private(key: bytes) -> Any:  # noqa: ANN401 - a class of a package that may be missing
    serialization = _serialization()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    try:
        found = serialization.load_pem_private_key(key, password=None)
    except (ValueError, TypeError) as error:
        raise KeyUnusable(f"the key is no private key in PEM without a password: {error}") from None
    if not isinstance(found, Ed25519PrivateKey):
        raise KeyUnusable("the key is no Ed25519 key: `openssl genpkey -algorithm ed25519` makes one")
    return found


def _public(key: bytes) -> Any:  # noqa: ANN401 - a class of a package that may be missing
    serialization = _serialization()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        found = serialization.load_pem_public_key(key)
    except ValueError as error:
        raise KeyUnusable(f"the key is no public key in PEM: {error}") from None
    if not isinstance(found, Ed25519PublicKey):
        raise KeyUnusable("the key is no Ed25519 key: `openssl pkey -in KEY -pubout` shows the public part of one")
    return found


def _serialization() -> Any:  # noqa: ANN401 - a module of a package that may be missing
    try:
        from cryptography.hazmat.primitives import serialization
    except ModuleNotFoundError:
        raise KeyUnusable("keys need the extra galleria[signing]") from None
    return serialization
