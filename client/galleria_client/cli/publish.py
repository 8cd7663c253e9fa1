"""`galleria publish`: from a file to a replicated version in one go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from galleria_client.cli.definition import DefinitionFlags, definition_options
from galleria_client.cli.disk import push_options, push_with_progress, report_of
from galleria_client.cli.flags import SpreadCommand, target_regions_of
from galleria_client.cli.names import Where, image_name, named
from galleria_client.cli.session import Session, with_session

if TYPE_CHECKING:
    from galleria.v1.publishing_pb2 import TargetRegion
    from galleria_client.push.options import PushOptions
    from galleria_client.resource_names import ImageName

T = TypeVar("T")


@click.command(cls=SpreadCommand)
@click.argument("file")
@named("version")
@click.option("-l", "--location", default="", metavar="REGION", help="Home region of a gallery that is created.")
@definition_options(required=False)
@click.option("--target-regions", multiple=True, metavar="REGION[=COUNT][=TYPE] ...", help="Default: home, once.")
@click.option("--exclude-from-latest", is_flag=True, help="`latest` passes over it.")
@push_options
@click.option("--keep-disk", is_flag=True, help="Keep the source disk.")
@click.option("--no-wait", is_flag=True, help="Do not wait for replication; the source disk stays.")
@click.option("--timeout", type=float, metavar="SECONDS", help="Wait no longer for replication, which goes on.")
@with_session()
def publish(session: Session, file: str, where: Where, target_regions: tuple[str, ...], **rest: object) -> None:
    """Push FILE and publish it as NAME, which is GROUP/GALLERY/IMAGE/VERSION.

    Creates gallery and image definition when they are absent, pushes, creates the version, waits, and removes the
    source disk again.
    """
    plan = _Plan(image_name(session, where, "version"), target_regions_of(target_regions), **cast("Any", rest))
    _Publication(session, plan).publish(file)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What the flags ask for."""

    name: ImageName
    regions: list[TargetRegion]
    location: str
    what: DefinitionFlags
    exclude_from_latest: bool
    options: PushOptions
    keep_disk: bool
    no_wait: bool
    timeout: float | None


class _Publication:
    """One run of `publish`."""

    def __init__(self, session: Session, plan: _Plan) -> None:
        from galleria_client.resource_names import disk_name

        self._session = session
        self._galleries = session.client.galleries
        self._plan = plan
        self._name = name = plan.name
        self._did: list[str] = []
        self._disk = disk_name(name.subscription, name.group, f"{name.image}-{name.version}-publish")

    def publish(self, file: str) -> None:
        self._refuse_existing()
        region = self._ensure_catalogue()
        self._forget_earlier_disk()
        home = _home(region, self._plan.regions)
        report = push_with_progress(self._session, file, self._disk, home, self._plan.options)
        self._say(f"pushed {file}: {report.bytes_read} bytes read, {report.bytes_sent} sent")
        version = self._create_version(home)
        answer = {"version": version, "did": self._did, "push": report_of(report)}
        self._session.answer(answer, "publish")

    def _refuse_existing(self) -> None:
        from galleria_client.errors import AlreadyExists, Failure, NotFound

        with suppress(NotFound):
            found = self._galleries.get_version(str(self._name))
            told = Failure("ALREADY_EXISTS", f"{found.name} exists, and a version never changes", "ALREADY_EXISTS")
            raise AlreadyExists(told)

    def _ensure_catalogue(self) -> str:
        """Make gallery and definition where they are absent, once all flags are there; the gallery's region."""
        from galleria_client.resource_names import ImageName, parent_of

        gallery = str(ImageName(self._name.subscription, self._name.group, self._name.gallery))
        definition = parent_of(str(self._name))
        found = self._found(self._galleries.get, gallery)
        if found is None and not self._plan.location:
            raise click.UsageError(f"-l missing: the gallery {gallery} is absent; in which region shall it be?")
        known = found is not None and self._found(self._galleries.get_definition, definition) is not None
        if not known and self._plan.what.missing:
            missing = " ".join(self._plan.what.missing)
            raise click.UsageError(
                f"{missing} missing: the image definition {definition} is absent and would be created"
            )
        location = self._create_gallery(gallery) if found is None else found.location
        if not known:
            self._create_definition(definition)
        return location

    def _found(self, get: Callable[[str], T], name: str) -> T | None:
        from galleria_client.errors import NotFound

        try:
            return get(name)
        except NotFound:
            return None

    def _create_gallery(self, name: str) -> str:
        from galleria.v1.galleries_pb2 import Gallery
        from galleria_client.resource_names import last_part, parent_of

        made = self._galleries.create(parent_of(name), last_part(name), Gallery(location=self._plan.location))
        self._say(f"created the gallery {made.name}")
        return made.location

    def _create_definition(self, name: str) -> None:
        from galleria_client.resource_names import last_part, parent_of

        made = self._galleries.create_definition(parent_of(name), last_part(name), self._plan.what.definition())
        self._say(f"created the image definition {made.name}")

    def _forget_earlier_disk(self) -> None:
        """An earlier run may have pushed and not created the version; its disk may hold another file's bytes."""
        from galleria.v1.disks_pb2 import Disk
        from galleria_client.errors import NotFound

        with suppress(NotFound):
            if self._session.client.disks.get(self._disk).state == Disk.STATE_READY:
                self._session.client.disks.delete(self._disk)
                self._say(f"deleted the disk {self._disk} of an earlier run")

    def _create_version(self, home: str) -> Any:  # noqa: ANN401 - version or operation
        from galleria_client.cli.replication import wait_for

        operation = self._begin_version(home)
        self._say(f"created the image version {self._name}")
        if self._plan.no_wait:
            self._say(f"replication goes on as {operation.name}; the disk {self._disk} stays")
            return operation.message
        version = wait_for(self._session, operation, "replicating", self._plan.timeout)
        self._say("replicated to " + ", ".join(place.region for place in version.replication))
        self._remove_disk()
        return version

    def _begin_version(self, home: str) -> Any:  # noqa: ANN401 - an operation
        from galleria.v1.image_versions_pb2 import ImageVersion
        from galleria_client.errors import CallFailed
        from galleria_client.resource_names import last_part, parent_of
        from galleria_client.retry import is_break

        wanted = ImageVersion(
            location=home,
            os_disk=self._disk,
            target_regions=self._plan.regions,
            exclude_from_latest=self._plan.exclude_from_latest,
        )
        name = str(self._name)
        try:
            return self._galleries.create_version(parent_of(name), last_part(name), wanted)
        except CallFailed as failure:
            if not is_break(failure):
                with suppress(CallFailed):
                    self._remove_disk()
            raise

    def _remove_disk(self) -> None:
        from galleria_client.errors import ScopeLocked

        if self._plan.keep_disk:
            return
        try:
            self._session.client.disks.delete(self._disk)
            self._say(f"deleted the source disk {self._disk}")
        except ScopeLocked as locked:
            # The version is there; a lock on its group is no reason to call that a failure.
            self._say(f"the source disk stays: {locked}")

    def _say(self, sentence: str) -> None:
        self._did.append(sentence)
        self._session.say(sentence)


def _home(region: str, targets: Sequence[TargetRegion]) -> str:
    """A version's home: that of its gallery, unless it is to be elsewhere only."""
    names = [target.region for target in targets]
    plain = [name.replace(" ", "").lower() for name in names]
    return names[0] if names and region not in plain else region
