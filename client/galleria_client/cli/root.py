"""The root of the commands."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import click

from galleria_client.cli.alias import alias
from galleria_client.cli.application import application
from galleria_client.cli.application_version import application_version
from galleria_client.cli.completing import completion
from galleria_client.cli.definition import image_definition
from galleria_client.cli.deployment import deployment
from galleria_client.cli.disk import disk
from galleria_client.cli.gallery import gallery
from galleria_client.cli.installation import volume
from galleria_client.cli.lock import lock
from galleria_client.cli.operation import operation
from galleria_client.cli.policies import retention, spread
from galleria_client.cli.publish import publish
from galleria_client.cli.region import region
from galleria_client.cli.tenancy import resource_group, subscription, tenant
from galleria_client.cli.usage import usage
from galleria_client.cli.version import image_version

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

PLUGINS = "galleria.commands"
KNOWN_PLUGINS = {
    "serve": "Run a server until it is told to stop.",
    "config": "Look at the server's configuration.",
    "db": "Look after the server's metadata database.",
}


class Root(click.Group):
    """A group whose commands may also come from entry points, which are loaded only when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Own commands and those of entry points, by name."""
        return sorted({*super().list_commands(ctx), *_plugins()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One command; loads the entry point's module for those."""
        own = super().get_command(ctx, cmd_name)
        if own is not None or cmd_name not in _plugins():
            return own
        try:
            loaded: click.Command = _plugins()[cmd_name].load()
        except ModuleNotFoundError as error:
            raise click.ClickException(
                f"`galleria {cmd_name}` needs the server, of which {error.name} is missing: install galleria[server]"
            ) from error
        return loaded

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without loading any."""
        own = {name: command.get_short_help_str(limit=80) for name, command in self.commands.items()}
        plugins = {name: KNOWN_PLUGINS.get(name, "") for name in _plugins()}
        with formatter.section("Commands"):
            formatter.write_dl(sorted({**plugins, **own}.items()))


@cache
def _plugins() -> dict[str, EntryPoint]:
    # Slow to load, and only help and the server's commands need it.
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=PLUGINS)}


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="galleria", prog_name="galleria")
def root() -> None:
    """A compute gallery of your own: versioned disk images, replicated to the regions that deploy them.

    Names: -g resource group, -r gallery, -i image definition, -e version; a full resource name does for all of them.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 conflict, 5 not allowed, 6 timed out,
    7 server unreachable, 8 damage found, 130 interrupted.
    """


_CATALOGUE = (
    gallery,
    image_definition,
    image_version,
    alias,
    retention,
    spread,
    application,
    application_version,
    deployment,
    disk,
    publish,
    operation,
)
for command in (*_CATALOGUE, tenant, subscription, resource_group, region, lock, usage, volume, completion):
    root.add_command(command)
