"""Errors of applications on this machine."""

from __future__ import annotations

from galleria_client.errors import GalleriaError


class MachineError(GalleriaError):
    """Nothing was run: what is asked of this machine cannot be done."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return self.message


class ProfileInvalid(MachineError):
    """A profile does not say what is wanted, or wants what cannot be."""


class WrongSystem(MachineError):
    """An application is for another family of operating systems."""


class NotInstalled(MachineError):
    """The application is not installed on this machine."""


class AlreadyInstalled(MachineError):
    """Another version, or another application of that name, is installed on this machine."""


class FileDiffers(MachineError):
    """A file that was fetched is not the one that was pushed."""


class FilesUnusable(MachineError):
    """The folder of applications cannot be read or written, or a file cannot have its name there."""
