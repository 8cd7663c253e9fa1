"""What both halves of the server stand on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from prometheus_client import CollectorRegistry

from galleria_server.clock import Clock
from galleria_server.config import Config
from galleria_server.content_plane import ContentPlane
from galleria_server.domain.pages import PageTokens
from galleria_server.metadata.engine import MetadataPool
from galleria_server.metadata.installation import Installation
from galleria_server.operations.bell import Bell


@dataclass(frozen=True, slots=True)
class Foundation:
    """Made by the composition root, before the services; `noted` is what volumes may know of the metadata."""

    config: Config
    metadata: MetadataPool
    installation: Installation
    noted: Mapping[UUID, int]
    tokens: PageTokens
    bell: Bell
    clock: Clock
    metrics: CollectorRegistry


MakeContent = Callable[[Foundation], ContentPlane]
"""Makes the half that keeps the bytes; called in the event loop."""
