"""Page tokens: opaque, and good only for the list and arguments that they came from."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass

from galleria_server.domain import limits
from galleria_server.domain.errors import FieldViolation, InvalidRequest, PageTokenInvalid

DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = limits.number("page_size")
_MAC_BYTES = 16
_MAX_TOKEN = 2048

Position = list[str | int]
"""Where a page ended: the sort key of its last item."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Up to `limit` items of a list: those that follow `after`, the first ones when that is None."""

    after: Position | None
    limit: int
    descending: bool

    @property
    def key(self) -> str:
        """What follows which, in a list by one text; "" for the first ones."""
        return str(self.after[0]) if self.after else ""


def page_size(asked: int) -> int:
    """Items on a page: 100 for 0, at most 1000. Raises InvalidRequest below 0."""
    if asked < 0:
        raise InvalidRequest((FieldViolation("page_size", f"{asked} must not be negative"),))
    return min(asked or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)


class PageTokens:
    """Makes and opens page tokens under a secret `key` of the installation."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, binding: tuple[str, ...], position: Position) -> str:
        """The token for what follows `position` in the list that `binding` (method and arguments) describes."""
        body = json.dumps(position, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._mac(binding, body) + body).decode().rstrip("=")

    def open(self, binding: tuple[str, ...], token: str) -> Position | None:
        """The position in `token`; None for an empty token, which asks for the first page.

        Raises:
            PageTokenInvalid: the token is of another list, or none.
        """
        if not token:
            return None
        try:
            raw = base64.b64decode(token[:_MAX_TOKEN] + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise PageTokenInvalid from None
        mac, body = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(binding, body)):
            raise PageTokenInvalid
        position: Position = json.loads(body)
        return position

    def _mac(self, binding: tuple[str, ...], body: bytes) -> bytes:
        message = json.dumps(binding).encode() + b"\0" + body
        return hmac.new(self._key, message, hashlib.sha256).digest()[:_MAC_BYTES]
