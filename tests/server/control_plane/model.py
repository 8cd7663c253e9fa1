"""What a gallery is, by the words of the manuals: plain values, and the reasons for which each call may be refused.

Where several rules forbid a call, any of their reasons will do; where none does, it must be done.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

HOME = "eastus"
REGIONS = (HOME, "westus")
Number = tuple[int, int, int]
Path = tuple[str, ...]
"""Gallery, image and number of a resource, as far down as it lies; empty for the resource group."""


@dataclass
class Version:
    regions: frozenset[str]
    excluded: bool
    ready: frozenset[str] = frozenset()
    failed: bool = False
    deleting: bool = False
    soft: bool = False
    etag: str = ""
    uid: str = ""

    @property
    def succeeded(self) -> bool:
        return self.regions <= self.ready

    @property
    def state(self) -> str:
        if self.deleting:
            return "DELETING"
        if self.failed:
            return "FAILED"
        return "SUCCEEDED" if self.succeeded else "UNDER_WAY"

    def skipped_in(self, region: str) -> str:
        """Why `latest` passes over it; empty when it does not."""
        if self.deleting:
            return "DELETING"
        if self.soft:
            return "SOFT_DELETED"
        if region not in self.regions:
            return "NOT_IN_REGION"
        if self.excluded:
            return "EXCLUDED"
        return "" if region in self.ready else "NOT_READY"


@dataclass
class Image:
    versions: dict[Number, Version] = field(default_factory=dict)
    aliases: dict[str, list[Number]] = field(default_factory=dict)

    def pointing_at(self, number: Number) -> bool:
        return any(moves[-1] == number for moves in self.aliases.values())


@dataclass
class Gallery:
    images: dict[str, Image] = field(default_factory=dict)
    keeps_deleted: bool = False


@dataclass
class Deployment:
    path: Path
    number: Number
    uid: str


@dataclass
class Model:
    galleries: dict[str, Gallery] = field(default_factory=dict)
    deployments: dict[str, Deployment] = field(default_factory=dict)
    locks: dict[Path, str] = field(default_factory=dict)

    def image(self, path: Path) -> Image | None:
        gallery = self.galleries.get(path[0])
        return None if gallery is None else gallery.images.get(path[1])

    def version(self, path: Path, number: Number) -> Version | None:
        image = self.image(path)
        return None if image is None else image.versions.get(number)

    def locked(self, path: Path, *, delete: bool) -> set[str]:
        """A lock on the resource or around it forbids it; a deletion also one in it."""
        for at, level in self.locks.items():
            around = path[: len(at)] == at
            inside = at[: len(path)] == path
            if (around and (delete or level == "READ_ONLY")) or (delete and inside):
                return {"SCOPE_LOCKED"}
        return set()

    def in_use(self, version: Version) -> bool:
        return any(deployment.uid == version.uid for deployment in self.deployments.values())

    def walk(self) -> Iterator[tuple[Path, Image]]:
        for gallery, found in self.galleries.items():
            for image, held in found.images.items():
                yield (gallery, image), held

    def missing(self, path: Path) -> set[str]:
        """Whether the gallery, or the image, is there."""
        there = path[0] in self.galleries if len(path) == 1 else self.image(path) is not None
        return set() if there else {"NOT_FOUND"}

    def forget_locks(self, path: Path) -> None:
        self.locks = {at: level for at, level in self.locks.items() if at[: len(path)] != path}

    def refusals_of_deletion(self, path: Path, number: Number, *, bypass: bool, force: bool, stale: bool) -> set[str]:
        """Of an image version."""
        locked = self.locked((*path, text_of(number)), delete=True)
        version = self.version(path, number)
        if version is None:
            return locked | {"NOT_FOUND"}
        wrong = locked | ({"ETAG_MISMATCH"} if stale else set())
        if version.deleting:
            return wrong
        image = self.image(path)
        if version.soft and not bypass:
            wrong |= {"WRONG_STATE"}
        if image is not None and image.pointing_at(number):
            wrong |= {"IN_USE"}
        if self.in_use(version) and not force:
            wrong |= {"IN_USE"}
        return wrong

    def resolved(self, path: Path, region: str) -> tuple[Number | None, list[tuple[str, str]], str]:
        """What `latest` is, what it passes over with why, and the reason when it is nothing."""
        image = self.image(path)
        if image is None or not image.versions:
            return None, [], "NOT_FOUND"
        passed: list[tuple[str, str]] = []
        for number in sorted(image.versions, reverse=True):
            reason = image.versions[number].skipped_in(region)
            if not reason:
                return number, passed, ""
            passed.append((text_of(number), reason))
        return None, passed, "NOT_IN_REGION"

    def unreadable(self, version: Version | None, region: str) -> set[str]:
        """Why an exact version cannot be deployed in a region."""
        if version is None or version.deleting:
            return {"NOT_FOUND"}
        return set() if region in version.ready else {"NOT_IN_REGION"}


def text_of(number: Number) -> str:
    return ".".join(map(str, number))
