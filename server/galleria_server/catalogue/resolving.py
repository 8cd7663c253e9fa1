"""What version a name means in a region."""

from __future__ import annotations

from galleria_server.catalogue import definitions
from galleria_server.catalogue.image_sources import KIND
from galleria_server.catalogue.versions import VersionView, require, view
from galleria_server.domain.errors import NotFound
from galleria_server.domain.errors_content import NotInRegion
from galleria_server.domain.names import VersionName
from galleria_server.domain.version import AnyVersion, VersionState
from galleria_server.metadata import copies, versions
from galleria_server.metadata.engine import Transaction


def get(transaction: Transaction, name: VersionName, region: str) -> VersionView:
    """The version of that name; `latest` is resolved in `region`. Raises NotFound, NotInRegion."""
    version = require(transaction, name) if name.number else resolve(transaction, name, region)
    return view(transaction, version)


def resolve(transaction: Transaction, name: VersionName, region: str) -> AnyVersion:
    """The version that `name` means in `region`; `latest` is one that is usable there.

    One all whose copies there lack something is read as far as it goes. Raises NotFound when there is no such version
    at all, NotInRegion when none can be read there.
    """
    if name.number is None:
        return _latest(transaction, name, region)
    version = require(transaction, name)
    if version.state is VersionState.DELETING:
        raise NotFound(KIND, str(version.name))
    if not all(copies.served(transaction, version.uid, content.position, region) for content in version.contents):
        raise NotInRegion(str(version.name), region)
    return version


def _latest(transaction: Transaction, name: VersionName, region: str) -> AnyVersion:
    definition = definitions.require(transaction, name.definition)
    version = versions.find_latest(transaction, definition.uid, region)
    if version is not None:
        return version
    if versions.count(transaction, definition.uid) == 0:
        raise NotFound(KIND, str(name))
    raise NotInRegion(str(name), region)
