# Written by client/unasync.py from the module of the same name in _async: change that one.
"""The namespace of operations."""

from __future__ import annotations

from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf.message import Message

from galleria_client._sync.operation import Operation
from galleria_client._sync.pager import Pager
from galleria_client._sync.transport import Transport

OperationPager = Pager[
    operations_pb2.ListOperationsRequest, operations_pb2.ListOperationsResponse, operations_pb2.Operation
]


class Operations:
    """Long-running operations."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._stub = operations_pb2_grpc.OperationsStub(transport.channel)

    def get(self, name: str) -> Operation[Message]:
        """The operation with this name.

        Raises:
            NotFound: there is none.
        """
        request = operations_pb2.GetOperationRequest(name=name)
        return Operation(self._transport, self._transport.unary(self._stub.GetOperation, request, repeat=True))

    def list(self, *, filter_: str = "", page_size: int = 0) -> OperationPager:
        """The operations that pass `filter_`, newest first."""
        request = operations_pb2.ListOperationsRequest(name="operations", filter=filter_, page_size=page_size)
        return Pager(self._transport, self._stub.ListOperations, request, lambda answer: answer.operations)

    def wait(self, name: str, timeout: float | None = None) -> Operation[Message]:
        """Wait until it has ended, at most `timeout` seconds.

        Raises:
            WaitTimedOut: it goes on.
        """
        return (self.get(name)).wait(timeout)

    def cancel(self, name: str) -> None:
        """Ask the server to give it up."""
        request = operations_pb2.CancelOperationRequest(name=name)
        self._transport.unary(self._stub.CancelOperation, request, repeat=True)

    def delete(self, name: str) -> None:
        """Forget an operation that has ended; what it did stays."""
        request = operations_pb2.DeleteOperationRequest(name=name)
        self._transport.unary(self._stub.DeleteOperation, request, repeat=True)
