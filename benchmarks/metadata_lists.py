"""Lists of many image versions through a real server: the first page beside the last, either way, and filtered.

The rows are written through the repositories; each version has a copy. Pages are read in turn, medians count.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID, uuid4

import grpc
from google.protobuf.field_mask_pb2 import FieldMask

from benchmarks.server_process import ServerProcess
from benchmarks.targets import FOLDER, Target, judge
from galleria.v1 import galleries_pb2 as pb
from galleria.v1 import image_definitions_pb2 as image_pb
from galleria.v1 import image_versions_pb2 as version_pb
from galleria.v1.galleries_pb2_grpc import GalleriesStub
from galleria_server.catalogue import definitions, galleries
from galleria_server.catalogue.writes import new_etag
from galleria_server.clock import utc_now
from galleria_server.domain.image_version import ImageVersionSpec
from galleria_server.domain.models import Copy, CopyState
from galleria_server.domain.names import VersionName, VersionNumber, parse_image
from galleria_server.domain.placement import Account
from galleria_server.domain.publishing import TargetRegion
from galleria_server.domain.tenancy import DEFAULT_SUBSCRIPTION
from galleria_server.domain.version import Content, ImageVersion, Version, VersionState
from galleria_server.metadata import copies, versions
from galleria_server.metadata.engine import Database, Transaction

_PLACE = FOLDER / "lists"
_REGION = "eastus"
_ROUNDS = 40
_PAGE = 100
_STRIDE = 1000


def main() -> int:
    """Print the figures; 0 if the targets are met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--versions", type=int, default=100_000, help="how many (default: 100,000)")
    count = parser.parse_args().versions
    _PLACE.mkdir(parents=True, exist_ok=True)
    data = _PLACE / "data"
    try:
        with ServerProcess(data, _PLACE / "server.log") as server:
            image = _definition(server.endpoint)
        began = time.perf_counter()
        database = Database(data / "metadata")
        for start in range(0, count, _STRIDE):
            with database.writing() as transaction:
                _fill(transaction, image, range(start, min(start + _STRIDE, count)))
        database.close()
        print(f"{count:,} versions written in {time.perf_counter() - began:.0f} s")
        with ServerProcess(data, _PLACE / "server.log") as server:
            return _measure(server.endpoint, image, count)
    finally:
        shutil.rmtree(_PLACE, ignore_errors=True)


def _definition(endpoint: str) -> str:
    group = f"subscriptions/{DEFAULT_SUBSCRIPTION}/resourceGroups/lists"
    with grpc.insecure_channel(endpoint) as channel:
        stub = GalleriesStub(channel)
        made = stub.CreateGallery(
            pb.CreateGalleryRequest(parent=group, gallery_id="lists", gallery=pb.Gallery(location=_REGION))
        )
        definition = image_pb.ImageDefinition(
            os_type=image_pb.OS_TYPE_LINUX,
            os_state=image_pb.OS_STATE_GENERALIZED,
            identifier=image_pb.ImageIdentifier(publisher="p", offer="o", sku="s"),
        )
        request = image_pb.CreateImageDefinitionRequest(
            parent=made.name, image_definition_id="lists", image_definition=definition
        )
        return stub.CreateImageDefinition(request).name


def _fill(transaction: Transaction, image: str, patches: range) -> None:
    definition = definitions.require(transaction, parse_image("name", image))
    group = galleries.require(transaction, definition.name.gallery).group_uid
    made = [_version(definition.uid, group, VersionName(definition.name, VersionNumber(1, 0, n))) for n in patches]
    for version in made:
        versions.add(transaction, version)
    copies.add(transaction, [_copy(version) for version in made])


def _version(definition: UUID, group: UUID, name: VersionName) -> ImageVersion:
    now = utc_now()
    content = Content(0, None, "", None, None, 1 << 30, 1 << 28, "block-cdc-1:" + "5a" * 32, "")
    return Version(
        uid=uuid4(),
        group_uid=group,
        definition_uid=definition,
        name=name,
        location=_REGION,
        spec=ImageVersionSpec(tags={"team": "a"}, target_regions=(TargetRegion(_REGION, 1, Account.STANDARD_LRS),)),
        contents=(content,),
        state=VersionState.FAILED,
        operation_uid=uuid4(),
        create_time=now,
        update_time=now,
        published_time=None,
        etag=new_etag(),
    )


def _copy(version: ImageVersion) -> Copy:
    """A copy that was given up: a server does nothing about it."""
    return Copy(uuid4(), version.uid, _REGION, 0, "1", "1", uuid4(), uuid4(), CopyState.FAILED)


def _measure(endpoint: str, image: str, count: int) -> int:
    with grpc.insecure_channel(endpoint) as channel:
        lister = _Lister(GalleriesStub(channel), image)
        last = {order: lister.last_token(order, count) for order in ("number desc", "number")}
        pages = {
            "first page": lister.page,
            "last page": lambda: lister.page(token=last["number desc"]),
            "first page, ascending": lambda: lister.page(order="number"),
            "last page, ascending": lambda: lister.page(order="number", token=last["number"]),
            "first page, names only": lambda: lister.page(mask=["name"]),
            "1,000 looked at, none passes": lambda: lister.page(text="tags.team = b", mask=["name"]),
        }
        figures = _medians(pages)
    for what, seconds in figures.items():
        print(f"  {what}: {seconds * 1000:.2f} ms")
    return judge(
        [
            Target("last page", figures["last page"] / figures["first page"], 1.3, "of the first", True),
            Target(
                "last page, ascending",
                figures["last page, ascending"] / figures["first page, ascending"],
                1.3,
                "of the first",
                True,
            ),
        ]
    )


class _Lister:
    def __init__(self, stub: GalleriesStub, image: str) -> None:
        self._stub = stub
        self._image = image

    def page(
        self, *, order: str = "", token: str = "", text: str = "", mask: Sequence[str] = (), size: int = _PAGE
    ) -> version_pb.ListImageVersionsResponse:
        return self._stub.ListImageVersions(
            version_pb.ListImageVersionsRequest(
                parent=self._image,
                page_size=size,
                page_token=token,
                filter=text,
                order_by=order,
                read_mask=FieldMask(paths=mask),
            )
        )

    def last_token(self, order: str, count: int) -> str:
        """The token of the last full page: all before it is gone through once."""
        token, left = "", count
        while left > _PAGE:
            size = min(_STRIDE, left - _PAGE)
            token = self.page(order=order, token=token, mask=["name"], size=size).next_page_token
            left -= size
        found = self.page(order=order, token=token)
        if len(found.image_versions) != _PAGE or found.next_page_token:
            raise RuntimeError(order)
        return token


def _medians(works: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Seconds of each, the median of so many rounds in which they take turns."""
    took: dict[str, list[float]] = {what: [] for what in works}
    for _ in range(_ROUNDS):
        for what, work in works.items():
            began = time.perf_counter()
            work()
            took[what].append(time.perf_counter() - began)
    return {what: statistics.median(each) for what, each in took.items()}


if __name__ == "__main__":
    raise SystemExit(main())
