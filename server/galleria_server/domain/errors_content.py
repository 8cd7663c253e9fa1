"""What goes wrong with content: placement, volumes, pushes and reads."""

from galleria_server.domain.errors import DomainError


class ContentError(DomainError):
    """Base class of errors about content."""


class NotEnoughVolumes(ContentError):
    """More copies were asked for than the region has volumes that may hold them."""

    def __init__(self, region: str, wanted: int, available: int) -> None:
        super().__init__(region, wanted, available)
        self.region = region
        self.wanted = wanted
        self.available = available

    def __str__(self) -> str:
        return (
            f"region {self.region} has room for {self.available} copies on volumes of their own, "
            f"{self.wanted} were asked for"
        )


class VolumeUnavailable(ContentError):
    """The volume is not open or does not answer. `cause` is for operators: it stays in the log."""

    def __init__(self, region: str, volume: str, cause: str) -> None:
        super().__init__(region, volume, cause)
        self.region = region
        self.volume = volume
        self.cause = cause

    def __str__(self) -> str:
        return f"volume {self.volume} in {self.region} cannot be used at the moment; try again later"


class VolumeMissing(ContentError):
    """No volume of that name is configured in the region."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"{self.name} does not exist"


class SizeNotAllowed(ContentError):
    """A disk's size in bytes that is no multiple of `multiple`, or is less than it."""

    def __init__(self, size_bytes: int, multiple: int) -> None:
        super().__init__(size_bytes, multiple)
        self.size_bytes = size_bytes
        self.multiple = multiple

    def __str__(self) -> str:
        return f"size_bytes is {self.size_bytes}; a disk has a multiple of {self.multiple} bytes, at least one"


class DiskTooLarge(ContentError):
    """A disk's size in bytes is above the limit."""

    def __init__(self, size_bytes: int, limit_bytes: int) -> None:
        super().__init__(size_bytes, limit_bytes)
        self.size_bytes = size_bytes
        self.limit_bytes = limit_bytes

    def __str__(self) -> str:
        return f"the disk has {self.size_bytes} bytes, the largest allowed is {self.limit_bytes}"


class SizeNotPromised(ContentError):
    """The content has another size than the disk was created with, in bytes."""

    def __init__(self, size_bytes: int, promised_bytes: int) -> None:
        super().__init__(size_bytes, promised_bytes)
        self.size_bytes = size_bytes
        self.promised_bytes = promised_bytes

    def __str__(self) -> str:
        return f"the content has {self.size_bytes} bytes, the disk was created with size_bytes {self.promised_bytes}"


class PushMissing(ContentError):
    """No push with this session is open."""

    def __init__(self, session: str) -> None:
        super().__init__(session)
        self.session = session

    def __str__(self) -> str:
        return f"push {self.session} does not exist; begin a push of the disk"


class ProtocolViolated(ContentError):
    """A stream did not keep to the protocol. `rule` is the rule that was broken, a sentence."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule

    def __str__(self) -> str:
        return self.rule


class LimitExceeded(ContentError):
    """A limit of a stream was passed; `limit_name` is its name in GetServerInfo."""

    def __init__(self, limit_name: str, value: int, limit: int) -> None:
        super().__init__(limit_name, value, limit)
        self.limit_name = limit_name
        self.value = value
        self.limit = limit

    def __str__(self) -> str:
        return f"{self.limit_name} is {self.limit}, this stream came to {self.value}"


class StreamIdle(ContentError):
    """The client sent nothing, or took nothing, for `seconds`."""

    def __init__(self, direction: str, seconds: float) -> None:
        super().__init__(direction, seconds)
        self.direction = direction
        self.seconds = seconds

    def __str__(self) -> str:
        return f"the client {self.direction} nothing for {self.seconds:g} seconds"


class NotInRegion(ContentError):
    """Nothing of the version can be read in the region yet; `skipped` says why of each that might have been meant."""

    def __init__(self, name: str, region: str, skipped: tuple[str, ...] = ()) -> None:
        super().__init__(name, region, skipped)
        self.name = name
        self.region = region
        self.skipped = skipped

    def __str__(self) -> str:
        if not self.skipped:
            return f"{self.name} is not in region {self.region}, or none of its copies there is ready"
        return f"no version is {self.name} in region {self.region}: {'; '.join(self.skipped)}"


class ContentMismatch(ContentError):
    """The caller expects another content than the resource has; both are disk digests."""

    def __init__(self, name: str, expected: str, actual: str) -> None:
        super().__init__(name, expected, actual)
        self.name = name
        self.expected = expected
        self.actual = actual

    def __str__(self) -> str:
        return f"{self.name} has the content {self.actual}, not {self.expected}"


class OutsideContent(ContentError):
    """A position lies outside the disk; `field` is in segments or bytes as its name says."""

    def __init__(self, field: str, value: int, end: int) -> None:
        super().__init__(field, value, end)
        self.field = field
        self.value = value
        self.end = end

    def __str__(self) -> str:
        return f"{self.field} reaches {self.value}, the content ends at {self.end}"


class ContentLost(ContentError):
    """No copy has good records for some chunks of a segment."""

    def __init__(self, name: str, segment: int, chunks: int) -> None:
        super().__init__(name, segment, chunks)
        self.name = name
        self.segment = segment
        self.chunks = chunks

    def __str__(self) -> str:
        return f"{self.chunks} chunks in segment {self.segment} of {self.name} cannot be read from any copy"


class CollectionOff(ContentError):
    """A volume was last used by another metadata database, or by a newer state of this one: `reason` says which."""

    def __init__(self, region: str, volume: str, reason: str) -> None:
        super().__init__(region, volume, reason)
        self.region = region
        self.volume = volume
        self.reason = reason

    def __str__(self) -> str:
        return (
            f"collection is off on volume {self.volume} in {self.region}: {self.reason}; "
            "adopt or release the roots that belong to nothing, then adopt the volume"
        )


class RootNotUsable(ContentError):
    """A root cannot be adopted, released or abandoned: `reason` says why."""

    def __init__(self, root: str, reason: str) -> None:
        super().__init__(root, reason)
        self.root = root
        self.reason = reason

    def __str__(self) -> str:
        return f"root {self.root}: {self.reason}"
