"""Completion of resource names in shells: asked of the server, and silent when that does not answer soon."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem, get_completion_class

if TYPE_CHECKING:
    from galleria_client._sync.client import Client

SHELLS = ("bash", "zsh", "fish")
LEVELS = ("group", "gallery", "image", "version")
PATIENCE_SECONDS = 1.5
MOST = 200

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def complete_part(part: str) -> Complete:
    """Completes the flag of one part of a name by what there is below the parts that are given already."""

    def complete(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
        above = [context.params.get(level) or "" for level in LEVELS[: LEVELS.index(part)]]
        return _items(context.params, above, "", incomplete)

    return complete


def complete_path(level: str) -> Complete:
    """Completes an argument such as images/prod/debian, one part after the other; flags count as parts above."""

    def complete(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
        *typed, last = incomplete.split("/")
        flags = [context.params.get(part) for part in LEVELS[: LEVELS.index(level)]]
        above = [part for part in flags if part] if not typed and all(flags) else typed
        if len(above) > LEVELS.index(level):
            return []
        return _items(context.params, above, "".join(f"{part}/" for part in typed), last)

    return complete


def complete_region(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Completes the name of a region."""
    return _asked(context.params, lambda client: (region.name for region in client.regions.list()), "", incomplete)


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print what makes a shell complete commands, flags and resource names.

    For bash: `galleria completion bash >> ~/.bashrc`; fish reads it from ~/.config/fish/completions/galleria.fish.
    """
    from galleria_client.cli.root import root

    made = get_completion_class(shell)
    if made is None:
        raise click.BadParameter(f"{shell} is not known", param_hint="SHELL")
    click.echo(made(root, {}, "galleria", "_GALLERIA_COMPLETE").source())


def _items(params: Mapping[str, Any], above: list[str], before: str, incomplete: str) -> list[CompletionItem]:
    return _asked(params, lambda client: _children(client, params, above), before, incomplete)


def _asked(
    params: Mapping[str, Any], ask: Callable[[Client], Iterable[str]], before: str, incomplete: str
) -> list[CompletionItem]:
    from galleria_client._sync.client import Client
    from galleria_client.errors import GalleriaError
    from galleria_client.retry import RetryPolicy

    found: list[CompletionItem] = []
    try:
        with Client(params.get("endpoint"), timeout=PATIENCE_SECONDS, retry=RetryPolicy(1, away_seconds=0)) as client:
            for name in ask(client):
                last = name.rpartition("/")[2]
                if last.lower().startswith(incomplete.lower()):
                    found.append(CompletionItem(before + last))
                if len(found) == MOST:
                    break
    except GalleriaError:
        return found
    return found


def _children(client: Client, params: Mapping[str, Any], above: list[str]) -> Iterable[str]:
    """Names of the resources right below some parts of a name."""
    from galleria_client.resource_names import ImageName

    subscription = params.get("subscription") or client.server_info().default_subscription
    if not above:
        return (group.name for group in client.resource_groups.list(f"subscriptions/{subscription}"))
    parent = str(ImageName(subscription, **dict(zip(LEVELS, above, strict=False))))
    if len(above) == 1:
        return (gallery.name for gallery in client.galleries.list(parent))
    if len(above) == len(LEVELS) - 2:
        return (image.name for image in client.galleries.list_definitions(parent))
    return (version.name for version in client.galleries.list_versions(parent))
