"""All that a server tells a client, as text to be compared with what another server told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from grpc_status import rpc_status

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"
_MASKED = re.compile(rf"{_UUID}|{_TIME}")
# Both follow from bytes and times, which are told as well.
_PACE = re.compile(r'"(bytes_per_second|remaining)": (?:"[^"]*"|[-+.\de]+)')
_OPAQUE = ("etag", "next_page_token", "requestId")

Show = Callable[[Message], Any]


class Transcript(
    grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor, grpc.StreamStreamClientInterceptor
):
    """Notes each answer and error of the calls on a channel, in order.

    What a server draws or reads off its clock is masked by position, and nothing else: an id, etag or token becomes
    the number of its first appearance, a time or pace a word. What is told whenever it is true stands apart from what
    is answered in turn, as which of both comes first is a matter of moments. `show` gives what to note of a message,
    None for nothing.
    """

    def __init__(self, show: Show | None = None) -> None:
        self.calls: list[list[str]] = []
        self._show = show or shown
        self._seen: dict[str, str] = {}

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:  # noqa: ANN401
        """Note the one answer."""
        call = continuation(details, request)
        answers = self._begin(details.method)
        error = call.exception()
        answers.append(self._refusal(error) if error else self._text(call.result()))
        return call

    def intercept_unary_stream(self, continuation: Any, details: Any, request: Any) -> Any:  # noqa: ANN401
        """Note each answer as it is taken."""
        return self._taken(details.method, continuation(details, request))

    def intercept_stream_stream(self, continuation: Any, details: Any, requests: Any) -> Any:  # noqa: ANN401
        """Note each answer as it is taken."""
        return self._taken(details.method, continuation(details, requests))

    def _taken(self, method: str, call: Any) -> Iterator[Any]:  # noqa: ANN401
        answers, notices = self._begin(method), self._begin(f"{method} notices")
        try:
            for message in call:
                text = self._text(message)
                if text != "null":
                    (notices if '"durable"' in text else answers).append(text)
                yield message
        except grpc.RpcError as error:
            answers.append(self._refusal(error))
            raise
        answers.append("end")

    def _begin(self, method: str) -> list[str]:
        self.calls.append([method])
        return self.calls[-1]

    def _text(self, message: Message) -> str:
        return self._masked(json.dumps(self._show(message), sort_keys=True))

    def _refusal(self, error: Any) -> str:  # noqa: ANN401
        status = rpc_status.from_call(error)
        details = [] if status is None else [MessageToDict(detail) for detail in status.details]
        return self._masked(json.dumps([error.code().name, error.details(), details], sort_keys=True))

    def _masked(self, text: str) -> str:
        for name in _OPAQUE:
            text = re.sub(rf'("{name}": )"([^"]+)"', lambda found: f'{found[1]}"{self._number(found[2])}"', text)
        text = _PACE.sub(r'"\1": "<pace>"', text)
        return _MASKED.sub(lambda found: "<time>" if "T" in found[0] else self._number(found[0]), text)

    def _number(self, drawn: str) -> str:
        return self._seen.setdefault(drawn, f"<{len(self._seen)}>")


def shown(message: Message) -> Any:  # noqa: ANN401
    """All fields of a message, those without presence also when they are empty."""
    return MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
