"""What a server of a later version adds is kept for the caller."""

from concurrent.futures import ThreadPoolExecutor

import grpc

from galleria.v1.installation_pb2 import (
    GetServerInfoRequest,
    ListRegionsRequest,
    ListRegionsResponse,
    Region,
    ServerInfo,
)
from galleria.v1.installation_pb2_grpc import (
    RegionsServicer,
    ServersServicer,
    add_RegionsServicer_to_server,
    add_ServersServicer_to_server,
)
from galleria_client import Client

UNKNOWN = b"\xa2\x06\x03new"
"""Field 100 of a version of tomorrow."""
INFO = ServerInfo.FromString(ServerInfo(version="2").SerializeToString() + UNKNOWN)
REGION = Region.FromString(Region(name="eastus").SerializeToString() + UNKNOWN)


class Servers(ServersServicer):
    def GetServerInfo(self, request: GetServerInfoRequest, context: grpc.ServicerContext) -> ServerInfo:  # noqa: N802
        return INFO


class Regions(RegionsServicer):
    def ListRegions(self, request: ListRegionsRequest, context: grpc.ServicerContext) -> ListRegionsResponse:  # noqa: N802
        return ListRegionsResponse(regions=[REGION])


def test_fields_of_a_newer_server_are_handed_to_the_caller() -> None:
    server = grpc.server(ThreadPoolExecutor(2))
    add_ServersServicer_to_server(Servers(), server)
    add_RegionsServicer_to_server(Regions(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with Client(f"127.0.0.1:{port}") as client:
            info = client.server_info()
            (region,) = client.regions.list()
    finally:
        server.stop(None).wait()
    assert (info.version, info.SerializeToString()) == ("2", INFO.SerializeToString())
    assert (region.name, region.SerializeToString()) == ("eastus", REGION.SerializeToString())
    assert region.SerializeToString().endswith(UNKNOWN)
