"""What the services of the catalogue share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from galleria_server.clock import Clock
from galleria_server.content_plane import ContentPlane
from galleria_server.domain.pages import PageTokens, Position, page_size
from galleria_server.metadata.engine import MetadataPool
from galleria_server.operations.bell import Bell

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Where the catalogue's services find everything else."""

    metadata: MetadataPool
    content: ContentPlane
    regions: Sequence[str]
    tokens: PageTokens
    bell: Bell
    clock: Clock


class PageRequest(Protocol):
    """A request for a page of a list."""

    page_size: int
    page_token: str


async def fetch_page(
    tokens: PageTokens,
    binding: tuple[str, ...],
    request: PageRequest,
    fetch: Callable[[Position | None, int], Awaitable[list[T]]],
    position_of: Callable[[T], Position],
) -> tuple[list[T], str]:
    """One page and the token of the next, "" on the last. `fetch` gets the position to go on from and a limit.

    Raises InvalidRequest for a negative size, PageTokenInvalid.
    """
    limit = page_size(request.page_size)
    # One more tells whether there is a next page.
    found = await fetch(tokens.open(binding, request.page_token), limit + 1)
    if len(found) <= limit:
        return found, ""
    return found[:limit], tokens.seal(binding, position_of(found[limit - 1]))
