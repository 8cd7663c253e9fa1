"""What goes wrong with requests and resources. Attributes are exactly the values that the message shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID


class DomainError(Exception):
    """Base class: subclasses carry typed attributes and make their message from them."""


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field that is wrong: its dotted path in the request, and a sentence that says what it must be."""

    field: str
    description: str


class Identifier(Protocol):
    """What an image is."""

    @property
    def publisher(self) -> str: ...

    @property
    def offer(self) -> str: ...

    @property
    def sku(self) -> str: ...


class InvalidRequest(DomainError):
    """One or more fields of a request are wrong."""

    def __init__(self, violations: tuple[FieldViolation, ...]) -> None:
        super().__init__(violations)
        self.violations = violations

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that are wrong."""
        return tuple(violation.field for violation in self.violations)

    def __str__(self) -> str:
        return "; ".join(f"{violation.field}: {violation.description}" for violation in self.violations)


class NotFound(DomainError):
    """There is no resource of that kind and name."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(kind, name)
        self.kind = kind
        self.name = name

    def __str__(self) -> str:
        return f"{self.kind} {self.name} does not exist"


class AlreadyExists(DomainError):
    """A resource of that kind and name exists; names compare without case."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(kind, name)
        self.kind = kind
        self.name = name

    def __str__(self) -> str:
        return f"{self.kind} {self.name} exists already"


class SoftDeletedExists(AlreadyExists):
    """A resource of that kind and name is soft-deleted, until `hard_deletion_time`, and keeps its name."""

    def __init__(self, kind: str, name: str, hard_deletion_time: str) -> None:
        super().__init__(kind, name)
        self.hard_deletion_time = hard_deletion_time

    def __str__(self) -> str:
        return (
            f"{self.kind} {self.name} exists already: it is soft-deleted until {self.hard_deletion_time}; "
            "restore it, or purge it to use the name again"
        )


class IdentifierTaken(DomainError):
    """Another definition of the gallery, `name`, has the same publisher, offer and SKU."""

    kind = "image definition"

    def __init__(self, name: str, identifier: Identifier) -> None:
        super().__init__(name, identifier)
        self.name = name
        self.publisher, self.offer, self.sku = identifier.publisher, identifier.offer, identifier.sku

    def __str__(self) -> str:
        return f"{self.kind} {self.name} has publisher {self.publisher}, offer {self.offer} and SKU {self.sku} already"


class RegionUnknown(DomainError):
    """The region is not configured; `known` lists those that are."""

    def __init__(self, region: str, known: tuple[str, ...]) -> None:
        super().__init__(region, known)
        self.region = region
        self.known = known

    def __str__(self) -> str:
        return f"region {self.region} is not configured on this server, which has {', '.join(self.known)}"


class RegionRestricted(DomainError):
    """The region is only for subscriptions whose access was approved; `state` is that of this one."""

    def __init__(self, region: str, state: str) -> None:
        super().__init__(region, state)
        self.region = region
        self.state = state

    def __str__(self) -> str:
        return f"region {self.region} is restricted; access of this subscription is {self.state}, ask for it"


class RegionDown(DomainError):
    """The home region is down, so that nothing of it is written; `details` is what its operator said."""

    def __init__(self, region: str, details: str) -> None:
        super().__init__(region, details)
        self.region = region
        self.details = details

    def __str__(self) -> str:
        said = f" ({self.details})" if self.details else ""
        return f"region {self.region} is down{said}: what has its home there can be read, not written; try again later"


class WrongState(DomainError):
    """The resource is in `state` and the call needs it in `needed`."""

    def __init__(self, kind: str, name: str, state: str, needed: str) -> None:
        super().__init__(kind, name, state, needed)
        self.kind = kind
        self.name = name
        self.state = state
        self.needed = needed

    def __str__(self) -> str:
        return f"{self.kind} {self.name} is {self.state}, this call needs it {self.needed}"


class InUse(DomainError):
    """`count` other resources, `user` one of them, need this one."""

    def __init__(self, kind: str, name: str, user: str, count: int) -> None:
        super().__init__(kind, name, user, count)
        self.kind = kind
        self.name = name
        self.user = user
        self.count = count

    def __str__(self) -> str:
        others = "" if self.count == 1 else f" and {self.count - 1} more"
        return f"{self.kind} {self.name} is in use by {self.user}{others}"


class EtagMismatch(DomainError):
    """The resource has changed since the caller read it."""

    def __init__(self, name: str, given: str, current: str) -> None:
        super().__init__(name, given, current)
        self.name = name
        self.given = given
        self.current = current

    def __str__(self) -> str:
        return f"the etag of {self.name} is {self.current}, not {self.given}; read it again"


class MoveNotSupported(DomainError):
    """The resource of that name has another uid: names are identities."""

    def __init__(self, kind: str, name: str, given: str, current: str) -> None:
        super().__init__(kind, name, given, current)
        self.kind = kind
        self.name = name
        self.given = given
        self.current = current

    def __str__(self) -> str:
        return (
            f"{self.kind} {self.name} has uid {self.current}, not {self.given}; nothing is moved or renamed, "
            "copy it under the new name instead"
        )


class DeletionBlocked(DomainError):
    """The resource is kept until its end of life."""

    def __init__(self, kind: str, name: str, end_of_life: str) -> None:
        super().__init__(kind, name, end_of_life)
        self.kind = kind
        self.name = name
        self.end_of_life = end_of_life

    def __str__(self) -> str:
        return (
            f"{self.kind} {self.name} cannot be deleted before its end of life, {self.end_of_life}; clear "
            "safety_profile.block_deletion_before_end_of_life, or set another end and wait for it"
        )


class EndOfLifeReached(DomainError):
    """The end of life of the version has come, and its definition denies new deployments of such."""

    def __init__(self, name: str, end_of_life: str) -> None:
        super().__init__(name, end_of_life)
        self.name = name
        self.end_of_life = end_of_life

    def __str__(self) -> str:
        return f"the end of life of {self.name} came on {self.end_of_life}, and its image definition denies deployments"


class EncryptionUnavailable(DomainError):
    """Encryption at rest was asked for in a region, and bytes are not encrypted at rest yet."""

    def __init__(self, field: str, region: str) -> None:
        super().__init__(field, region)
        self.field = field
        self.region = region

    def __str__(self) -> str:
        return f"{self.field}: what lies in {self.region} cannot be encrypted at rest yet; leave encryption out"


class ScopeLocked(DomainError):
    """A lock forbids to do it to `name`: `lock`, of `level`, on `scope`, and `others` beside it. `effect` says what."""

    def __init__(self, name: str, effect: str, scope: str, lock: str, level: str, others: int) -> None:
        super().__init__(name, effect, scope, lock, level, others)
        self.name = name
        self.effect = effect
        self.scope = scope
        self.lock = lock
        self.level = level
        self.others = others

    def __str__(self) -> str:
        more = f" and {self.others} more" if self.others else ""
        return (
            f"{self.name} cannot be {self.effect}: {self.scope} has the {self.level} lock {self.lock!r}{more}; "
            "delete the lock first"
        )


class RequestIdReused(DomainError):
    """The request id was used before with another request."""

    def __init__(self, request_id: str) -> None:
        super().__init__(request_id)
        self.request_id = request_id

    def __str__(self) -> str:
        return f"request_id {self.request_id} was used before with another request"


class PageTokenInvalid(DomainError):
    """The page token is not one of this list with these arguments."""

    def __str__(self) -> str:
        return "page_token does not belong to this list; begin again without one"


class ServerBusy(DomainError):
    """More work waits for `resource` than the `limit` allows."""

    def __init__(self, resource: str, limit: int) -> None:
        super().__init__(resource, limit)
        self.resource = resource
        self.limit = limit

    def __str__(self) -> str:
        return f"{self.resource} has reached its limit of {self.limit}; try again soon"


class QuotaExceeded(DomainError):
    """The subscription has as many of something in the region as it may; `limit_name` is the key of the limit."""

    def __init__(self, limit_name: str, subscription: UUID, region: str, current: int, limit: int) -> None:
        super().__init__(limit_name, subscription, region, current, limit)
        self.limit_name = limit_name
        self.subscription = subscription
        self.region = region
        self.current = current
        self.limit = limit

    @property
    def subject(self) -> str:
        """What the limit is counted in."""
        return f"subscriptions/{self.subscription}/locations/{self.region}"

    def __str__(self) -> str:
        things = self.limit_name.replace("_", " ")
        return (
            f"subscription {self.subscription} has {self.current} {things} in {self.region} and its limit there is "
            f"{self.limit}; delete some, use another region, or ask an operator for more"
        )


class Draining(DomainError):
    """The server is about to stop and takes nothing new."""

    def __str__(self) -> str:
        return "the server is about to stop; try again later"
