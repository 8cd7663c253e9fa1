"""The namespace of galleries, image definitions and image versions."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from google.protobuf.empty_pb2 import Empty
from google.protobuf.field_mask_pb2 import FieldMask

from galleria.v1 import deletion_pb2 as deletion_pb
from galleria.v1 import galleries_pb2 as pb
from galleria.v1 import image_definitions_pb2 as image_pb
from galleria.v1 import image_versions_pb2 as version_pb
from galleria.v1 import publishing_pb2 as publishing_pb
from galleria.v1.galleries_pb2_grpc import GalleriesStub
from galleria_client._async.operation import Operation
from galleria_client._async.pager import Pager
from galleria_client._async.transport import Transport


class Galleries:
    """The catalogue. Writes carry a `request_id`, made here unless given, and so are safe to try again."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._stub = GalleriesStub(transport.channel)

    async def create(
        self,
        parent: str,
        gallery_id: str,
        gallery: pb.Gallery,
        *,
        request_id: str = "",
        validate_only: bool = False,
    ) -> pb.Gallery:
        """Create a gallery in the resource group `parent`.

        Raises:
            InvalidField, AlreadyExists, RegionUnknown.
        """
        request = pb.CreateGalleryRequest(
            parent=parent,
            gallery_id=gallery_id,
            gallery=gallery,
            request_id=request_id or str(uuid4()),
            validate_only=validate_only,
        )
        return await self._transport.unary(self._stub.CreateGallery, request, repeat=True)

    async def get(self, name: str, *, fields: Sequence[str] = ()) -> pb.Gallery:
        """One gallery, or those `fields` of it and its name.

        Raises:
            NotFound: there is none.
        """
        request = pb.GetGalleryRequest(name=name, read_mask=FieldMask(paths=fields))
        return await self._transport.unary(self._stub.GetGallery, request, repeat=True)

    def list(
        self, parent: str, *, filter_: str = "", order_by: str = "", fields: Sequence[str] = (), page_size: int = 0
    ) -> Pager[pb.ListGalleriesRequest, pb.ListGalleriesResponse, pb.Gallery]:
        """The galleries of a resource group that pass `filter_`, by name; of each the `fields`, without any all.

        What filters may say, and orders be, is in `protos/README.md`.

        Raises:
            InvalidField: the filter, the order or a field is wrong; while it is iterated, as all errors of lists.
        """
        request = pb.ListGalleriesRequest(
            parent=parent,
            filter=filter_,
            order_by=order_by,
            read_mask=FieldMask(paths=fields),
            page_size=page_size,
        )
        return Pager(self._transport, self._stub.ListGalleries, request, lambda answer: answer.galleries)

    async def update(
        self,
        gallery: pb.Gallery,
        paths: Sequence[str] = (),
        *,
        request_id: str = "",
        validate_only: bool = False,
    ) -> pb.Gallery:
        """Change the fields of a gallery that `paths` name, without any those that are set; `name` says which one.

        With an etag in it, the gallery must not have changed since then.

        Raises:
            NotFound, InvalidField, EtagMismatch, MoveNotSupported.
        """
        request = pb.UpdateGalleryRequest(
            gallery=gallery,
            update_mask=FieldMask(paths=paths),
            request_id=request_id or str(uuid4()),
            validate_only=validate_only,
        )
        return await self._transport.unary(self._stub.UpdateGallery, request, repeat=True)

    async def delete(self, name: str, *, etag: str = "", request_id: str = "", validate_only: bool = False) -> None:
        """Delete an empty gallery.

        Raises:
            NotFound, InUse, EtagMismatch.
        """
        request = pb.DeleteGalleryRequest(
            name=name, etag=etag, request_id=request_id or str(uuid4()), validate_only=validate_only
        )
        await self._transport.unary(self._stub.DeleteGallery, request, repeat=True)

    async def delete_tree(
        self,
        name: str,
        *,
        etag: str = "",
        bypass_soft_delete: bool = False,
        force: bool = False,
        request_id: str = "",
        validate_only: bool = False,
    ) -> tuple[Operation[Empty] | None, deletion_pb.DeletionPlan]:
        """Begin to delete a gallery with all that is in it, or nothing; with `validate_only` what would go is told.

        Raises:
            NotFound, EtagMismatch, WrongState; ScopeLocked, InUse, DeletionBlocked, unless it is only asked.
        """
        request = deletion_pb.DeleteGalleryTreeRequest(
            name=name,
            etag=etag,
            bypass_soft_delete=bypass_soft_delete,
            force=force,
            request_id=request_id or str(uuid4()),
            validate_only=validate_only,
        )
        answer = await self._transport.unary(self._stub.DeleteGalleryTree, request, repeat=True)
        return None if validate_only else Operation(self._transport, answer.operation), answer.plan

    async def create_definition(
        self,
        parent: str,
        definition_id: str,
        definition: image_pb.ImageDefinition,
        *,
        request_id: str = "",
        validate_only: bool = False,
    ) -> image_pb.ImageDefinition:
        """Create an image definition in the gallery `parent`.

        Raises:
            InvalidField, AlreadyExists, NotFound.
        """
        request = image_pb.CreateImageDefinitionRequest(
            parent=parent,
            image_definition_id=definition_id,
            image_definition=definition,
            request_id=request_id or str(uuid4()),
            validate_only=validate_only,
        )
        return await self._transport.unary(self._stub.CreateImageDefinition, request, repeat=True)

    async def get_definition(self, name: str, *, fields: Sequence[str] = ()) -> image_pb.ImageDefinition:
        """One image definition, or those `fields` of it and its name.

        Raises:
            NotFound: there is none.
        """
        request = image_pb.GetImageDefinitionRequest(name=name, read_mask=FieldMask(paths=fields))
        return await self._transport.unary(self._stub.GetImageDefinition, request, repeat=True)

    def list_definitions(
        self, parent: str, *, filter_: str = "", order_by: str = "", fields: Sequence[str] = (), page_size: int = 0
    ) -> Pager[
        image_pb.ListImageDefinitionsRequest,
        image_pb.ListImageDefinitionsResponse,
        image_pb.ImageDefinition,
    ]:
        """The image definitions of a gallery, as `list`."""
        request = image_pb.ListImageDefinitionsRequest(
            parent=parent,
            filter=filter_,
            order_by=order_by,
            read_mask=FieldMask(paths=fields),
            page_size=page_size,
        )
        return Pager(self._transport, self._stub.ListImageDefinitions, request, lambda answer: answer.image_definitions)

    async def update_definition(
        self,
        definition: image_pb.ImageDefinition,
        paths: Sequence[str] = (),
        *,
        allow_update_image: bool = False,
        request_id: str = "",
        validate_only: bool = False,
    ) -> image_pb.ImageDefinition:
        """Change an image definition, as `update` does a gallery; its features only with `allow_update_image`.

        Raises:
            NotFound, InvalidField, EtagMismatch, MoveNotSupported.
        """
        request = image_pb.UpdateImageDefinitionRequest(
            image_definition=definition,
            update_mask=FieldMask(paths=paths),
            allow_update_image=allow_update_image,
            request_id=request_id or str(uuid4()),
            validate_only=validate_only,
        )
        return await self._transport.unary(self._stub.UpdateImageDefinition, request, repeat=True)

    async def delete_definition(
        self, name: str, *, etag: str = "", request_id: str = "", validate_only: bool = False
    ) -> None:
        """Delete an image definition that has no versions.

        Raises:
            NotFound, InUse, EtagMismatch.
        """
        request = image_pb.DeleteImageDefinitionRequest(
            name=name, etag=etag, request_id=request_id or str(uuid4()), validate_only=validate_only
        )
        await self._transport.unary(self._stub.DeleteImageDefinition, request, repeat=True)

    async def delete_definition_tree(
        self,
        name: str,
        *,
        etag: str = "",
        bypass_soft_delete: bool = False,
        force: bool = False,
        request_id: str = "",
        validate_only: bool = False,
    ) -> tuple[Operation[Empty] | None, deletion_pb.DeletionPlan]:
        """Begin to delete an image definition with all its versions and aliases, as `delete_tree` does a gallery."""
        request = deletion_pb.DeleteImageDefinitionTreeRequest(
            name=name,
            etag=etag,
            bypass_soft_delete=bypass_soft_delete,
            force=force,
            request_id=request_id or str(uuid4()),
            validate_only=validate_only,
        )
        answer = await self._transport.unary(self._stub.DeleteImageDefinitionTree, request, repeat=True)
        return None if validate_only else Operation(self._transport, answer.operation), answer.plan

    async def create_version(
        self,
        parent: str,
        version_id: str,
        version: version_pb.ImageVersion,
        *,
        request_id: str = "",
        validate_only: bool = False,
    ) -> Operation[version_pb.ImageVersion]:
        """Begin to create an image version of the definition `parent` and to replicate it.

        Raises:
            InvalidField, AlreadyExists, NotFound, RegionUnknown, WrongState, NotEnoughVolumes.
        """
        request = version_pb.CreateImageVersionRequest(
            parent=parent,
            image_version_id=version_id,
            image_version=version,
            request_id=request_id or str(uuid4()),
            validate_only=validate_only,
        )
        message = await self._transport.unary(self._stub.CreateImageVersion, request, repeat=True)
        return Operation(self._transport, message)

    async def get_version(self, name: str, *, region: str = "", fields: Sequence[str] = ()) -> version_pb.ImageVersion:
        """One image version with its replication status, or those `fields` of it; `latest` needs a region.

        Raises:
            NotFound: there is none.
        """
        request = version_pb.GetImageVersionRequest(name=name, region=region, read_mask=FieldMask(paths=fields))
        return await self._transport.unary(self._stub.GetImageVersion, request, repeat=True)

    def list_versions(
        self,
        parent: str,
        *,
        filter_: str = "",
        order_by: str = "",
        fields: Sequence[str] = (),
        page_size: int = 0,
        show_deleted: bool = False,
    ) -> Pager[version_pb.ListImageVersionsRequest, version_pb.ListImageVersionsResponse, version_pb.ImageVersion]:
        """The versions of an image definition, as `list`, highest number first; with `show_deleted` all."""
        request = version_pb.ListImageVersionsRequest(
            parent=parent,
            filter=filter_,
            order_by=order_by,
            read_mask=FieldMask(paths=fields),
            page_size=page_size,
            show_deleted=show_deleted,
        )
        return Pager(self._transport, self._stub.ListImageVersions, request, lambda answer: answer.image_versions)

    async def update_version(
        self,
        version: version_pb.ImageVersion,
        paths: Sequence[str] = (),
        *,
        request_id: str = "",
        validate_only: bool = False,
    ) -> Operation[version_pb.ImageVersion]:
        """Begin to change an image version, as `update` does a gallery, and to replicate what it orders then.

        Raises:
            NotFound, InvalidField, EtagMismatch, MoveNotSupported, WrongState, RegionUnknown, NotEnoughVolumes.
        """
        request = version_pb.UpdateImageVersionRequest(
            image_version=version,
            update_mask=FieldMask(paths=paths),
            request_id=request_id or str(uuid4()),
            validate_only=validate_only,
        )
        message = await self._transport.unary(self._stub.UpdateImageVersion, request, repeat=True)
        return Operation(self._transport, message)

    async def add_target_regions(
        self,
        name: str,
        regions: Sequence[publishing_pb.TargetRegion],
        *,
        request_id: str = "",
        validate_only: bool = False,
    ) -> Operation[version_pb.ImageVersion]:
        """Begin to replicate an image version to more regions, whoever else changes other regions meanwhile.

        Raises:
            AlreadyExists for a region that is ordered; as `update_version`.
        """
        request = version_pb.AddTargetRegionsRequest(
            name=name,
            target_regions=regions,
            request_id=request_id or str(uuid4()),
            validate_only=validate_only,
        )
        message = await self._transport.unary(self._stub.AddTargetRegions, request, repeat=True)
        return Operation(self._transport, message)

    async def remove_target_regions(
        self, name: str, regions: Sequence[str], *, request_id: str = "", validate_only: bool = False
    ) -> Operation[version_pb.ImageVersion]:
        """Begin to give the replicas of an image version in regions up.

        Raises:
            NotFound for a region that is not ordered; as `update_version`.
        """
        request = version_pb.RemoveTargetRegionsRequest(
            name=name, regions=regions, request_id=request_id or str(uuid4()), validate_only=validate_only
        )
        message = await self._transport.unary(self._stub.RemoveTargetRegions, request, repeat=True)
        return Operation(self._transport, message)

    async def set_replica_count(
        self, name: str, region: str, replica_count: int, *, request_id: str = "", validate_only: bool = False
    ) -> Operation[version_pb.ImageVersion]:
        """Begin to have another number of replicas of an image version in a region.

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
        message = await self._transport.unary(self._stub.SetReplicaCount, request, repeat=True)
        return Operation(self._transport, message)

    async def delete_version(
        self,
        name: str,
        *,
        etag: str = "",
        bypass_soft_delete: bool = False,
        force: bool = False,
        request_id: str = "",
        validate_only: bool = False,
    ) -> Operation[Empty]:
        """Delete an image version: softly where its gallery's policy says so, else with all its replicas.

        Raises:
            NotFound, EtagMismatch, WrongState for one that is soft-deleted, DeletionBlocked, InUse.
        """
        request = version_pb.DeleteImageVersionRequest(
            name=name,
            etag=etag,
            bypass_soft_delete=bypass_soft_delete,
            force=force,
            request_id=request_id or str(uuid4()),
            validate_only=validate_only,
        )
        message = await self._transport.unary(self._stub.DeleteImageVersion, request, repeat=True)
        return Operation(self._transport, message)

    async def restore_version(
        self, name: str, *, etag: str = "", request_id: str = "", validate_only: bool = False
    ) -> version_pb.ImageVersion:
        """Make a soft-deleted image version active again.

        Raises:
            NotFound, EtagMismatch, WrongState for one that is not soft-deleted.
        """
        request = version_pb.RestoreImageVersionRequest(
            name=name, etag=etag, request_id=request_id or str(uuid4()), validate_only=validate_only
        )
        return await self._transport.unary(self._stub.RestoreImageVersion, request, repeat=True)

    async def purge_version(
        self, name: str, *, etag: str = "", force: bool = False, request_id: str = "", validate_only: bool = False
    ) -> Operation[Empty]:
        """Begin to delete a soft-deleted image version for good.

        Raises:
            NotFound, EtagMismatch, WrongState for one that is not soft-deleted, InUse.
        """
        request = version_pb.PurgeImageVersionRequest(
            name=name, etag=etag, force=force, request_id=request_id or str(uuid4()), validate_only=validate_only
        )
        message = await self._transport.unary(self._stub.PurgeImageVersion, request, repeat=True)
        return Operation(self._transport, message)

    def list_soft_deleted_versions(
        self, parent: str, *, filter_: str = "", order_by: str = "", fields: Sequence[str] = (), page_size: int = 0
    ) -> Pager[
        version_pb.ListSoftDeletedImageVersionsRequest,
        version_pb.ListSoftDeletedImageVersionsResponse,
        version_pb.ImageVersion,
    ]:
        """The soft-deleted versions of an image definition, as `list`, highest number first."""
        request = version_pb.ListSoftDeletedImageVersionsRequest(
            parent=parent,
            filter=filter_,
            order_by=order_by,
            read_mask=FieldMask(paths=fields),
            page_size=page_size,
        )
        stub = self._stub.ListSoftDeletedImageVersions
        return Pager(self._transport, stub, request, lambda answer: answer.image_versions)

    async def resolve_version(self, name: str, region: str) -> version_pb.ResolveImageVersionResponse:
        """The version that `latest`, an alias or an exact number means in a region, why, and what was passed over.

        Raises:
            NotFound, RegionUnknown, NotInRegion, EndOfLife.
        """
        request = version_pb.ResolveImageVersionRequest(name=name, region=region)
        return await self._transport.unary(self._stub.ResolveImageVersion, request, repeat=True)
