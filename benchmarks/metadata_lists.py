"""Lists of many image versions through a real server: the first page beside the last, either way, and filtered.

The rows are written through the repositories; each version has a copy. Pages are read in turn, medians count.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

import grpc
from google.protobuf.field_mask_pb2 import FieldMask

from benchmarks.filled_catalogue import Counts, definition_name, fill
from benchmarks.server_process import ServerProcess
from benchmarks.targets import FOLDER, Target, judge
from galleria.v1 import image_versions_pb2 as version_pb
from galleria.v1.galleries_pb2_grpc import GalleriesStub
from galleria_server.domain.models import CopyState

_PLACE = FOLDER / "lists"
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
        began = time.perf_counter()
        fill(data, Counts(1, 1, count), CopyState.FAILED)
        print(f"{count:,} versions written in {time.perf_counter() - began:.0f} s")
        with ServerProcess(data, _PLACE / "server.log") as server:
            return _measure(server.endpoint, str(definition_name(0, 0)), count)
    finally:
        shutil.rmtree(_PLACE, ignore_errors=True)


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
