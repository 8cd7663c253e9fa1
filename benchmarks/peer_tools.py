"""restic, borg and casync as Debian ships them, each doing what Galleria does: store a series, read one back."""

from __future__ import annotations

import os
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path


def sizes(paths: Iterable[Path]) -> tuple[int, int]:
    """Bytes of the files among paths, and bytes of their blocks."""
    found = [path.stat() for path in paths if path.is_file()]
    return sum(file.st_size for file in found), sum(file.st_blocks * 512 for file in found)


class Peer(ABC):
    """One tool with a fresh repository in a folder."""

    name: str

    def __init__(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.folder = folder
        self.environment = {**os.environ, "HOME": str(folder / "home"), **self.variables()}

    def variables(self) -> dict[str, str]:
        """Environment of the tool."""
        return {}

    @abstractmethod
    def store(self, image: Path) -> None:
        """Store an image."""

    @abstractmethod
    def restore(self, image: Path, target: Path) -> None:
        """Read an image back as `target`."""

    def stored(self) -> tuple[int, int]:
        """Bytes of all files of the repository, and bytes of the blocks that they take on the disk."""
        return sizes((self.folder / "repository").rglob("*"))

    def run(self, *command: str | Path, cwd: Path | None = None) -> None:
        """Run the tool. Raises CalledProcessError."""
        subprocess.run(command, check=True, env=self.environment, cwd=cwd, stdout=subprocess.DEVNULL)


class Restic(Peer):
    """restic with its defaults."""

    name = "restic"

    def variables(self) -> dict[str, str]:
        return {"RESTIC_PASSWORD": "benchmark", "RESTIC_REPOSITORY": str(self.folder / "repository")}

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.run("restic", "init")

    def store(self, image: Path) -> None:
        self.run("restic", "backup", "--quiet", "--tag", image.stem, image)

    def restore(self, image: Path, target: Path) -> None:
        folder = target.with_suffix(".folder")
        self.run("restic", "restore", "latest", "--quiet", "--tag", image.stem, "--target", folder)
        (folder / image.relative_to("/")).rename(target)
        shutil.rmtree(folder)


class Borg(Peer):
    """borg with zstd 1 and without encryption."""

    name = "borg"

    def variables(self) -> dict[str, str]:
        return {"BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes", "BORG_REPO": str(self.folder / "repository")}

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.run("borg", "init", "--encryption=none")

    def store(self, image: Path) -> None:
        self.run("borg", "create", "--sparse", "--compression=zstd,1", f"::{image.stem}", image.name, cwd=image.parent)

    def restore(self, image: Path, target: Path) -> None:
        folder = target.with_suffix(".folder")
        folder.mkdir()
        self.run("borg", "extract", "--sparse", f"::{image.stem}", cwd=folder)
        (folder / image.name).rename(target)
        folder.rmdir()


class Casync(Peer):
    """casync with its defaults."""

    name = "casync"

    def store(self, image: Path) -> None:
        store, index = self._places(image)
        index.parent.mkdir(exist_ok=True)
        self.run("casync", "make", f"--store={store}", index, image)

    def restore(self, image: Path, target: Path) -> None:
        store, index = self._places(image)
        self.run("casync", "extract", f"--store={store}", index, target)

    def _places(self, image: Path) -> tuple[Path, Path]:
        repository = self.folder / "repository"
        return repository / "store.castr", repository / f"{image.stem}.caibx"
