"""What every command needs: a client, the names it is about, and a way to answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

from galleria_client.cli.progress import MODES

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from galleria_client._sync.client import Client
    from galleria_client.errors import CallFailed

A = TypeVar("A")

FORMATS = ("json", "table", "tsv", "yaml", "none")


@dataclass(slots=True)
class Session:
    """One run of a command."""

    client: Client
    output: str
    query: str | None
    progress: str
    given_subscription: str | None

    @property
    def subscription(self) -> str:
        """The given subscription, else the server's default one."""
        if self.given_subscription is None:
            self.given_subscription = self.client.server_info().default_subscription
        return self.given_subscription

    def answer(self, found: Message | dict[str, Any] | Iterable[Message], kind: str) -> None:
        """Print a resource or a list as the flags say; `kind` names the columns of its table."""
        from galleria_client.cli.output import plain, render

        text = render(plain(found), self.output, self.query, kind)
        if text:
            click.echo(text)

    def last(self, answers: Iterable[A], label: str, far: Callable[[A], tuple[int, int]], unit: str) -> A:
        """The last of a stream of answers, with progress: `far` says how many of how many units are done.

        Raises RuntimeError for a server that answers nothing.
        """
        from galleria_client.cli.progress import Progress

        found: A | None = None
        with Progress(self.progress, label) as progress:
            for found in answers:
                progress.count(*far(found), unit)
        if found is None:
            message = "the server ended its answer before it began"
            raise RuntimeError(message)
        return found

    def say(self, sentence: str) -> None:
        """Tell what is going on, unless progress is off."""
        if self.progress != "none":
            click.echo(sentence, err=True)


def with_session(*, file_output: bool = False) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add the flags that all commands have; the command gets a Session first.

    `file_output`: the command has an --output of its own, so that the format is only -o.
    """
    output_names = ("-o", "format_") if file_output else ("-o", "--output", "format_")

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        @click.option("--endpoint", metavar="HOST:PORT", envvar="GALLERIA_ENDPOINT", help="Server to talk to.")
        @click.option("--subscription", metavar="UUID", envvar="GALLERIA_SUBSCRIPTION", help="Default: the server's.")
        @click.option(
            *output_names,
            type=click.Choice(FORMATS),
            default="json",
            envvar="GALLERIA_OUTPUT",
            help="Format of the answer.",
        )
        @click.option("--query", metavar="JMESPATH", help="Part of the answer to show.")
        @click.option("--progress", type=click.Choice(MODES), default="auto", help="Progress on standard error.")
        @wraps(function)
        def wrapped(
            *,
            endpoint: str | None,
            subscription: str | None,
            format_: str,
            query: str | None,
            progress: str,
            **kwargs: object,
        ) -> None:
            from galleria_client._sync.client import Client
            from galleria_client.retry import RetryPolicy

            check_query(query)
            with Client(endpoint, retry=RetryPolicy(on_away=tell_away if progress != "none" else None)) as client:
                function(Session(client, format_, query, progress, subscription), **kwargs)

        return wrapped

    return decorate


def tell_away(failure: CallFailed, seconds: float) -> None:
    """Say that the command waits for its server."""
    click.echo(f"{failure}; trying again for up to {seconds:.0f} s", err=True)


def check_query(query: str | None) -> None:
    """Refuse a wrong query before anything is done."""
    if query is not None:
        import jmespath

        try:
            jmespath.compile(query)
        except jmespath.exceptions.JMESPathError as error:
            reason = str(error).splitlines()[0]
            raise click.BadParameter(f"no JMESPath expression: {reason}", param_hint="--query") from None
