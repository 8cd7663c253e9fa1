"""Health, reflection, request ids, metrics, limits and drain of a running server."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from urllib.request import urlopen

import grpc
import grpc.aio
import pytest
from google.longrunning import operations_pb2 as lro
from google.longrunning.operations_pb2_grpc import OperationsStub
from google.protobuf.wrappers_pb2 import StringValue
from google.rpc import error_details_pb2 as rpc
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub
from prometheus_client import CollectorRegistry, Counter

from galleria.v1 import galleries_pb2 as pb
from galleria.v1 import installation_pb2
from galleria.v1.galleries_pb2_grpc import GalleriesStub
from galleria.v1.installation_pb2_grpc import RegionsStub, ServersStub
from galleria_server.config import Limits, parse_address
from galleria_server.domain.tenancy import DEFAULT_SUBSCRIPTION
from galleria_server.listening import ListenFailed, metrics_endpoint
from galleria_server.logs import JsonFormatter
from galleria_server.metadata.lock import DataInUse
from tests.server.catalogue_client import CatalogueClient
from tests.server.empty_volumes import CatalogueServer, EmptyVolumes
from tests.server.refusals import refused
from tests.support.server_thread import config_in, server_thread

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICES = ("galleria.v1.Galleries", "galleria.v1.Regions", "galleria.v1.Servers", "google.longrunning.Operations")


async def echo(
    requests: AsyncIterator[StringValue], _context: grpc.aio.ServicerContext[Any, Any]
) -> AsyncIterator[StringValue]:
    async for request in requests:
        yield request


def health_of(channel: grpc.Channel) -> Any:  # noqa: ANN401  # the stub's types lack its methods
    return HealthStub(channel)


def register_echo(server: grpc.aio.Server) -> Sequence[str]:
    handler = grpc.stream_stream_rpc_method_handler(echo, StringValue.FromString, StringValue.SerializeToString)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", {"Echo": handler}),))
    return ("test.Echo",)


echoing = partial(EmptyVolumes, register=register_echo)


class QueueHandler(logging.Handler):
    """Puts formatted lines into a queue: the line is written when the caller has its answer already."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: SimpleQueue[str] = SimpleQueue()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.put(self.format(record))


@pytest.fixture
def access_lines() -> Iterator[SimpleQueue[str]]:
    handler = QueueHandler()
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("galleria.access")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler.lines
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


