# Written by client/unasync.py from the module of the same name in _async: change that one.
"""The client: one channel and its namespaces."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from galleria.v1.installation_pb2 import ServerInfo
from galleria_client._sync.aliases import Aliases
from galleria_client._sync.applications import Applications
from galleria_client._sync.contents import Contents
from galleria_client._sync.deployments import Deployments
from galleria_client._sync.disks import Disks
from galleria_client._sync.galleries import Galleries
from galleria_client._sync.installation import Operators, Regions, Servers
from galleria_client._sync.locks import Locks
from galleria_client._sync.operations import Operations
from galleria_client._sync.policies import Policies
from galleria_client._sync.region_access import RegionAccess
from galleria_client._sync.tenancy import ResourceGroups, Subscriptions, Tenants
from galleria_client._sync.transport import Transport
from galleria_client._sync.usages import Usages
from galleria_client.endpoint import CALL_SECONDS
from galleria_client.retry import RetryPolicy


class Client:
    """A client of one server.

    Args:
        target: `host:port`; by default GALLERIA_ENDPOINT, else 127.0.0.1:8470.
        timeout: seconds that a unary call may take, a try.
        retry: how calls that are safe to repeat are tried again while the server is unavailable: shortly when it never
            answered, as at a wrong address; for minutes once it did, as while it is started again.
    """

    def __init__(
        self, target: str | None = None, *, timeout: float = CALL_SECONDS, retry: RetryPolicy | None = None
    ) -> None:
        self._transport = Transport(target, timeout=timeout, retry=retry)
        self.disks = Disks(self._transport)
        self.contents = Contents(self._transport)
        self.galleries = Galleries(self._transport)
        self.aliases = Aliases(self._transport)
        self.deployments = Deployments(self._transport)
        self.policies = Policies(self._transport)
        self.applications = Applications(self._transport)
        self.operations = Operations(self._transport)
        self.regions = Regions(self._transport)
        self.region_access = RegionAccess(self._transport)
        self.tenants = Tenants(self._transport)
        self.subscriptions = Subscriptions(self._transport)
        self.resource_groups = ResourceGroups(self._transport)
        self.locks = Locks(self._transport)
        self.usages = Usages(self._transport)
        self.operators = Operators(self._transport)
        self._servers = Servers(self._transport)

    @property
    def target(self) -> str:
        """Address of the server."""
        return self._transport.target

    def server_info(self) -> ServerInfo:
        """Version, limits, codecs and rules of the server."""
        return self._servers.info()

    def close(self) -> None:
        """Close the channel; running calls are cancelled."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
