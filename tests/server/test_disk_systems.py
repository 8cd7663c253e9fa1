"""What a disk says of its system is held against the definition that a version of it comes into."""

import pytest
from google.rpc import error_details_pb2 as rpc

from galleria.v1 import disks_pb2
from galleria.v1 import image_versions_pb2 as pb
from galleria_server.domain.disk_system import DiskSystem
from galleria_server.domain.image_definition import Architecture, Generation, OsState, OsType
from galleria_server.domain.models import DiskState
from tests.server.catalogue_client import DIGEST, CatalogueClient, add_disk
from tests.server.refusals import refused

FITTING = DiskSystem(OsType.LINUX, OsState.GENERALIZED, Generation.V2, Architecture.X64)


def add(client: CatalogueClient, name: str, system: DiskSystem) -> str:
    client.running.write(add_disk, client.group_name, name, DiskState.READY, DIGEST, system)
    return name


def test_what_fits_and_what_is_not_said_is_taken(client: CatalogueClient) -> None:
    client.prepare()
    for number, system in (("1.0.0", FITTING), ("2.0.0", DiskSystem(os_state=OsState.GENERALIZED))):
        client.create_version(number, disk=add(client, f"disk-{number}", system))
        assert client.version(number).os_disk.endswith(f"/disk-{number}")


@pytest.mark.parametrize(
    ("system", "told"),
    [
        (DiskSystem(os_type=OsType.WINDOWS), "has os_type Windows, the definition has Linux"),
        (DiskSystem(os_state=OsState.SPECIALIZED), "has os_state Specialized, the definition has Generalized"),
        (DiskSystem(hyper_v_generation=Generation.V1), "has hyper_v_generation V1, the definition has V2"),
        (DiskSystem(architecture=Architecture.ARM64), "has architecture Arm64, the definition has x64"),
    ],
)
def test_another_system_than_the_definitions_is_refused(client: CatalogueClient, system: DiskSystem, told: str) -> None:
    client.prepare()
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        client.create_version("1.0.0", disk=add(client, "other", system))
    (violation,) = refusal.detail(rpc.BadRequest).field_violations
    assert (violation.field, violation.description) == ("image_version.os_disk", told)
    with refused("NOT_FOUND", "NOT_FOUND"):
        client.version("1.0.0")


def test_all_that_differs_is_told_at_once(client: CatalogueClient) -> None:
    client.prepare()
    system = DiskSystem(OsType.WINDOWS, OsState.SPECIALIZED, Generation.V1, Architecture.ARM64)
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        client.create_version("1.0.0", disk=add(client, "other", system))
    assert refusal.fields == 4 * ["image_version.os_disk"]


def test_data_disks_have_no_system_that_counts(client: CatalogueClient) -> None:
    client.prepare()
    add(client, "data", DiskSystem(os_type=OsType.WINDOWS))
    data = pb.ImageVersion(data_disks=[pb.DataDisk(lun=0, source=f"{client.group}/disks/data")])
    client.create_version("1.0.0", image_version=data)
    assert len(client.version("1.0.0").data_disks) == 1


def test_the_wire_has_the_names_that_the_domain_has() -> None:
    fields = disks_pb2.Disk.DESCRIPTOR.fields_by_name
    assert set(DiskSystem.__slots__) <= set(fields)
