"""Lists of resources: filtered, ordered, page by page, and as much of each as is asked for.

A page costs what it shows, wherever in the list it lies. With a filter a call looks at so many items at most; when that
is not enough for a full page, the page is shorter, even empty, and has a token to go on with.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from google.protobuf.descriptor import Descriptor
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from galleria_server.domain import filters
from galleria_server.domain.errors import FieldViolation, InvalidRequest
from galleria_server.domain.filters import Filter, Struct
from galleria_server.domain.names import fold
from galleria_server.domain.pages import MAX_PAGE_SIZE, PageTokens, Position, Stretch, page_size
from galleria_server.domain.validation import refuse
from galleria_server.services.projections import Projection, projection
from galleria_server.services.shared import PageRequest
from galleria_server.services.wire_values import shape_of, values

T = TypeVar("T")
R = TypeVar("R")
M = TypeVar("M", bound=Message)

LOOKED_AT = MAX_PAGE_SIZE
"""Items that one call looks at, at most."""
# Other calls have their turn in between.
_AT_A_TIME = 25
_MAX_SHOWN = 100

Fetch = Callable[[Stretch], Awaitable[list[T]]]


@dataclass(frozen=True, slots=True)
class Listing(Generic[T, M]):
    """A list of one kind of resource.

    Attributes:
        method: the call's name.
        kind: the message of a resource.
        render: makes it of an item.
        position: where in the list an item stands.
        order: the name of the only order there is; it goes both ways, in that of `descending` unless asked otherwise.
            Empty when it goes one way only.
        shape, values: what filters see, unless it is the message itself.
    """

    method: str
    kind: type[M]
    render: Callable[[T], M]
    position: Callable[[T], Position]
    order: str = "name"
    descending: bool = False
    shape: Struct | None = None
    values: Callable[[M, Iterable[str]], Mapping[str, Any]] = values

    def asked(self, request: PageRequest) -> Asked[T, M]:
        """What a request asks of the list. Raises InvalidRequest with every field that is wrong.

        The fields `filter`, `order_by` and `read_mask` may be missing.
        """
        mask = getattr(request, "read_mask", FieldMask())
        parts = _Parts()
        limit = parts.of(page_size, request.page_size)
        filtered = parts.of(self._filter, getattr(request, "filter", ""))
        descending = parts.of(self._descending, getattr(request, "order_by", ""))
        shown = parts.of(projection, mask, self.kind)
        refuse(parts.violations)
        return Asked(self, request, limit, filtered, descending, shown)

    def _filter(self, text: str) -> Filter:
        shape = self.shape or shape_of(cast("Descriptor", self.kind.DESCRIPTOR))
        return filters.bind(filters.parse(text), shape)

    def _descending(self, text: str) -> bool:
        if not text.strip():
            return self.descending
        ways = {self.order: False, f"{self.order} asc": False, f"{self.order} desc": True} if self.order else {}
        found = ways.get(" ".join(text.split()))
        if found is None:
            may_be = f"{self.order} or {self.order} desc" if self.order else "empty"
            raise InvalidRequest((FieldViolation("order_by", f"{text[:_MAX_SHOWN]!r} must be {may_be}"),))
        return found


@dataclass(frozen=True, slots=True)
class Asked(Generic[T, M]):
    """What a request asks of a list."""

    listing: Listing[T, M]
    request: PageRequest
    limit: int
    filter: Filter
    descending: bool
    shown: Projection

    def needs(self, field: str) -> bool:
        """Whether a field of the resource is shown or filtered by."""
        return self.shown.shows(field) or field in self.filter.fields

    async def page(self, tokens: PageTokens, parent: str, fetch: Fetch[T], *arguments: str) -> tuple[list[M], str]:
        """The messages of a page of what `parent` has, and the token of the next, "" at the end.

        `fetch` returns the items of a stretch of the list. Tokens are bound to further `arguments`, too. Raises
        PageTokenInvalid.
        """
        text = getattr(self.request, "filter", "").strip()
        binding = (self.listing.method, fold(parent), text, str(self.descending), *arguments)
        after = tokens.open(binding, self.request.page_token)
        found, ended = await self._scan(after, fetch)
        return found, "" if ended is None else tokens.seal(binding, ended)

    async def _scan(self, after: Position | None, fetch: Fetch[T]) -> tuple[list[M], Position | None]:
        """Up to `limit` messages that pass, and where to go on; None at the end of the list."""
        found: list[M] = []
        looked = 0
        while looked < LOOKED_AT:
            missing = LOOKED_AT if self.filter.fields else self.limit - len(found)
            ask = min(_AT_A_TIME, LOOKED_AT - looked, missing)
            # One more tells whether the list goes on.
            items = await fetch(Stretch(after, ask + 1, self.descending))
            for at, item in enumerate(items[:ask], 1):
                message = self._passing(item)
                if message is not None:
                    found.append(message)
                if len(found) == self.limit:
                    return found, self.listing.position(item) if at < len(items) else None
            if len(items) <= ask:
                return found, None
            looked += ask
            after = self.listing.position(items[ask - 1])
        return found, after

    def _passing(self, item: T) -> M | None:
        message = self.listing.render(item)
        if self.filter.fields and not self.filter.passes(self.listing.values(message, self.filter.fields)):
            return None
        return self.shown.of(message)


class _Parts:
    """Reads one part of a request after the other, and keeps what is wrong with them."""

    def __init__(self) -> None:
        self.violations: list[FieldViolation] = []

    def of(self, read: Callable[..., R], *arguments: object) -> R:
        """What `read` returns; nothing that may be used when it refuses."""
        try:
            return read(*arguments)
        except InvalidRequest as refusal:
            self.violations.extend(refusal.violations)
            return cast("R", None)
