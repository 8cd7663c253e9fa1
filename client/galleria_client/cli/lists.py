"""What the commands that list have in common: which ones, in which order, how many."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import wraps
from itertools import islice
from typing import TypedDict, TypeVar

import click

T = TypeVar("T")
Command = Callable[..., None]
_LARGEST_PAGE = 1000


class Filtered(TypedDict):
    """Arguments of a list that has one order."""

    filter_: str
    page_size: int


class Ordered(Filtered):
    """Arguments of a list that goes both ways."""

    order_by: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the flags say of a list."""

    filter_: str
    order_by: str
    max_items: int | None

    @property
    def filtered(self) -> Filtered:
        """For the client library, without the order; no page is larger than what is shown."""
        return {"filter_": self.filter_, "page_size": min(self.max_items or 0, _LARGEST_PAGE)}

    @property
    def ordered(self) -> Ordered:
        """For the client library."""
        return {**self.filtered, "order_by": self.order_by}

    def first(self, found: Iterable[T]) -> Iterator[T]:
        """As many as are wanted."""
        return islice(found, self.max_items)


def list_flags(order: str) -> Callable[[Command], Command]:
    """Add --filter, --max-items and, unless `order` is empty, --order-by; the command gets them as `wanted`."""

    def decorate(function: Command) -> Command:
        @wraps(function)
        def wrapped(*args: object, filter_: str, max_items: int | None, order_by: str = "", **kwargs: object) -> None:
            function(*args, wanted=Wanted(filter_, order_by, max_items), **kwargs)

        command: Command = wrapped
        limit = click.IntRange(min=1)
        command = click.option("--max-items", type=limit, metavar="COUNT", help="Show no more than these.")(command)
        if order:
            about = f"{order}, or {order} desc."
            command = click.option("--order-by", default="", metavar="ORDER", help=about)(command)
        about = "Only those that pass, as in `tags.team = a AND location = eastus`."
        return click.option("--filter", "filter_", default="", metavar="FILTER", help=about)(command)

    return decorate
