"""Generates the Python side of the wire contract beside its .proto files.

Hatchling runs it at every build and editable install; `python protos/hatch_build.py` runs it by hand after an edit.
Google's .proto files come from the installed googleapis-common-protos and go into `third_party`, an include folder
that is neither committed nor shipped: their generated modules are in that package already.
"""

import importlib.metadata
import importlib.resources
import os
import shutil
import sysconfig
from pathlib import Path
from typing import Any

from grpc_tools import protoc
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PROTOS = Path(__file__).resolve().parent
THIRD_PARTY = PROTOS / "third_party"
GOOGLE_FOLDERS = ("google/api/", "google/rpc/", "google/longrunning/")
# The package ships this file under one name and registers its descriptor under the other: only the latter imports.
CANONICAL_NAMES = {"google/longrunning/operations_proto.proto": "google/longrunning/operations.proto"}


class GenerationFailed(Exception):
    """The compiler refused the .proto files; what it said went to stderr."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status

    def __str__(self) -> str:
        return f"protoc failed with status {self.status}"


class PluginMissing(Exception):
    """The compiler plugin that writes the stubs is not installed."""

    def __init__(self, plugin: str) -> None:
        super().__init__(plugin)
        self.plugin = plugin

    def __str__(self) -> str:
        return f"protoc-gen-{self.plugin} is missing: install mypy-protobuf"


class ProtobufBuildHook(BuildHookInterface[Any]):
    """Makes the generated modules before hatchling collects the files of a wheel, an sdist or an editable install."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        generate()


def generate() -> None:
    """Write the modules and stubs of every .proto file under `galleria`, and remove those of files that are gone."""
    copy_google_protos(THIRD_PARTY)
    remove_orphans(PROTOS / "galleria")
    sources = sorted(str(path.relative_to(PROTOS)) for path in (PROTOS / "galleria").rglob("*.proto"))
    if sources:
        compile_protos(sources)


def copy_google_protos(target: Path) -> None:
    """Fill `target` with the .proto files of `GOOGLE_FOLDERS`, under the names by which they are imported."""
    shutil.rmtree(target, ignore_errors=True)
    for file in importlib.metadata.files("googleapis-common-protos") or []:
        name = file.as_posix()
        if name.endswith(".proto") and name.startswith(GOOGLE_FOLDERS):
            copy = target / CANONICAL_NAMES.get(name, name)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(file.locate()), copy)


def remove_orphans(folder: Path) -> None:
    """Remove the generated files under `folder` whose .proto file is gone."""
    for path in folder.rglob("*_pb2*.py*"):
        source = path.with_name(path.name.partition("_pb2")[0] + ".proto")
        if not source.exists():
            path.unlink(missing_ok=True)


def compile_protos(sources: list[str]) -> None:
    """Generate code for `sources`, paths relative to `PROTOS`.

    Raises GenerationFailed, PluginMissing.
    """
    includes = [PROTOS, THIRD_PARTY, importlib.resources.files("grpc_tools") / "_proto"]
    status = protoc.main(
        [
            "protoc",
            *(f"-I{folder}" for folder in includes),
            f"--python_out={PROTOS}",
            f"--grpc_python_out={PROTOS}",
            *mypy_plugin("mypy"),
            *mypy_plugin("mypy_grpc"),
            *sources,
        ]
    )
    if status != 0:
        raise GenerationFailed(status)


def mypy_plugin(name: str) -> list[str]:
    """The arguments that run one plugin of mypy-protobuf, also where its scripts are not on PATH.

    Raises PluginMissing.
    """
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)])
    program = shutil.which(f"protoc-gen-{name}", path=path)
    if program is None:
        raise PluginMissing(name)
    return [f"--plugin=protoc-gen-{name}={program}", f"--{name}_out=quiet:{PROTOS}"]


if __name__ == "__main__":
    generate()
