"""Tenants: create, get, delete."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from galleria_server.catalogue.writes import check_etag, new_etag
from galleria_server.domain.errors import AlreadyExists, InUse, NotFound
from galleria_server.domain.names import TenantName
from galleria_server.domain.tenancy import Tenant, TenantSpec
from galleria_server.metadata import tenants
from galleria_server.metadata.engine import Transaction

KIND = "tenant"


def create(transaction: Transaction, uid: UUID, spec: TenantSpec, now: datetime) -> Tenant:
    """Add a tenant. Raises AlreadyExists."""
    if tenants.find(transaction, uid) is not None:
        raise AlreadyExists(KIND, str(TenantName(uid)))
    tenant = Tenant(uid, spec, now, now, new_etag())
    tenants.add(transaction, tenant)
    return tenant


def require(transaction: Transaction, uid: UUID) -> Tenant:
    """The tenant with that uid. Raises NotFound."""
    tenant = tenants.find(transaction, uid)
    if tenant is None:
        raise NotFound(KIND, str(TenantName(uid)))
    return tenant


def remove(transaction: Transaction, uid: UUID, etag: str) -> None:
    """Remove a tenant without subscriptions. Raises NotFound, EtagMismatch, InUse."""
    tenant = require(transaction, uid)
    check_etag(str(tenant.name), etag, tenant.etag)
    child = tenants.subscription_of(transaction, uid)
    if child is not None:
        raise InUse(KIND, str(tenant.name), str(child.name), 1)
    tenants.drop(transaction, uid)
