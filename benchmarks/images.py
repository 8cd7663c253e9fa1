"""A series of real images with Debian's own tools, each built from scratch, as a build pipeline would.

Needs mmdebstrap and mke2fs, the machine's package sources, and root (or user namespaces). Built once and cached.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

CACHE = Path(__file__).parent / ".cache" / "images"
SIZE = "8G"
_BASE = (
    "systemd-sysv,openssh-server,linux-image-cloud-amd64,initramfs-tools,sudo,curl,ca-certificates,locales,"
    "cloud-init,vim-tiny,less,man-db,rsyslog,netplan.io,grub-efi-amd64-bin,firmware-linux-free"
)
_ADDED = ("", "nginx", "nginx,python3,git", "nginx,python3,git,postgresql,default-jdk-headless")
SUITE = "bookworm"


def series() -> list[Path]:
    """Paths of the four images, oldest first. Raises subprocess.CalledProcessError."""
    CACHE.mkdir(parents=True, exist_ok=True)
    return [_image(number, added) for number, added in enumerate(_ADDED, start=1)]


def warm(*paths: Path) -> None:
    """Read the data of files, or of all files of folders, so that it is in the page cache."""
    for path in paths:
        for file in (path,) if path.is_file() else path.rglob("*"):
            if file.is_file():
                _read(file)


def touch_memory(folder: Path, size: int = 2 << 30) -> None:
    """Write a file of `size` bytes and remove it: a virtual machine gets memory from its host when it is first used."""
    block = bytes(4 << 20)
    path = folder / "memory"
    with path.open("wb", buffering=0) as file:
        for _ in range(size // len(block)):
            file.write(block)
    path.unlink()


def _read(path: Path) -> None:
    buffer = bytearray(4 << 20)
    with path.open("rb", buffering=0) as file:
        end = 0
        with suppress(OSError):  # of SEEK_DATA behind the last data
            while start := os.lseek(file.fileno(), end, os.SEEK_DATA) + 1:
                end = os.lseek(file.fileno(), start - 1, os.SEEK_HOLE)
                for offset in range(start - 1, end, len(buffer)):
                    os.preadv(file.fileno(), [buffer], offset)


def _image(number: int, added: str) -> Path:
    image = CACHE / f"r{number}.raw"
    if not image.exists():
        print(f"building {image.name} ({added or 'the base system'}) ...", file=sys.stderr)
        tree = CACHE / "tree"
        shutil.rmtree(tree, ignore_errors=True)
        packages = f"{_BASE},{added}" if added else _BASE
        with (CACHE / "mmdebstrap.log").open("ab") as log:
            subprocess.run(
                ["mmdebstrap", "--variant=important", f"--include={packages}", SUITE, tree], check=True, stderr=log
            )
            part = image.with_suffix(".part")
            part.unlink(missing_ok=True)
            subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-d", tree, part, SIZE], check=True, stderr=log)
        part.rename(image)
        shutil.rmtree(tree)
    return image


if __name__ == "__main__":
    for path in series():
        print(f"{path} {path.stat().st_blocks * 512 / 1e9:.2f} GB on disk")
