"""The composition root: puts the server together and runs it. Only this module names concrete classes."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import grpc.aio
from google.longrunning import operations_pb2_grpc
from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1.health import aio as health
from grpc_reflection.v1alpha import reflection
from prometheus_client import CollectorRegistry

from galleria.v1 import (
    aliases_pb2_grpc,
    applications_pb2_grpc,
    deployments_pb2_grpc,
    galleries_pb2_grpc,
    installation_pb2_grpc,
    locks_pb2_grpc,
    operation_watches_pb2_grpc,
    policies_pb2_grpc,
    regions_pb2_grpc,
    tenancy_pb2_grpc,
    usages_pb2_grpc,
)
from galleria_server.clock import Clock, utc_now
from galleria_server.config import Config
from galleria_server.content_plane import ContentPlane
from galleria_server.domain.pages import PageTokens
from galleria_server.executor import BoundedExecutor
from galleria_server.foundation import Foundation, MakeContent
from galleria_server.housekeeping import Housekeeping
from galleria_server.interceptors.access import log_access
from galleria_server.interceptors.actions import pass_gate
from galleria_server.interceptors.around import AroundInterceptor
from galleria_server.interceptors.errors import tell_errors
from galleria_server.interceptors.limits import CallGate
from galleria_server.interceptors.metrics import CallMetrics
from galleria_server.lifecycle import RunningServer
from galleria_server.listening import listen, metrics_endpoint, server_options
from galleria_server.metadata import installation, regions, schema
from galleria_server.metadata.engine import Database, MetadataPool
from galleria_server.metadata.lock import sole_owner
from galleria_server.operations.bell import Bell
from galleria_server.services.aliases import Aliases
from galleria_server.services.applications import Applications
from galleria_server.services.deployments import Deployments
from galleria_server.services.galleries import Galleries
from galleria_server.services.locks import Locks
from galleria_server.services.operation_watches import OperationWatches
from galleria_server.services.operations import Operations
from galleria_server.services.policies import Policies
from galleria_server.services.region_control import RegionControl
from galleria_server.services.regions import Regions
from galleria_server.services.servers import Servers
from galleria_server.services.shared import Catalogue
from galleria_server.services.tenancy import Tenancy
from galleria_server.services.usages import Usages

_SERVICES = (
    "galleria.v1.Galleries",
    "galleria.v1.Applications",
    "galleria.v1.Regions",
    "galleria.v1.Servers",
    "galleria.v1.Tenancy",
    "galleria.v1.RegionControl",
    "galleria.v1.Aliases",
    "galleria.v1.Deployments",
    "galleria.v1.Locks",
    "galleria.v1.Policies",
    "galleria.v1.OperationWatches",
    "galleria.v1.Usages",
    "google.longrunning.Operations",
)
_log = logging.getLogger(__name__)


@contextmanager
def open_metadata(config: Config) -> Iterator[Database]:
    """The metadata database, owned by this process, its schema up to date. Raises DataInUse, SchemaUnknown, OSError."""
    with sole_owner(config.metadata_folder):
        database = Database(config.metadata_folder, readers=config.limits.metadata_workers)
        try:
            with database.writing() as transaction:
                if schema.upgrade(transaction):
                    _log.info("metadata schema upgraded", extra={"revision": schema.newest()})
            yield database
        finally:
            database.close()


@asynccontextmanager
async def running_server(
    config: Config, make_content: MakeContent, clock: Clock = utc_now
) -> AsyncIterator[RunningServer]:
    """A server that listens and is ready; at the end it stops at once unless it was drained before.

    Raises ListenFailed, and what `open_metadata` raises.
    """
    with open_metadata(config) as database:
        executor = BoundedExecutor("metadata", config.limits.metadata_workers, config.limits.metadata_queue)
        try:
            foundation = _lay(config, database, executor, clock)
            server = _assemble(foundation, make_content(foundation))
            try:
                with metrics_endpoint(config.metrics_listen, foundation.metrics):
                    await server.start()
                    yield server
            finally:
                await server.stop()
        finally:
            executor.close()


def _lay(config: Config, database: Database, executor: BoundedExecutor, clock: Clock) -> Foundation:
    with database.writing() as transaction:
        known, noted = installation.ensure(transaction), installation.noted(transaction)
        regions.configure(transaction, {region.name: region.restricted for region in config.regions})
    tokens = PageTokens(known.page_token_key)
    metadata = MetadataPool(database, executor)
    return Foundation(config, metadata, known, noted, tokens, Bell(), clock, CollectorRegistry())


def _assemble(foundation: Foundation, content: ContentPlane) -> RunningServer:
    config = foundation.config
    gate = CallGate(config.limits.max_calls)
    server = grpc.aio.server(
        interceptors=_interceptors(gate, foundation.metrics), options=server_options(config.limits)
    )
    names = tuple(region.name for region in config.regions)
    catalogue = Catalogue(foundation.metadata, content, names, foundation.tokens, foundation.bell, foundation.clock)
    _register_catalogue(server, foundation, catalogue)
    services = (*_SERVICES, *content.register(server))
    health_service = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health_service, server)
    reflection.enable_server_reflection((*services, "grpc.health.v1.Health", reflection.SERVICE_NAME), server)
    port = listen(server, config.listen)
    housekeeping = Housekeeping(catalogue, config.limits.policies_every)
    return RunningServer(server, port, gate, health_service, services, content, foundation.bell, housekeeping)


def _register_catalogue(server: grpc.aio.Server, foundation: Foundation, catalogue: Catalogue) -> None:
    galleries_pb2_grpc.add_GalleriesServicer_to_server(Galleries(catalogue), server)
    applications_pb2_grpc.add_ApplicationsServicer_to_server(Applications(catalogue), server)
    tenancy_pb2_grpc.add_TenancyServicer_to_server(Tenancy(catalogue), server)
    regions_pb2_grpc.add_RegionControlServicer_to_server(RegionControl(catalogue), server)
    aliases_pb2_grpc.add_AliasesServicer_to_server(Aliases(catalogue), server)
    operation_watches_pb2_grpc.add_OperationWatchesServicer_to_server(OperationWatches(catalogue), server)
    deployments_pb2_grpc.add_DeploymentsServicer_to_server(Deployments(catalogue), server)
    policies_pb2_grpc.add_PoliciesServicer_to_server(Policies(catalogue), server)
    locks_pb2_grpc.add_LocksServicer_to_server(Locks(catalogue), server)
    usages_pb2_grpc.add_UsagesServicer_to_server(Usages(catalogue), server)
    operations_pb2_grpc.add_OperationsServicer_to_server(Operations(catalogue), server)
    installation_pb2_grpc.add_RegionsServicer_to_server(Regions(foundation.config.regions), server)
    installation_pb2_grpc.add_ServersServicer_to_server(Servers(foundation.config.limits), server)


def _interceptors(gate: CallGate, registry: CollectorRegistry) -> list[grpc.aio.ServerInterceptor]:
    # From the outside in: the log line and the counters see the code that errors were turned into.
    arounds = (log_access, CallMetrics(registry).measure, tell_errors, gate.enter, pass_gate)
    return [AroundInterceptor(arounds)]
