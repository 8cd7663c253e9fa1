"""Signing a version with the command line, and pulling only what was signed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.processes import Galleria

MIB = 1024 * 1024


class Signed:
    """A version of an image with a data disk, and two pairs of keys, made as the manual says."""

    def __init__(self, galleria: Galleria, folder: Path, group: str) -> None:
        self.galleria = galleria
        self.folder = folder
        self.name = f"{group}/{group}/debian/1.0.0"
        kind = ("--publisher", "p", "--offer", "o", "--sku", "s", "--os-type", "Linux", "--os-state", "Generalized")
        galleria.ok("gallery", "create", group, "-g", group, "-l", "eastus")
        galleria.ok("image-definition", "create", f"{group}/{group}/debian", *kind)
        self.contents = {name: bytes([i]) * MIB for i, name in enumerate(("os", "data"), 1)}
        for name, content in self.contents.items():
            (folder / name).write_bytes(content)
            galleria.ok("disk", "push", str(folder / name), name, "-g", group, "-l", "eastus")
        galleria.ok("image-version", "create", self.name, "--os-disk", "os", "--data-disks", "5=data")
        for name in ("mine", "other"):
            openssl("genpkey", "-algorithm", "ed25519", "-out", self.key(name))
            openssl("pkey", "-in", self.key(name), "-pubout", "-out", self.key(name, "pub"))

    def key(self, name: str, kind: str = "pem") -> str:
        return str(self.folder / f"{name}.{kind}")

    def pull(self, *flags: str) -> list[str]:
        return ["image-version", "pull", self.name, "--region", "eastus", "--output", str(self.output), *flags]

    @property
    def output(self) -> Path:
        return self.folder / "out.raw"

    def left(self) -> list[str]:
        return [path.name for path in self.folder.iterdir() if path.name.startswith("out.raw")]


def openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


@pytest.fixture
def signed(galleria: Galleria, tmp_path: Path, request: pytest.FixtureRequest) -> Signed:
    return Signed(galleria, tmp_path, request.node.name[5:60])


def test_only_what_the_key_has_signed_is_pulled(signed: Signed) -> None:
    galleria, mine, other = signed.galleria, signed.key("mine", "pub"), signed.key("other", "pub")
    assert "it has none" in galleria.refused(1, *signed.pull("--verify-key", mine))
    assert signed.left() == []
    version = galleria.json("image-version", "sign", signed.name, "--key", signed.key("mine"))
    assert json.loads(version["signature"])["payloadType"] == "application/vnd.in-toto+json"
    assert "this key has not signed it" in galleria.refused(1, *signed.pull("--verify-key", other))
    assert signed.left() == []
    galleria.ok(*signed.pull("--verify-key", mine))
    assert signed.output.read_bytes() == signed.contents["os"]
    galleria.ok(*signed.pull("--verify-key", mine, "--lun", "5", "--force"))
    assert signed.output.read_bytes() == signed.contents["data"]
    assert "it says nothing of dataDisks/6" in galleria.refused(1, *signed.pull("--verify-key", mine, "--lun", "6"))


def test_an_envelope_is_made_elsewhere_and_given_as_a_file(signed: Signed) -> None:
    galleria, envelope = signed.galleria, signed.folder / "envelope.json"
    predicate = signed.folder / "predicate.json"
    predicate.write_text('{"commit": "4f2a1c"}')
    said = ("--predicate", str(predicate), "--predicate-type", "https://example.org/build/v1")
    envelope.write_text(
        galleria.ok("image-version", "sign", signed.name, "--key", signed.key("mine"), "--dry-run", *said)
    )
    assert galleria.json("image-version", "show", signed.name)["signature"] == ""
    galleria.ok("image-version", "update", signed.name, "--signature", str(envelope))
    galleria.ok(*signed.pull("--verify-key", signed.key("mine", "pub")))
    assert "cannot be read" in galleria.refused(2, "image-version", "update", signed.name, "--signature", "nowhere")
    assert "no private key" in galleria.refused(
        1, "image-version", "sign", signed.name, "--key", signed.key("mine", "pub")
    )
