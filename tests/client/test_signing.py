"""Signatures as others make and check them: the worked example of the manual, and what a key has not signed."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from galleria_client.signing import KeyUnusable, SignatureInvalid, sign, verify

MANUAL = (Path(__file__).parents[2] / "protos/README.md").read_text().partition("## Signatures")[2]
PUBLIC, STATEMENT, ENVELOPE = re.findall(r"```(?:json)?\n(.*?)\n```", MANUAL, re.DOTALL)[:3]
# RFC 8032, section 7.1, test 1.
SECRET = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
DIGESTS = {"osDisk": "block-cdc-1:" + "5a" * 32, "dataDisks/0": "block-cdc-1:" + "a5" * 32}


def pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def test_the_example_of_the_manual_is_what_is_made() -> None:
    key = Ed25519PrivateKey.from_private_bytes(SECRET)
    assert public(key).decode().strip() == PUBLIC
    assert sign(DIGESTS, pem(key)) == ENVELOPE
    assert verify("v", ENVELOPE, PUBLIC.encode()) == DIGESTS


def test_the_example_holds_without_this_library() -> None:
    envelope = json.loads(ENVELOPE)
    payload = base64.b64decode(envelope["payload"])
    assert json.loads(payload) == json.loads(STATEMENT)
    message = f"DSSEv1 28 application/vnd.in-toto+json {len(payload)} ".encode() + payload
    key = serialization.load_pem_public_key(PUBLIC.encode())
    assert isinstance(key, Ed25519PublicKey)
    key.verify(base64.b64decode(envelope["signatures"][0]["sig"]), message)


def test_one_good_signature_among_others_is_enough() -> None:
    mine, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    first, second = json.loads(sign(DIGESTS, pem(other))), json.loads(sign(DIGESTS, pem(mine)))
    both = {**first, "signatures": first["signatures"] + second["signatures"]}
    assert verify("v", json.dumps(both), public(mine)) == DIGESTS


def tampered(**fields: object) -> str:
    return json.dumps({**json.loads(ENVELOPE), **fields})


OTHER_PAYLOAD = base64.b64encode(STATEMENT.replace("5a5a", "5b5a").encode()).decode()


@pytest.mark.parametrize(
    ("envelope", "reason"),
    [
        ("", "it has none"),
        ("{}", "no DSSE envelope"),
        ("[" * 60_000, "no DSSE envelope"),
        (tampered(payload=OTHER_PAYLOAD), "this key has not signed it"),
        (tampered(payloadType="text/plain"), "it holds no"),
        (tampered(signatures=[]), "this key has not signed it"),
        (tampered(signatures=[{"sig": "AAAA"}]), "this key has not signed it"),
    ],
)
def test_what_the_key_has_not_signed_does_not_hold(envelope: str, reason: str) -> None:
    with pytest.raises(SignatureInvalid, match=reason):
        verify("v", envelope, PUBLIC.encode())


def test_another_key_has_not_signed_it() -> None:
    with pytest.raises(SignatureInvalid, match="this key has not signed it"):
        verify("v", ENVELOPE, public(Ed25519PrivateKey.generate()))


def test_keys_of_other_kinds_are_refused() -> None:
    rsa = generate_private_key(65537, 2048)
    private = rsa.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(KeyUnusable, match="no Ed25519 key"):
        sign(DIGESTS, private)
    with pytest.raises(KeyUnusable, match="no private key"):
        sign(DIGESTS, PUBLIC.encode())
    with pytest.raises(KeyUnusable, match="no public key"):
        verify("v", ENVELOPE, b"x")
