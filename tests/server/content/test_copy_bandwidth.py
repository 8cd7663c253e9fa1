"""Copies into a region keep to its bandwidth, and those that wait can be ended."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import grpc
import pytest
from google.longrunning.operations_pb2 import CancelOperationRequest

from galleria_server.config import MIN_COPY_BANDWIDTH, Config
from galleria_server.content import LocalContent, make_content
from galleria_server.domain.models import Copy, CopyState
from galleria_server.foundation import Foundation
from galleria_server.metadata import copies
from galleria_server.reconciler.copying import RENEWAL_SECONDS
from galleria_server.reconciler.token_bucket import BURST_SECONDS, STEP_SECONDS, TokenBucket, Wait
from tests.support.content import changed
from tests.support.server_thread import ContentServer, config_in, server_thread
from tests.support.wire_client import Image, WireClient, cut_image, eventually


class Time:
    """A clock that only a copy's waiting moves on."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    def wait(self, cancelled: threading.Event, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


class StoppedTime(Time):
    """A clock that stands still: a copy that waits does so until it is cancelled."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = threading.Event()
        self.let_go = threading.Event()

    def wait(self, cancelled: threading.Event, seconds: float) -> None:
        self.waiting.set()
        if cancelled.wait(60):
            self.let_go.set()


def slow_config(folder: Path) -> Config:
    """The default regions, copies into westus as slow as may be."""
    config = config_in(folder)
    regions = (
        replace(region, copy_bandwidth=MIN_COPY_BANDWIDTH if region.name == "westus" else None)
        for region in config.regions
    )
    return replace(config, regions=tuple(regions))


@contextmanager
def slow_server(folder: Path, time: Time) -> Iterator[tuple[WireClient, ContentServer]]:
    def make_bucket(rate: int) -> TokenBucket:
        wait: Wait = time.wait
        return TokenBucket(rate, time, wait)

    def make(foundation: Foundation) -> LocalContent:
        return make_content(foundation, make_bucket)

    with server_thread(slow_config(folder), make) as server, grpc.insecure_channel(server.target) as channel:
        yield WireClient(channel, "group"), server


def west(server: ContentServer, wire: WireClient, version: str = "1.0.0") -> Copy:
    rows = server.read(copies.of_version, UUID(wire.get_version(version).uid))
    (row,) = [row for row in rows if row.region == "westus"]
    return row


def at_rest(server: ContentServer, row: Copy) -> bool:
    """Whether nothing is at work on the copy's volume."""
    candidate = server.mount(row.region, row.volume).candidate
    return candidate is not None and candidate.load == 0


def test_copies_are_paced_and_pay_only_for_what_they_bring(tmp_path: Path, image: Image, data: bytes) -> None:
    time = Time()
    with slow_server(tmp_path, time) as (wire, _):
        wire.prepare_gallery()
        occupied = wire.push("one", image).occupied_bytes
        wire.publish("1.0.0", "one", eastus=2, westeurope=1)
        assert time.waits == []
        wire.push("two", image)
        wire.publish("1.0.1", "two", eastus=1, westus=1)
        first = occupied / MIN_COPY_BANDWIDTH
        assert time.now == pytest.approx(first - BURST_SECONDS)
        assert max(time.waits) <= STEP_SECONDS
        # Of its two segments with data one is new.
        next_image = cut_image(changed(data))
        again = sum(len(chunk) for _, chunk in next_image.segments[0].chunks) / MIN_COPY_BANDWIDTH
        wire.push("three", next_image)
        wire.publish("1.0.2", "three", eastus=1, westus=1)
        assert time.now == pytest.approx(first - BURST_SECONDS + again)
        assert wire.fetch(wire.version_name("1.0.2"), "westus") == changed(data)


def test_a_copy_that_waits_ends_when_its_version_is_cancelled(tmp_path: Path, image: Image) -> None:
    time = StoppedTime()
    with slow_server(tmp_path, time) as (wire, server):
        wire.prepare_gallery()
        wire.push("disk", image)
        operation = wire.create_version("1.0.0", "disk", eastus=1, westus=1)
        assert time.waiting.wait(30)
        eventually(lambda: west(server, wire).done_bytes > 0)
        wire.operations.CancelOperation(CancelOperationRequest(name=operation.name))
        assert wire.wait(operation).error.code == grpc.StatusCode.CANCELLED.value[0]
        # It has not to wait until its claim is renewed.
        assert time.let_go.wait(RENEWAL_SECONDS * 2 / 3)
        row = west(server, wire)
        assert row.state is CopyState.FAILED
        eventually(lambda: at_rest(server, row))
        assert server.mount(row.region, row.volume).volume.root(row.root_id) is None


def test_copies_that_wait_do_not_hold_up_those_of_other_regions(tmp_path: Path, image: Image, data: bytes) -> None:
    time = StoppedTime()
    with slow_server(tmp_path, time) as (wire, server):
        wire.prepare_gallery()
        wire.push("disk", image)
        slow = ("1.0.0", "1.0.1")
        for version in slow:
            wire.create_version(version, "disk", eastus=1, westus=1)
        assert time.waiting.wait(30)
        eventually(lambda: all(west(server, wire, version).state is CopyState.COPYING for version in slow))
        wire.publish("1.0.2", "disk", eastus=1, westeurope=1)
        assert all(west(server, wire, version).state is CopyState.COPYING for version in slow)
        assert wire.fetch(wire.version_name("1.0.2"), "westeurope") == data


def test_a_copy_that_waits_does_not_hold_up_a_stop_and_goes_on_afterwards(
    tmp_path: Path, image: Image, data: bytes
) -> None:
    stopped, time = StoppedTime(), Time()
    with slow_server(tmp_path, stopped) as (wire, _):
        wire.prepare_gallery()
        wire.push("disk", image)
        operation = wire.create_version("1.0.0", "disk", eastus=1, westus=1)
        assert stopped.waiting.wait(30)
    assert stopped.let_go.is_set()
    with slow_server(tmp_path, time) as (wire, _):
        assert wire.wait(operation).WhichOneof("result") == "response"
        assert time.waits
        assert wire.fetch(wire.version_name("1.0.0"), "westus") == data
