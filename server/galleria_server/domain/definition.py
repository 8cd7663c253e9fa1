"""What image definitions and applications have in common."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from galleria_server.domain.names import DefinitionName

Spec_co = TypeVar("Spec_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Definition(Generic[Spec_co]):
    """An image definition or an application, in `gallery_uid`."""

    uid: UUID
    gallery_uid: UUID
    name: DefinitionName
    location: str
    spec: Spec_co
    create_time: datetime
    update_time: datetime
    etag: str
    deleting: bool = False
