"""`galleria tenant`, `galleria subscription` and `galleria resource-group`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from galleria_client.cli.confirmation import confirm
from galleria_client.cli.field_flags import FieldFlag, field_flags, fill
from galleria_client.cli.flags import SpreadCommand, tags_of
from galleria_client.cli.lists import Wanted, list_flags
from galleria_client.cli.session import Session, with_session

_TAGS = FieldFlag("--tags", "tags", tags_of, {"multiple": True, "metavar": "KEY=VALUE ...", "help": "Labels."})
_NAME = FieldFlag("--display-name", "display_name", options={"help": "For people."})
_EXPLICIT = FieldFlag(
    "--explicit-resource-groups",
    "explicit_resource_groups",
    options={"type": bool, "help": "Whether resource groups must be created before something is put into them."},
)


@click.group()
def tenant() -> None:
    """Tenants, for who runs the installation."""


@tenant.command("create", cls=SpreadCommand)
@click.option("--id", "given_id", default="", metavar="UUID", help="Default: the server draws one.")
@field_flags((_NAME, _TAGS))
@with_session()
def create_tenant(session: Session, given_id: str, given: Mapping[FieldFlag, Any]) -> None:
    """Create a tenant."""
    from galleria.v1.tenancy_pb2 import Tenant

    wanted = Tenant()
    fill(wanted, given)
    session.answer(session.client.tenants.create(wanted, tenant_id=given_id), "tenant")


@tenant.command("show")
@click.argument("uuid")
@with_session()
def show_tenant(session: Session, uuid: str) -> None:
    """Show a tenant."""
    session.answer(session.client.tenants.get(_full("tenants", uuid)), "tenant")


@tenant.command("list")
@with_session()
def list_tenants(session: Session) -> None:
    """List the tenants."""
    session.answer(session.client.tenants.list(), "tenant")


@tenant.command("delete")
@click.argument("uuid")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@with_session()
def delete_tenant(session: Session, uuid: str, yes: bool) -> None:
    """Delete a tenant that has no subscriptions."""
    name = _full("tenants", uuid)
    confirm(f"the tenant {name}", yes=yes)
    session.client.tenants.delete(name)


@click.group()
def subscription() -> None:
    """Subscriptions, which tenants own things in."""


@subscription.command("create", cls=SpreadCommand)
@click.option("--id", "given_id", default="", metavar="UUID", help="Default: the server draws one.")
@click.option("--tenant", "owner", required=True, metavar="UUID", help="Its tenant.")
@field_flags((_NAME, _TAGS, _EXPLICIT))
@with_session()
def create_subscription(session: Session, given_id: str, owner: str, given: Mapping[FieldFlag, Any]) -> None:
    """Create a subscription, for who runs the installation."""
    from galleria.v1.tenancy_pb2 import Subscription

    wanted = Subscription(tenant=_full("tenants", owner))
    fill(wanted, given)
    session.answer(session.client.subscriptions.create(wanted, subscription_id=given_id), "subscription")


@subscription.command("update", cls=SpreadCommand)
@click.argument("uuid")
@field_flags((_NAME, _TAGS, _EXPLICIT))
@with_session()
def update_subscription(session: Session, uuid: str, given: Mapping[FieldFlag, Any]) -> None:
    """Change a subscription: what flags are given for."""
    from galleria.v1.tenancy_pb2 import Subscription

    wanted = Subscription(name=_full("subscriptions", uuid))
    session.answer(session.client.subscriptions.update(wanted, fill(wanted, given)), "subscription")


@subscription.command("show")
@click.argument("uuid", required=False)
@with_session()
def show_subscription(session: Session, uuid: str | None) -> None:
    """Show a subscription; without UUID the one that commands work in."""
    name = _full("subscriptions", uuid or session.subscription)
    session.answer(session.client.subscriptions.get(name), "subscription")


@subscription.command("list")
@with_session()
def list_subscriptions(session: Session) -> None:
    """List the subscriptions."""
    session.answer(session.client.subscriptions.list(), "subscription")


@subscription.command("delete")
@click.argument("uuid")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@with_session()
def delete_subscription(session: Session, uuid: str, yes: bool) -> None:
    """Delete a subscription that has no resource groups."""
    name = _full("subscriptions", uuid)
    confirm(f"the subscription {name}", yes=yes)
    session.client.subscriptions.delete(name)


@click.group("resource-group")
def resource_group() -> None:
    """Resource groups, which hold galleries and disks."""


@resource_group.command("create", cls=SpreadCommand)
@click.argument("name")
@field_flags((_TAGS,))
@with_session()
def create_group(session: Session, name: str, given: Mapping[FieldFlag, Any]) -> None:
    """Create a resource group."""
    from galleria.v1.tenancy_pb2 import ResourceGroup

    wanted = ResourceGroup()
    fill(wanted, given)
    parent = f"subscriptions/{session.subscription}"
    session.answer(session.client.resource_groups.create(parent, name, wanted), "resource-group")


@resource_group.command("update", cls=SpreadCommand)
@click.argument("name")
@field_flags((_TAGS,))
@with_session()
def update_group(session: Session, name: str, given: Mapping[FieldFlag, Any]) -> None:
    """Change a resource group: what flags are given for."""
    from galleria.v1.tenancy_pb2 import ResourceGroup

    wanted = ResourceGroup(name=_group(session, name))
    session.answer(session.client.resource_groups.update(wanted, fill(wanted, given)), "resource-group")


@resource_group.command("show")
@click.argument("name")
@with_session()
def show_group(session: Session, name: str) -> None:
    """Show a resource group."""
    session.answer(session.client.resource_groups.get(_group(session, name)), "resource-group")


@resource_group.command("list")
@list_flags("name")
@with_session()
def list_groups(session: Session, wanted: Wanted) -> None:
    """List the resource groups of the subscription."""
    found = session.client.resource_groups.list(f"subscriptions/{session.subscription}", **wanted.ordered)
    session.answer(wanted.first(found), "resource-group")


@resource_group.command("delete")
@click.argument("name")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--etag", default="", help="Refuse unless this is its etag.")
@with_session()
def delete_group(session: Session, name: str, yes: bool, etag: str) -> None:
    """Delete a resource group that has neither galleries nor disks."""
    full = _group(session, name)
    confirm(f"the resource group {full}", yes=yes)
    session.client.resource_groups.delete(full, etag=etag)


def _full(collection: str, given: str) -> str:
    return given if "/" in given else f"{collection}/{given}"


def _group(session: Session, given: str) -> str:
    return given if "/" in given else f"subscriptions/{session.subscription}/resourceGroups/{given}"
