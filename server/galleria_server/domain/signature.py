"""Signatures of image versions: an in-toto Statement v1 in a DSSE envelope, about the digests of the version's disks.

Form as https://github.com/secure-systems-lab/dsse (envelope.md) and https://github.com/in-toto/attestation (spec/v1)
have it; what is Galleria's own is in protos/README.md. Whether the key is the right one is for who pulls to say.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, Final, cast

from galleria_server.domain import limits
from galleria_server.domain.errors import FieldViolation
from galleria_server.domain.validation import Violations, check_length

MAX_SIGNATURE = limits.number("signature")
PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
_SIGNATURE_BYTES = 64
"""Of Ed25519, RFC 8032."""


class _Malformed(ValueError):
    """What is wrong with an envelope, for people."""


def check_signature(path: str, envelope: str) -> Violations:
    """What is wrong with the form of an envelope; an empty one says that there is none."""
    if not envelope:
        return []
    if wrong := check_length(path, envelope, MAX_SIGNATURE):
        return wrong
    try:
        _subjects(envelope)
    except _Malformed as error:
        return [FieldViolation(path, str(error))]
    return []


def check_subjects(path: str, envelope: str, wanted: Mapping[str, str]) -> Violations:
    """The subjects of a well-formed envelope are the `wanted` disks with their digests, and no others."""
    if not envelope:
        return []
    told = _subjects(envelope)
    if told == wanted:
        return []
    different = sorted(name for name in told.keys() | wanted.keys() if told.get(name) != wanted.get(name))
    name = different[0]
    has = wanted.get(name, "none of that name")
    return [FieldViolation(path, f"says of {name[:60]} {told.get(name, 'nothing')[:80]}, the version has {has}")]


def _subjects(envelope: str) -> Mapping[str, str]:
    """The digests of a statement by the names of its subjects. Raises _Malformed."""
    read = _read("must be a DSSE envelope in JSON", envelope)
    if read.get("payloadType") != PAYLOAD_TYPE:
        raise _Malformed(f"must have payloadType {PAYLOAD_TYPE!r}")
    _check_signatures(read.get("signatures"))
    payload = _decoded(read.get("payload"))
    if payload is None:
        raise _Malformed("must have a payload in base64")
    statement = _read("must have a payload that is a Statement in JSON", payload)
    if statement.get("_type") != STATEMENT_TYPE:
        raise _Malformed(f"must have a payload with _type {STATEMENT_TYPE!r}")
    if not isinstance(statement.get("predicateType"), str) or not statement["predicateType"]:
        raise _Malformed("must have a payload with a predicateType")
    subjects = statement.get("subject")
    if not isinstance(subjects, list) or not subjects:
        raise _Malformed("must have a payload with at least one subject")
    named = [_subject(subject) for subject in subjects]
    if len(dict(named)) < len(named):
        raise _Malformed("names a subject more than once")
    return dict(named)


def _check_signatures(signatures: object) -> None:
    if not isinstance(signatures, list) or not signatures:
        raise _Malformed("must have at least one signature")
    for i, signature in enumerate(signatures):
        found = _decoded(signature.get("sig")) if isinstance(signature, dict) else None
        if found is None or len(found) != _SIGNATURE_BYTES:
            raise _Malformed(f"must have {_SIGNATURE_BYTES} bytes in base64 as sig of signatures[{i}], by Ed25519")


def _subject(subject: object) -> tuple[str, str]:
    """Name and content digest of one subject; its one digest is called as the rule is that cuts the content."""
    if isinstance(subject, dict) and isinstance(subject.get("name"), str):
        digests = subject.get("digest")
        if isinstance(digests, dict) and len(digests) == 1:
            ((rule, digest),) = digests.items()
            if isinstance(digest, str):
                return subject["name"], f"{rule}:{digest}"
    raise _Malformed("must have subjects with a name and one digest each")


def _read(told: str, text: str | bytes) -> Mapping[str, Any]:
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        raise _Malformed(told) from None
    if not isinstance(read, dict):
        raise _Malformed(told)
    return cast("Mapping[str, Any]", read)


def _decoded(text: object) -> bytes | None:
    """The bytes of a text in base64, either alphabet, as DSSE allows; None for what is none."""
    if not isinstance(text, str):
        return None
    try:
        return base64.b64decode(text.translate(str.maketrans("-_", "+/")), validate=True)
    except (binascii.Error, ValueError):
        return None
