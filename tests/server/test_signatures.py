"""Signatures of image versions: statements about the digests of their disks, and about no others."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.field_mask_pb2 import FieldMask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from galleria.v1 import image_versions_pb2 as pb
from galleria_client.signing import digests_of, sign, verify
from galleria_server.domain.limits import LIMITS
from galleria_server.domain.models import DiskState
from tests.server.catalogue_client import DIGEST, CatalogueClient, add_disk
from tests.server.refusals import refused

OTHER = "block-cdc-1:" + "a5" * 32
KEY = Ed25519PrivateKey.generate()
PRIVATE = KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
PUBLIC = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture
def prepared(client: CatalogueClient) -> CatalogueClient:
    """A definition, the disk-1 and the disk `data` with another content."""
    client.prepare()
    client.running.write(add_disk, client.group_name, "data", DiskState.READY, OTHER)
    return client


def create(client: CatalogueClient, number: str, signature: str, *, with_data: bool = False) -> pb.ImageVersion:
    version = pb.ImageVersion(signature=signature)
    if with_data:
        version.data_disks.add(lun=3, source=f"{client.group}/disks/data")
    client.create_version(number, image_version=version)
    return client.version(number)


def test_a_version_is_made_with_a_signature_of_its_disks(prepared: CatalogueClient) -> None:
    envelope = sign({"osDisk": DIGEST, "dataDisks/3": OTHER}, PRIVATE)
    version = create(prepared, "1.0.0", envelope, with_data=True)
    assert version.signature == envelope
    assert verify(version.name, version.signature, PUBLIC) == digests_of(version)


def test_it_is_given_later_replaced_and_taken_away(prepared: CatalogueClient) -> None:
    version = create(prepared, "1.0.0", "")
    for envelope in (sign(digests_of(version), PRIVATE), sign(digests_of(version), PRIVATE, predicate={"a": 1}), ""):
        update(prepared, version.name, envelope)
        assert prepared.version("1.0.0").signature == envelope


def update(client: CatalogueClient, name: str, envelope: str) -> None:
    changed, paths = pb.ImageVersion(name=name, signature=envelope), FieldMask(paths=["signature"])
    client.galleries.UpdateImageVersion(pb.UpdateImageVersionRequest(image_version=changed, update_mask=paths))


def test_a_copy_has_that_of_its_source_unless_another_is_given(prepared: CatalogueClient) -> None:
    first, second = (sign({"osDisk": DIGEST}, PRIVATE, predicate=n) for n in (1, 2))
    source = create(prepared, "1.0.0", first)
    prepared.replicate("1.0.0")
    for number, given_one, expected in (("2.0.0", "", first), ("3.0.0", second, second)):
        version = pb.ImageVersion(source_version=source.name, signature=given_one)
        request = pb.CreateImageVersionRequest(parent=prepared.image_name, image_version_id=number)
        request.image_version.CopyFrom(version)
        prepared.galleries.CreateImageVersion(request)
        assert prepared.version(number).signature == expected


@pytest.mark.parametrize(
    "digests",
    [
        {"osDisk": OTHER},
        {"osDisk": "sha256:" + "5a" * 32},
        {"osDisk": DIGEST, "dataDisks/3": OTHER},
        {"dataDisks/0": DIGEST},
    ],
)
def test_another_disk_than_the_versions_is_refused(prepared: CatalogueClient, digests: dict[str, str]) -> None:
    envelope = sign(digests, PRIVATE)
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        create(prepared, "1.0.0", envelope)
    assert refusal.fields == ["image_version.signature"]
    version = create(prepared, "1.0.0", "")
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        update(prepared, version.name, envelope)
    assert refusal.fields == ["image_version.signature"]
    assert prepared.version("1.0.0") == version


def test_a_disk_that_is_left_out_is_named(prepared: CatalogueClient) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        create(prepared, "1.0.0", sign({"osDisk": DIGEST}, PRIVATE), with_data=True)
    assert f"says of dataDisks/3 nothing, the version has {OTHER}" in refusal.message


def payload(**fields: Any) -> str:  # noqa: ANN401
    envelope = json.loads(sign({"osDisk": DIGEST}, PRIVATE))
    statement = {**json.loads(base64.b64decode(envelope["payload"])), **fields}
    return base64.b64encode(json.dumps(statement).encode()).decode()


TWICE = 2 * [{"name": "osDisk", "digest": {"block-cdc-1": "5a" * 32}}]
WRONG: dict[str, Callable[[dict[str, Any]], object]] = {
    "must be a DSSE envelope": lambda _: ["x"],
    "payloadType": lambda good: {**good, "payloadType": "text/plain"},
    "at least one signature": lambda good: {**good, "signatures": []},
    "64 bytes in base64 as sig of signatures[1]": lambda good: {
        **good,
        "signatures": [*good["signatures"], {"sig": "AAAA"}],
    },
    "a payload in base64": lambda good: {**good, "payload": "!"},
    "a Statement in JSON": lambda good: {**good, "payload": "AAAA"},
    "_type": lambda good: {**good, "payload": payload(_type="https://in-toto.io/Statement/v0.1")},
    "predicateType": lambda good: {**good, "payload": payload(predicateType=1)},
    "at least one subject": lambda good: {**good, "payload": payload(subject=[])},
    "more than once": lambda good: {**good, "payload": payload(subject=TWICE)},
    "a name and one digest each": lambda good: {**good, "payload": payload(subject=[{"name": "osDisk"}])},
}


@pytest.mark.parametrize("told", WRONG)
def test_what_is_no_envelope_is_refused_by_what_is_wrong(prepared: CatalogueClient, told: str) -> None:
    good = json.loads(sign({"osDisk": DIGEST}, PRIVATE))
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        create(prepared, "1.0.0", json.dumps(WRONG[told](good)))
    assert refusal.fields == ["image_version.signature"]
    assert told in refusal.message


@pytest.mark.parametrize("text", ["{", "[" * 60_000, "1", "\ud7ff", '{"payloadType":'])
def test_what_is_no_json_is_refused(prepared: CatalogueClient, text: str) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        create(prepared, "1.0.0", text)
    assert refusal.fields == ["image_version.signature"]


def test_it_is_as_long_as_its_limit_and_no_longer(prepared: CatalogueClient) -> None:
    limit, envelope = LIMITS["signature"].number, sign({"osDisk": DIGEST}, PRIVATE)
    create(prepared, "1.0.0", envelope + " " * (limit - len(envelope)))
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        create(prepared, "2.0.0", envelope + " " * (limit + 1 - len(envelope)))
    assert f"has {limit + 1} characters, the limit is {limit}" in refusal.message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(data=st.data())
@settings(max_examples=60, suppress_health_check=list(HealthCheck), deadline=None)
def test_whatever_stands_in_an_envelope_is_refused_by_its_field(prepared: CatalogueClient, data: st.DataObject) -> None:
    """One part of a good envelope, or of its statement, is something else."""
    envelope = json.loads(sign({"osDisk": DIGEST}, PRIVATE))
    statement = json.loads(base64.b64decode(envelope["payload"]))
    part = data.draw(st.sampled_from(["payloadType", "payload", "signatures", "_type", "predicateType", "subject"]))
    made = data.draw(JSON)
    if part in envelope:
        envelope[part] = made
    else:
        envelope["payload"] = base64.b64encode(json.dumps({**statement, part: made}).encode()).decode()
    if part == "predicateType" and isinstance(made, str) and made:
        return
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        create(prepared, "9.0.0", json.dumps(envelope))
    assert refusal.fields == ["image_version.signature"]
