"""Resource names: made from parts and taken apart. Pure; the server decides what is valid."""

from __future__ import annotations

import re
from dataclasses import dataclass

_GROUP = r"subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)"
_IMAGE = re.compile(
    rf"{_GROUP}(?:/galleries/(?P<gallery>[^/]+)(?:/images/(?P<image>[^/]+)(?:/versions/(?P<version>[^/]+))?)?)?",
    re.IGNORECASE,
)
_APPLICATION = re.compile(
    rf"{_GROUP}(?:/galleries/(?P<gallery>[^/]+)"
    r"(?:/applications/(?P<application>[^/]+)(?:/versions/(?P<version>[^/]+))?)?)?",
    re.IGNORECASE,
)
_IN_GROUP = re.compile(rf"{_GROUP}/(?P<collection>[^/]+)/[^/]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ImageName:
    """The parts of a name in the catalogue, from the resource group down; what is not given is empty."""

    subscription: str
    group: str
    gallery: str = ""
    image: str = ""
    version: str = ""

    def __str__(self) -> str:
        text = group_name(self.subscription, self.group)
        for kind, value in (("galleries", self.gallery), ("images", self.image), ("versions", self.version)):
            if not value:
                break
            text += f"/{kind}/{value}"
        return text


@dataclass(frozen=True, slots=True)
class ApplicationName:
    """The parts of the name of an application or its version; what is not given is empty."""

    subscription: str
    group: str
    gallery: str = ""
    application: str = ""
    version: str = ""

    def __str__(self) -> str:
        text = str(ImageName(self.subscription, self.group, self.gallery))
        if self.application:
            text += f"/applications/{self.application}"
        return f"{text}/versions/{self.version}" if self.version else text


def group_name(subscription: str, group: str) -> str:
    """Name of a resource group."""
    return f"subscriptions/{subscription}/resourceGroups/{group}"


def disk_name(subscription: str, group: str, disk: str) -> str:
    """Name of a disk."""
    return f"{group_name(subscription, group)}/disks/{disk}"


def parse_image_name(text: str) -> ImageName | None:
    """The parts of a full name of a resource group, gallery, image or version; None when it is none."""
    match = _IMAGE.fullmatch(text)
    return ImageName(**{key: value or "" for key, value in match.groupdict().items()}) if match else None


def parse_application_name(text: str) -> ApplicationName | None:
    """The parts of a full name of a resource group, gallery, application or version; None when it is none."""
    match = _APPLICATION.fullmatch(text)
    return ApplicationName(**{key: value or "" for key, value in match.groupdict().items()}) if match else None


def is_disk_name(text: str) -> bool:
    """Whether the text is the full name of a disk."""
    return is_in_group(text, "disks")


def is_in_group(text: str, collection: str) -> bool:
    """Whether the text is the full name of what lies in a resource group, such as one of its `disks`."""
    match = _IN_GROUP.fullmatch(text)
    return match is not None and match["collection"].lower() == collection


def parent_of(name: str) -> str:
    """The name without its last collection and id."""
    return name.rsplit("/", 2)[0]


def last_part(name: str) -> str:
    """The id at the end of a name."""
    return name.rsplit("/", 1)[-1]
