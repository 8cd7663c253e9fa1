# Written by client/unasync.py from the module of the same name in _async: change that one.
"""The namespace of deployments: what runs from versions, and so keeps them from being deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import uuid4

from google.protobuf.field_mask_pb2 import FieldMask

from galleria.v1 import deployments_pb2 as pb
from galleria.v1.deployments_pb2_grpc import DeploymentsStub
from galleria_client._sync.pager import Pager
from galleria_client._sync.transport import Transport


class Deployments:
    """The register of what runs from versions. Writes carry a `request_id`, and so are safe to try again."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._stub = DeploymentsStub(transport.channel)

    def create(
        self,
        parent: str,
        deployment_id: str,
        version: str,
        region: str,
        *,
        tags: Mapping[str, str] | None = None,
        request_id: str = "",
        validate_only: bool = False,
    ) -> pb.Deployment:
        """Register a deployment in the resource group `parent`; `version` may end in `latest` or an alias.

        Raises:
            InvalidField, AlreadyExists, RegionUnknown, NotFound, NotInRegion, EndOfLifeReached, WrongState.
        """
        request = pb.CreateDeploymentRequest(
            parent=parent,
            deployment_id=deployment_id,
            deployment=pb.Deployment(version=version, region=region, tags=tags),
            request_id=request_id or str(uuid4()),
            validate_only=validate_only,
        )
        return self._transport.unary(self._stub.CreateDeployment, request, repeat=True)

    def get(self, name: str, *, fields: Sequence[str] = ()) -> pb.Deployment:
        """One deployment, or those `fields` of it and its name.

        Raises:
            NotFound: there is none.
        """
        request = pb.GetDeploymentRequest(name=name, read_mask=FieldMask(paths=fields))
        return self._transport.unary(self._stub.GetDeployment, request, repeat=True)

    def list(
        self, parent: str, *, filter_: str = "", order_by: str = "", fields: Sequence[str] = (), page_size: int = 0
    ) -> Pager[pb.ListDeploymentsRequest, pb.ListDeploymentsResponse, pb.Deployment]:
        """The deployments of a resource group, or of a version in whatever group, by the last part of their names."""
        request = pb.ListDeploymentsRequest(
            parent=parent,
            filter=filter_,
            order_by=order_by,
            read_mask=FieldMask(paths=fields),
            page_size=page_size,
        )
        return Pager(self._transport, self._stub.ListDeployments, request, lambda answer: answer.deployments)

    def update(
        self,
        deployment: pb.Deployment,
        paths: Sequence[str] = (),
        *,
        request_id: str = "",
        validate_only: bool = False,
    ) -> pb.Deployment:
        """Change the fields of a deployment that `paths` name, without any those that are set.

        Raises:
            NotFound, InvalidField, EtagMismatch, MoveNotSupported; as `create` for another version or region.
        """
        request = pb.UpdateDeploymentRequest(
            deployment=deployment,
            update_mask=FieldMask(paths=paths),
            request_id=request_id or str(uuid4()),
            validate_only=validate_only,
        )
        return self._transport.unary(self._stub.UpdateDeployment, request, repeat=True)

    def delete(self, name: str, *, etag: str = "", request_id: str = "", validate_only: bool = False) -> None:
        """Take a deployment out of the register; nothing happens to what runs.

        Raises:
            NotFound, EtagMismatch.
        """
        request = pb.DeleteDeploymentRequest(
            name=name, etag=etag, request_id=request_id or str(uuid4()), validate_only=validate_only
        )
        self._transport.unary(self._stub.DeleteDeployment, request, repeat=True)
