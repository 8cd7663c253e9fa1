# Written by client/unasync.py from the module of the same name in _async: change that one.
"""Lists that come in pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, Protocol, TypeVar

from galleria_client._sync.transport import Transport, Unary


class PageRequest(Protocol):
    """A request for a page of a list."""

    page_token: str


class PageAnswer(Protocol):
    """A page of a list."""

    next_page_token: str


Q = TypeVar("Q", bound=PageRequest)
A = TypeVar("A", bound=PageAnswer)
T = TypeVar("T")


class Pager(Generic[Q, A, T]):
    """The items of a list, fetched page by page while they are iterated. Can be iterated again: from the start."""

    def __init__(
        self, transport: Transport, method: Unary[Q, A], request: Q, items: Callable[[A], Sequence[T]]
    ) -> None:
        self._transport = transport
        self._method = method
        self._request = request
        self._items = items

    def pages(self) -> Iterator[Sequence[T]]:
        """The items of each page as the server cut them."""
        self._request.page_token = ""
        while True:
            answer = self._transport.unary(self._method, self._request, repeat=True)
            yield self._items(answer)
            if not answer.next_page_token:
                return
            self._request.page_token = answer.next_page_token

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            yield from page
