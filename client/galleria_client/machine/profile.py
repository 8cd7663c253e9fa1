"""What a machine is to have: several applications, in an order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import yaml

from galleria_client.machine.errors import ProfileInvalid
from galleria_client.resource_names import ApplicationName, parse_application_name

MOST: Final = 25
"""Applications of a machine."""
_LISTS: Final = ("galleryApplications", "applications")
_KNOWN: Final = {
    "packageReferenceId",
    "configurationReference",
    "order",
    "treatFailureAsDeploymentFailure",
    "enableAutomaticUpgrade",
    "tags",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """One application that a machine is to have.

    Attributes:
        name: the version, exact or `latest`.
        configuration: a file, or the full name of a disk, in the place of the default configuration; or empty.
        order: lower ones come first, those without one last.
        fails_deployment: whether its failure is one of the whole deployment.
    """

    name: ApplicationName
    configuration: str = ""
    order: int | None = None
    fails_deployment: bool = False


def load_profile(path: Path) -> list[Wanted]:
    """The applications of a JSON or YAML file: a list, or one under `galleryApplications`.

    Raises:
        ProfileInvalid.
    """
    try:
        found: Any = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ProfileInvalid(f"{path} cannot be read as JSON or YAML: {error}") from None
    if isinstance(found, Mapping):
        found = found.get("applicationProfile", found)
    if isinstance(found, Mapping):
        found = next((found[key] for key in _LISTS if key in found), None)
    if not isinstance(found, list):
        raise ProfileInvalid(f"{path} holds no list of applications, such as galleryApplications")
    return check_profile([_wanted(path, i, entry) for i, entry in enumerate(found)])


def check_profile(wanted: Sequence[Wanted]) -> list[Wanted]:
    """Several applications that one machine may have together.

    Raises:
        ProfileInvalid: there are too many, or one twice.
    """
    if len(wanted) > MOST:
        raise ProfileInvalid(f"the profile has {len(wanted)} applications, a machine has at most {MOST}")
    folders = [one.name.application.casefold() for one in wanted]
    twice = sorted({folder for folder in folders if folders.count(folder) > 1})
    if twice:
        raise ProfileInvalid(f"the profile names {', '.join(twice)} more than once; a machine has one version of each")
    return list(wanted)


def in_order(wanted: Sequence[Wanted]) -> list[tuple[int | None, list[Wanted]]]:
    """The applications by their order, lowest first; at the end, under None, those without one."""
    ordered = sorted((one for one in wanted if one.order is not None), key=_order)
    groups: list[tuple[int | None, list[Wanted]]] = [(order, list(same)) for order, same in groupby(ordered, _order)]
    return [*groups, (None, [one for one in wanted if one.order is None])]


def _order(wanted: Wanted) -> int:
    return wanted.order or 0


def _wanted(path: Path, position: int, entry: object) -> Wanted:
    at = f"{path}: application {position + 1}"
    if not isinstance(entry, Mapping):
        raise ProfileInvalid(f"{at} has no fields")
    unknown = entry.keys() - _KNOWN
    if unknown:
        raise ProfileInvalid(f"{at} has {', '.join(sorted(map(str, unknown)))}, which is not known")
    name = parse_application_name(_field(at, entry, "packageReferenceId", str, ""))
    if name is None or not name.version:
        raise ProfileInvalid(f"{at}: packageReferenceId must be the full name of an application version")
    configuration = _field(at, entry, "configurationReference", str, "")
    if configuration and not configuration.startswith("subscriptions/"):
        configuration = str(path.parent / configuration)
    order = _field(at, entry, "order", int, None)
    return Wanted(name, configuration, order, _field(at, entry, "treatFailureAsDeploymentFailure", bool, default=False))


def _field(at: str, entry: Mapping[Any, Any], name: str, kind: type, default: Any) -> Any:  # noqa: ANN401 - of `kind`
    value = entry.get(name)
    if value is None:
        return default
    if type(value) is not kind:
        raise ProfileInvalid(f"{at}: {name} must be of type {kind.__name__}, not {value!r}")
    return value
