"""What `galleria serve` does."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable

from galleria_server.app import running_server
from galleria_server.config import Address, Config
from galleria_server.content import make_content
from galleria_server.lifecycle import until_told_to_stop

_log = logging.getLogger(__name__)


async def serve_until_told(config: Config, tell: Callable[[str], object]) -> None:
    """Run a server until SIGTERM or SIGINT, then drain it. `tell` gets the line that says it is ready."""
    async with running_server(config, make_content) as server:
        # What a server is made of stays: the collector of cycles need not look at it again during every push.
        gc.collect()
        gc.freeze()
        address = Address(config.listen.host, server.port)
        regions = ", ".join(region.name for region in config.regions)
        tell(f"galleria is serving on {address} with data in {config.data} ({regions})")
        await until_told_to_stop()
        _log.info("draining", extra={"grace": config.limits.drain_grace})
        ended = await server.drain(config.limits.drain_grace)
        _log.info("stopped" if ended else "stopped, some calls were cut off")
