"""The calls of the control plane on one server that may be started again, with what they are refused for."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

import grpc
from google.rpc import error_details_pb2 as rpc
from grpc_status import rpc_status

from galleria.v1 import galleries_pb2 as pb
from galleria.v1 import image_definitions_pb2 as image_pb
from galleria.v1.aliases_pb2_grpc import AliasesStub
from galleria.v1.deployments_pb2_grpc import DeploymentsStub
from galleria.v1.galleries_pb2_grpc import GalleriesStub
from galleria.v1.locks_pb2_grpc import LocksStub
from galleria_server.domain.models import DiskState
from galleria_server.domain.names import GroupName
from galleria_server.domain.tenancy import DEFAULT_SUBSCRIPTION
from tests.server.catalogue_client import add_disk, drop_copies, finish_copies
from tests.server.control_plane.model import HOME
from tests.server.control_plane.model import Path as Place
from tests.server.empty_volumes import CatalogueServer, EmptyVolumes
from tests.support.server_thread import config_in, server_thread

GROUP = f"subscriptions/{DEFAULT_SUBSCRIPTION}/resourceGroups/rg"
DISK = f"{GROUP}/disks/disk-1"


class World:
    """A server with one disk that has content."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.running = ExitStack()
        self.start()
        self.server.write(add_disk, GroupName(DEFAULT_SUBSCRIPTION, "rg"), "disk-1", DiskState.READY)

    def start(self) -> None:
        self.server: CatalogueServer = self.running.enter_context(server_thread(config_in(self.folder), EmptyVolumes))
        channel = self.running.enter_context(grpc.insecure_channel(self.server.target))
        self.galleries, self.aliases = GalleriesStub(channel), AliasesStub(channel)
        self.deployments, self.locks = DeploymentsStub(channel), LocksStub(channel)

    def restart(self) -> None:
        self.running.close()
        self.start()

    def copied(self, uid: str, region: str) -> None:
        """The copies of a version in a region become READY, those that are to be made."""
        self.server.write(finish_copies, UUID(uid), region)

    def removed(self, uid: str) -> None:
        """The copies of a version that is being deleted are gone."""
        self.server.write(drop_copies, UUID(uid))


def name_of(path: Place, last: str = "") -> str:
    """The resource name of a place; with `last` a version."""
    words = ("galleries", "images", "versions")
    parts = [f"{word}/{part}" for word, part in zip(words, (*path, *([last] if last else [])), strict=False)]
    return "/".join((GROUP, *parts))


def outcome(call: Callable[[Any], Any], request: object) -> tuple[Any, str]:
    """The answer, and the reason of a refusal."""
    try:
        return call(request), ""
    except grpc.RpcError as error:
        told: Any = error
        status = rpc_status.from_call(told)
        assert status is not None, told
        info = rpc.ErrorInfo()
        assert sum(detail.Unpack(info) for detail in status.details) == 1, told
        assert (info.domain, told.code() is not grpc.StatusCode.INTERNAL) == ("galleria", True), told
        return None, info.reason


def gallery_request(name: str) -> pb.CreateGalleryRequest:
    return pb.CreateGalleryRequest(parent=GROUP, gallery_id=name, gallery=pb.Gallery(location=HOME))


def image_request(gallery: str, name: str) -> image_pb.CreateImageDefinitionRequest:
    definition = image_pb.ImageDefinition(
        os_type=image_pb.OS_TYPE_LINUX,
        os_state=image_pb.OS_STATE_GENERALIZED,
        identifier=image_pb.ImageIdentifier(publisher="p", offer="o", sku=name),
    )
    return image_pb.CreateImageDefinitionRequest(
        parent=name_of((gallery,)), image_definition_id=name, image_definition=definition
    )
