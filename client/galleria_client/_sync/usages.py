# Written by client/unasync.py from the module of the same name in _async: change that one.
"""The namespace of limits, and of what is used of them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from galleria.v1 import usages_pb2 as pb
from galleria.v1.usages_pb2_grpc import UsagesStub
from galleria_client._sync.transport import Transport


class Usages:
    """How much a subscription may have and has; `set_limit` and `clear_limit` are for who runs the installation."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._stub = UsagesStub(transport.channel)

    def list(self, parent: str, region: str) -> Sequence[pb.Usage]:
        """What the subscription `parent` uses in a region, of everything that is counted so.

        Raises:
            NotFound, RegionUnknown.
        """
        request = pb.ListUsagesRequest(parent=parent, region=region)
        answer = self._transport.unary(self._stub.ListUsages, request, repeat=True)
        return answer.usages

    def limits(self, parent: str) -> Sequence[pb.Limit]:
        """Every limit, as it holds for the subscription `parent`.

        Raises:
            NotFound: there is no such subscription.
        """
        request = pb.ListLimitsRequest(parent=parent)
        answer = self._transport.unary(self._stub.ListLimits, request, repeat=True)
        return answer.limits

    def set_limit(self, name: str, value: int, *, request_id: str = "") -> pb.Limit:
        """Set a limit for one subscription, `subscriptions/{s}/limits/{limit}`.

        Raises:
            NotFound, InvalidField.
        """
        request = pb.SetLimitRequest(name=name, value=value, request_id=request_id or str(uuid4()))
        return self._transport.unary(self._stub.SetLimit, request, repeat=True)

    def clear_limit(self, name: str, *, request_id: str = "") -> None:
        """Let a limit be again what it is for all.

        Raises:
            NotFound: there is no such subscription or limit.
        """
        request = pb.ClearLimitRequest(name=name, request_id=request_id or str(uuid4()))
        self._transport.unary(self._stub.ClearLimit, request, repeat=True)
