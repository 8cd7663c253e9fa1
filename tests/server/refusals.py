"""What a refused call says, taken apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2 as rpc
from grpc_status import rpc_status

M = TypeVar("M", bound=Message)


class Refusal:
    def __init__(self) -> None:
        self.error: grpc.Call | None = None

    @property
    def code(self) -> grpc.StatusCode:
        assert self.error is not None
        return self.error.code()

    @property
    def message(self) -> str:
        assert self.error is not None
        return self.error.details() or ""

    @property
    def info(self) -> rpc.ErrorInfo:
        info = self.detail(rpc.ErrorInfo)
        assert info.domain == "galleria"
        return info

    @property
    def fields(self) -> list[str]:
        return [violation.field for violation in self.detail(rpc.BadRequest).field_violations]

    def detail(self, kind: Callable[[], M]) -> M:
        """The one detail of that kind."""
        assert self.error is not None
        status = rpc_status.from_call(self.error)
        assert status is not None
        found = kind()
        (packed,) = [detail for detail in status.details if detail.Is(found.DESCRIPTOR)]
        packed.Unpack(found)
        return found


@contextmanager
def refused(code: str, reason: str) -> Iterator[Refusal]:
    refusal = Refusal()
    try:
        yield refusal
    except grpc.RpcError as error:
        call: Any = error  # the client raises the call itself, which the stubs do not know
        refusal.error = call
    assert refusal.error is not None, "the call was not refused"
    assert (refusal.code.name, refusal.info.reason) == (code, reason), refusal.message