class OpenStream:
    """An echo stream that stays open until it is left."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._words: SimpleQueue[StringValue | None] = SimpleQueue()
        stub = channel.stream_stream("/test.Echo/Echo", StringValue.SerializeToString, StringValue.FromString)
        self._answers = stub(iter(self._words.get, None))

    def say(self, word: str) -> str:
        self._words.put(StringValue(value=word))
        return str(next(self._answers).value)

    def leave(self) -> None:
        self._words.put(None)
        assert list(self._answers) == []


@pytest.mark.parametrize("service", ["", *SERVICES])
def test_a_running_server_is_healthy(channel: grpc.Channel, service: str) -> None:
    assert health_of(channel).Check(health_pb2.HealthCheckRequest(service=service)).status == SERVING


def test_reflection_lists_the_services(channel: grpc.Channel) -> None:
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    stub: Any = ServerReflectionStub(channel)
    (answer,) = stub.ServerReflectionInfo(iter([request]))
    assert set(SERVICES) <= {service.name for service in answer.list_services_response.service}


def test_regions_are_those_of_the_configuration(channel: grpc.Channel) -> None:
    regions = RegionsStub(channel).ListRegions(installation_pb2.ListRegionsRequest()).regions
    assert [(region.name, region.display_name) for region in regions] == [
        ("eastus", "East US"),
        ("westeurope", "West Europe"),
        ("westus", "West US"),
    ]
    assert {(*region.zones, *region.tiers) for region in regions} == {("1", "2", "3", "standard", "premium")}


def test_server_info_tells_rules_and_limits(channel: grpc.Channel) -> None:
    info = ServersStub(channel).GetServerInfo(installation_pb2.GetServerInfoRequest())
    assert info.max_disk_bytes == 2_199_023_255_552
    assert info.default_subscription == str(DEFAULT_SUBSCRIPTION)
    (rule,) = info.rules
    assert (rule.name, rule.block_bytes, rule.segment_bytes) == ("block-cdc-1", 4096, 64 << 20)
    assert (rule.min_blocks, rule.late_blocks, rule.max_blocks) == (4, 8, 64)
    assert (rule.hole_blocks, rule.early_mask, rule.late_mask) == (16, 15, 3)
    assert list(info.codecs) == ["raw", "zstd"]
    assert info.version


def test_a_request_id_is_kept_and_logged(
    channel: grpc.Channel, client: CatalogueClient, access_lines: SimpleQueue[str]
) -> None:
    request = pb.GetGalleryRequest(name=client.gallery_name)
    with refused("NOT_FOUND", "NOT_FOUND") as refusal:
        GalleriesStub(channel).GetGallery(request, metadata=(("x-request-id", "from-the-caller"),))
    assert refusal.detail(rpc.RequestInfo).request_id == "from-the-caller"
    line = json.loads(access_lines.get(timeout=60))
    assert (line["method"], line["code"]) == ("/galleria.v1.Galleries/GetGallery", "NOT_FOUND")
    assert (line["reason"], line["request_id"], line["level"]) == ("NOT_FOUND", "from-the-caller", "info")


def test_a_call_without_a_request_id_gets_one(channel: grpc.Channel) -> None:
    for offered in ((), (("x-request-id", "with blanks"),)):
        _, call = RegionsStub(channel).ListRegions.with_call(installation_pb2.ListRegionsRequest(), metadata=offered)
        (request_id,) = [value for key, value in call.trailing_metadata() if key == "x-request-id"]
        assert len(request_id) == 32


def test_calls_above_the_limit_are_refused_with_the_limit(tmp_path: Path) -> None:
    config = replace(config_in(tmp_path), limits=Limits(max_calls=1))
    with server_thread(config, echoing) as server, grpc.insecure_channel(server.target) as channel:
        stream = OpenStream(channel)
        assert stream.say("one") == "one"
        with refused("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED") as refusal:
            RegionsStub(channel).ListRegions(installation_pb2.ListRegionsRequest())
        assert refusal.info.metadata == {"resource": "calls", "limit": "1"}
        assert health_of(channel).Check(health_pb2.HealthCheckRequest()).status == SERVING
        stream.leave()


def test_a_message_above_the_limit_is_refused(client: CatalogueClient) -> None:
    request = pb.CreateGalleryRequest(gallery=pb.Gallery(description="x" * (8 << 20)))
    with pytest.raises(grpc.RpcError) as caught:
        client.galleries.CreateGallery(request)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_drained_server_refuses_what_is_new_and_lets_streams_end(tmp_path: Path) -> None:
    with (
        server_thread(config_in(tmp_path), echoing) as server,
        grpc.insecure_channel(server.target) as channel,
    ):
        health = health_of(channel).Watch(health_pb2.HealthCheckRequest())
        assert next(health).status == SERVING
        stream = OpenStream(channel)
        assert stream.say("before") == "before"
        drained = server.drain(grace=60)
        assert next(health).status == NOT_SERVING
        with refused("UNAVAILABLE", "DRAINING"):
            RegionsStub(channel).ListRegions(installation_pb2.ListRegionsRequest())
        assert stream.say("during") == "during"
        assert not drained.done()
        stream.leave()
        assert drained.result(60) is True
        health.cancel()


def test_a_drain_gives_up_after_its_grace(tmp_path: Path) -> None:
    with (
        server_thread(config_in(tmp_path), echoing) as server,
        grpc.insecure_channel(server.target) as channel,
    ):
        stream = OpenStream(channel)
        assert stream.say("one") == "one"
        assert server.drain(grace=0.01).result(60) is False
        stream.leave()


def test_a_drain_ends_waits_for_operations(tmp_path: Path) -> None:
    with server_thread(config_in(tmp_path), EmptyVolumes) as server, grpc.insecure_channel(server.target) as channel:
        client = CatalogueClient(channel, server, "waits")
        client.prepare()
        request = lro.WaitOperationRequest(name=client.create_version("1.0.0").name)
        waiting = OperationsStub(channel).WaitOperation.future(request, timeout=60)
        assert server.drain(grace=60).result(60) is True
        with refused("UNAVAILABLE", "DRAINING"):
            waiting.result()


def test_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
    with server_thread(config_in(tmp_path), EmptyVolumes) as server, grpc.insecure_channel(server.target) as channel:
        made = CatalogueClient(channel, server, "kept").create_gallery()
        page = pb.ListGalleriesRequest(parent=made.name.rpartition("/galleries")[0], page_size=1)
        CatalogueClient(channel, server, "kept").create_gallery("second")
        token = GalleriesStub(channel).ListGalleries(page).next_page_token
    with server_thread(config_in(tmp_path), EmptyVolumes) as server, grpc.insecure_channel(server.target) as channel:
        assert GalleriesStub(channel).GetGallery(pb.GetGalleryRequest(name=made.name)) == made
        page.page_token = token
        assert len(GalleriesStub(channel).ListGalleries(page).galleries) == 1


def test_two_servers_do_not_share_data(running: CatalogueServer) -> None:
    with pytest.raises(DataInUse, match="in use"), server_thread(running.foundation.config, EmptyVolumes):
        pass


def test_two_servers_do_not_share_a_port(running: CatalogueServer, tmp_path: Path) -> None:
    config = replace(config_in(tmp_path), listen=parse_address("test", "listen", running.target))
    with pytest.raises(ListenFailed, match=running.target), server_thread(config, EmptyVolumes):
        pass


def test_metrics_are_served_over_http() -> None:
    registry = CollectorRegistry()
    Counter("galleria_test", "a counter", registry=registry).inc()
    with (
        metrics_endpoint(parse_address("test", "listen", "127.0.0.1:0"), registry) as port,
        urlopen(f"http://127.0.0.1:{port}/metrics") as answer,  # our own, on loopback
    ):
        assert "galleria_test_total 1.0" in answer.read().decode()


def test_a_servers_metrics_count_calls(tmp_path: Path) -> None:
    with metrics_endpoint(parse_address("test", "listen", "127.0.0.1:0"), CollectorRegistry()) as free:
        pass
    address = parse_address("test", "metrics_listen", f"127.0.0.1:{free}")
    config = replace(config_in(tmp_path), metrics_listen=address)
    with server_thread(config, EmptyVolumes) as server, grpc.insecure_channel(server.target) as channel:
        RegionsStub(channel).ListRegions(installation_pb2.ListRegionsRequest())
        with urlopen(f"http://{address}/metrics") as answer:  # our own, on loopback
            text = answer.read().decode()
    assert 'galleria_calls_total{code="OK",method="/galleria.v1.Regions/ListRegions"} 1.0' in text
