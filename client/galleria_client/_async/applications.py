"""The namespace of applications and their versions."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from google.protobuf.empty_pb2 import Empty
from google.protobuf.field_mask_pb2 import FieldMask

from galleria.v1 import applications_pb2 as pb
from galleria.v1 import image_versions_pb2 as version_pb
from galleria.v1 import publishing_pb2 as publishing_pb
from galleria.v1.applications_pb2_grpc import ApplicationsStub
from galleria_client._async.operation import Operation
from galleria_client._async.pager import Pager
from galleria_client._async.transport import Transport


class Applications:
    """Applications for machines. Writes carry a `request_id`, made here unless given, and so are safe to try again."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._stub = ApplicationsStub(transport.channel)

    async def create(
        self,
        parent: str,
        application_id: str,
        application: pb.Application,
        *,
        request_id: str = "",
        validate_only: bool = False,
    ) -> pb.Application:
        """Create an application in the gallery `parent`.

        Raises:
            InvalidField, AlreadyExists, NotFound.
        """
        request = pb.CreateApplicationRequest(
            parent=parent,
            application_id=application_id,
            application=application,
            request_id=request_id or str(uuid4()),
            validate_only=validate_only,
        )
        return await self._transport.unary(self._stub.CreateApplication, request, repeat=True)

    async def get(self, name: str) -> pb.Application:
        """One application.

        Raises:
            NotFound: there is none.
        """
        request = pb.GetApplicationRequest(name=name)
        return await self._transport.unary(self._stub.GetApplication, request, repeat=True)

    def list(
        self, parent: str, *, page_size: int = 0
    ) -> Pager[
        pb.ListApplicationsRequest,
        pb.ListApplicationsResponse,
        pb.Application,
    ]:
        """The applications of a gallery, by name."""
        request = pb.ListApplicationsRequest(parent=parent, page_size=page_size)
        return Pager(self._transport, self._stub.ListApplications, request, lambda answer: answer.applications)

    async def update(
        self,
        application: pb.Application,
        paths: Sequence[str] = (),
        *,
        request_id: str = "",
        validate_only: bool = False,
    ) -> pb.Application:
        """Change an application, as `Galleries.update` does a gallery.

        Raises:
            NotFound, InvalidField, EtagMismatch, MoveNotSupported.
        """
        request = pb.UpdateApplicationRequest(
            application=application,
            update_mask=FieldMask(paths=paths),
            request_id=request_id or str(uuid4()),
            validate_only=validate_only,
        )
        return await self._transport.unary(self._stub.UpdateApplication, request, repeat=True)

    async def delete(self, name: str, *, etag: str = "", request_id: str = "", validate_only: bool = False) -> None:
        """Delete an application that has no versions.

        Raises:
            NotFound, InUse, EtagMismatch.
        """
        request = pb.DeleteApplicationRequest(
            name=name, etag=etag, request_id=request_id or str(uuid4()), validate_only=validate_only
        )
        await self._transport.unary(self._stub.DeleteApplication, request, repeat=True)

    async def create_version(
        self,
        parent: str,
        version_id: str,
        version: pb.ApplicationVersion,
        *,
        request_id: str = "",
        validate_only: bool = False,
    ) -> Operation[pb.ApplicationVersion]:
        """Begin to create an application version of `parent` and to replicate it.

        Raises:
            InvalidField, AlreadyExists, NotFound, RegionUnknown, WrongState, NotEnoughVolumes.
        """
        request = pb.CreateApplicationVersionRequest(
            parent=parent,
            application_version_id=version_id,
            application_version=version,
            request_id=request_id or str(uuid4()),
            validate_only=validate_only,
        )
        message = await self._transport.unary(self._stub.CreateApplicationVersion, request, repeat=True)
        return Operation(self._transport, message)

    async def get_version(self, name: str, *, region: str = "") -> pb.ApplicationVersion:
        """One application version with its replication status; `latest` needs a region.

        Raises:
            NotFound: there is none.
        """
        request = pb.GetApplicationVersionRequest(name=name, region=region)
        return await self._transport.unary(self._stub.GetApplicationVersion, request, repeat=True)

    def list_versions(
        self, parent: str, *, page_size: int = 0
    ) -> Pager[pb.ListApplicationVersionsRequest, pb.ListApplicationVersionsResponse, pb.ApplicationVersion]:
        """The versions of an application, highest number first."""
        request = pb.ListApplicationVersionsRequest(parent=parent, page_size=page_size)
        return Pager(
            self._transport, self._stub.ListApplicationVersions, request, lambda answer: answer.application_versions
        )

    async def update_version(
        self,
        version: pb.ApplicationVersion,
        paths: Sequence[str] = (),
        *,
        request_id: str = "",
        validate_only: bool = False,
    ) -> Operation[pb.ApplicationVersion]:
        """Begin to change an application version, as `update` an application, and to replicate what it orders then.

        Raises:
            NotFound, InvalidField, EtagMismatch, MoveNotSupported, WrongState, RegionUnknown, NotEnoughVolumes.
        """
        request = pb.UpdateApplicationVersionRequest(
            application_version=version,
            update_mask=FieldMask(paths=paths),
            request_id=request_id or str(uuid4()),
            validate_only=validate_only,
        )
        message = await self._transport.unary(self._stub.UpdateApplicationVersion, request, repeat=True)
        return Operation(self._transport, message)

    async def add_target_regions(
        self,
        name: str,
        regions: Sequence[publishing_pb.TargetRegion],
        *,
        request_id: str = "",
        validate_only: bool = False,
    ) -> Operation[pb.ApplicationVersion]:
        """Begin to replicate an application version to more regions, whoever else changes other regions meanwhile.

        Raises:
            AlreadyExists for a region that is ordered; as `update_version`.
        """
        request = version_pb.AddTargetRegionsRequest(
            name=name,
            target_regions=regions,
            request_id=request_id or str(uuid4()),
            validate_only=validate_only,
        )
        message = await self._transport.unary(self._stub.AddApplicationTargetRegions, request, repeat=True)
        return Operation(self._transport, message)

    async def remove_target_regions(
        self, name: str, regions: Sequence[str], *, request_id: str = "", validate_only: bool = False
    ) -> Operation[pb.ApplicationVersion]:
        """Begin to give the replicas of an application version in regions up.

        Raises:
            NotFound for a region that is not ordered; as `update_version`.
        """
        request = version_pb.RemoveTargetRegionsRequest(
            name=name, regions=regions, request_id=request_id or str(uuid4()), validate_only=validate_only
        )
        message = await self._transport.unary(self._stub.RemoveApplicationTargetRegions, request, repeat=True)
        return Operation(self._transport, message)

    async def set_replica_count(
        self, name: str, region: str, replica_count: int, *, request_id: str = "", validate_only: bool = False
    ) -> Operation[pb.ApplicationVersion]:
        """Begin to have another number of replicas of an application version in a region.

        Raises:
            NotFound for a region that is not ordered; as `update_version`.
        """
        request = version_pb.SetReplicaCountRequest(
            name=name,
            region=region,
            replica_count=replica_count,
            request_id=request_id or str(uuid4()),
            validate_only=validate_only,
        )
        message = await self._transport.unary(self._stub.SetApplicationReplicaCount, request, repeat=True)
        return Operation(self._transport, message)

    async def delete_version(
        self, name: str, *, etag: str = "", force: bool = False, request_id: str = "", validate_only: bool = False
    ) -> Operation[Empty]:
        """Begin to delete an application version and all its replicas; with `force` also one that is in use.

        Raises:
            NotFound, EtagMismatch, InUse.
        """
        request = pb.DeleteApplicationVersionRequest(
            name=name, etag=etag, force=force, request_id=request_id or str(uuid4()), validate_only=validate_only
        )
        message = await self._transport.unary(self._stub.DeleteApplicationVersion, request, repeat=True)
        return Operation(self._transport, message)

    async def resolve_version(self, name: str, region: str) -> pb.ResolveApplicationVersionResponse:
        """The version that `latest`, an alias or an exact number means in a region, why, and what was passed over.

        Raises:
            NotFound, RegionUnknown, NotInRegion, EndOfLife.
        """
        request = pb.ResolveApplicationVersionRequest(name=name, region=region)
        return await self._transport.unary(self._stub.ResolveApplicationVersion, request, repeat=True)
