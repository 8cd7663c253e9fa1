"""Applications of a gallery of the test's own, through the wire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import grpc
from google.longrunning.operations_pb2 import Operation

from galleria.v1 import applications_pb2 as pb
from galleria.v1.applications_pb2_grpc import ApplicationsStub
from galleria.v1.image_definitions_pb2 import OS_TYPE_LINUX
from galleria_server.domain.models import DiskKind, DiskState
from galleria_server.domain.names import GroupName
from galleria_server.metadata import disks
from galleria_server.metadata.engine import Transaction
from tests.server.catalogue_client import CatalogueClient, add_disk, finish_copies

COMMANDS = pb.ManageActions(install="bash install.sh", remove="bash remove.sh")


class ApplicationClient:
    def __init__(self, channel: grpc.Channel, catalogue: CatalogueClient) -> None:
        self.stub = ApplicationsStub(channel)
        self.catalogue = catalogue
        self.gallery = catalogue.gallery_name
        self.name = f"{self.gallery}/applications/tool"

    def prepare(self) -> None:
        """A gallery, an application and the disk `package`."""
        self.catalogue.create_gallery()
        self.create()
        self.add_file("package")

    def add_file(self, name: str, size_bytes: int = 1001) -> str:
        self.catalogue.running.write(_add_file, self.catalogue.group_name, name, size_bytes)
        return self.disk(name)

    def disk(self, name: str) -> str:
        return f"{self.catalogue.group}/disks/{name}"

    def create(self, application_id: str = "tool", **fields: Any) -> pb.Application:  # noqa: ANN401
        application = pb.Application(**{"os_type": OS_TYPE_LINUX, **fields})
        request = pb.CreateApplicationRequest(
            parent=self.gallery, application_id=application_id, application=application
        )
        return self.stub.CreateApplication(request)

    def change(self, *paths: str, name: str = "", **fields: Any) -> pb.Application:  # noqa: ANN401
        request = pb.UpdateApplicationRequest(application=pb.Application(name=name or self.name, **fields))
        request.update_mask.paths.extend(paths)
        return self.stub.UpdateApplication(request)

    def create_version(self, number: str = "1.0.0", **fields: Any) -> Operation:  # noqa: ANN401
        said = {"package": self.disk("package"), "manage_actions": COMMANDS, **fields}
        request = pb.CreateApplicationVersionRequest(
            parent=self.name, application_version_id=number, application_version=pb.ApplicationVersion(**said)
        )
        return self.stub.CreateApplicationVersion(request)

    def change_version(self, *paths: str, number: str = "1.0.0", **fields: Any) -> Operation:  # noqa: ANN401
        asked = pb.ApplicationVersion(name=f"{self.name}/versions/{number}", **fields)
        request = pb.UpdateApplicationVersionRequest(application_version=asked)
        request.update_mask.paths.extend(paths)
        return self.stub.UpdateApplicationVersion(request)

    def version(self, number: str = "1.0.0", region: str = "") -> pb.ApplicationVersion:
        request = pb.GetApplicationVersionRequest(name=f"{self.name}/versions/{number}", region=region)
        return self.stub.GetApplicationVersion(request)

    def resolve(self, number: str, region: str) -> str:
        request = pb.ResolveApplicationVersionRequest(name=f"{self.name}/versions/{number}", region=region)
        return self.stub.ResolveApplicationVersion(request).version

    def publish(self, number: str, regions: Sequence[Any] = (), **fields: Any) -> None:  # noqa: ANN401
        self.create_version(number, target_regions=regions, **fields)
        self.catalogue.running.write(finish_copies, UUID(self.version(number).uid), None)
        self.catalogue.running.ring()


def _add_file(transaction: Transaction, group: GroupName, name: str, size_bytes: int) -> None:
    disk = add_disk(transaction, group, name, DiskState.READY)
    disks.condemn(transaction, disk.uid)
    disks.drop(transaction, disk.uid)
    disks.add(transaction, replace(disk, size_bytes=size_bytes, kind=DiskKind.FILE))
