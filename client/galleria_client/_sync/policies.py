# Written by client/unasync.py from the module of the same name in _async: change that one.
"""The namespace of policies: retention and spread of image versions."""

from __future__ import annotations

from galleria.v1 import policies_pb2 as pb
from galleria.v1.policies_pb2_grpc import PoliciesStub
from galleria_client._sync.transport import Transport


class Policies:
    """What the policies of an image definition do; they are set by `galleries.update_definition`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._stub = PoliciesStub(transport.channel)

    def preview_retention(self, name: str) -> pb.PolicyOutcome:
        """What the retention policy of an image definition would delete now.

        Raises:
            NotFound: there is no such definition, or it has no such policy.
        """
        request = pb.PreviewRetentionRequest(name=name)
        return self._transport.unary(self._stub.PreviewRetention, request, repeat=True)

    def apply_retention(self, name: str) -> pb.PolicyOutcome:
        """Begin to delete what the retention policy says.

        Raises:
            NotFound, ScopeLocked, RegionDown.
        """
        request = pb.ApplyRetentionRequest(name=name)
        return self._transport.unary(self._stub.ApplyRetention, request, repeat=True)

    def preview_spread(self, name: str) -> pb.PolicyOutcome:
        """Which regions and replicas the spread policy of an image definition would add and remove now.

        Raises:
            NotFound: there is no such definition, or it has no such policy.
        """
        request = pb.PreviewSpreadRequest(name=name)
        return self._transport.unary(self._stub.PreviewSpread, request, repeat=True)

    def apply_spread(self, name: str) -> pb.PolicyOutcome:
        """Begin to change target regions as the spread policy says.

        Raises:
            NotFound, ScopeLocked, RegionDown.
        """
        request = pb.ApplySpreadRequest(name=name)
        return self._transport.unary(self._stub.ApplySpread, request, repeat=True)
