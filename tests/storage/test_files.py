"""The operating system's files, and that the simulated disk refuses what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from galleria_storage.objects.files import Entry, Files, Mode, SystemFiles, rename_by_link
from galleria_storage.objects.syscalls import rename_exclusive
from tests.support.simulated_disk import SimulatedDisk


@pytest.fixture(params=[SystemFiles, SimulatedDisk])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    make: Callable[[], Files] = request.param
    files = make()
    for folder in [*reversed(tmp_path.parents), tmp_path]:
        try:
            files.make_folder(folder)
        except FileExistsError:
            continue
    return files


def write(files: Files, path: Path, data: bytes) -> None:
    file = files.open(path, Mode.CREATE)
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
    file.start_writeback(0, len(data))
    file.fsync()
    file.close()


def read(files: Files, path: Path) -> bytes:
    file = files.open(path, Mode.READ)
    data = b""
    while part := file.pread(len(data), 100):
        data += part
    assert file.size() == len(data)
    file.close()
    return data


def test_what_is_written_is_read(files: Files, tmp_path: Path) -> None:
    write(files, tmp_path / "a", b"content")
    assert read(files, tmp_path / "a") == b"content"
    assert files.entries(tmp_path) == [Entry("a", 7, is_folder=False)]


def test_a_rename_replaces_only_when_told(files: Files, tmp_path: Path) -> None:
    write(files, tmp_path / "a", b"new")
    write(files, tmp_path / "b", b"old")
    with pytest.raises(FileExistsError):
        files.rename(tmp_path / "a", tmp_path / "b", replace=False)
    assert read(files, tmp_path / "b") == b"old"
    files.rename(tmp_path / "a", tmp_path / "b", replace=True)
    assert read(files, tmp_path / "b") == b"new"
    files.rename(tmp_path / "b", tmp_path / "c", replace=False)
    assert [entry.name for entry in files.entries(tmp_path)] == ["c"]


def test_what_is_there_or_not_is_told(files: Files, tmp_path: Path) -> None:
    absent, folder = tmp_path / "absent", tmp_path / "folder"
    files.make_folder(folder)
    write(files, tmp_path / "a", b"")
    refused: list[tuple[type[OSError], Callable[[], object]]] = [
        (FileExistsError, lambda: files.make_folder(folder)),
        (FileExistsError, lambda: files.open(tmp_path / "a", Mode.CREATE)),
        (FileNotFoundError, lambda: files.open(absent, Mode.READ)),
        (FileNotFoundError, lambda: files.open(absent, Mode.FOLDER)),
        (FileNotFoundError, lambda: files.open(absent / "x", Mode.CREATE)),
        (FileNotFoundError, lambda: files.remove(absent)),
        (FileNotFoundError, lambda: files.entries(absent)),
        (FileNotFoundError, lambda: files.rename(absent, tmp_path / "b", replace=False)),
        (FileNotFoundError, lambda: files.rename(tmp_path / "a", absent / "x", replace=False)),
    ]
    for error, call in refused:
        with pytest.raises(error):
            call()


def test_an_open_file_outlives_its_name(files: Files, tmp_path: Path) -> None:
    write(files, tmp_path / "a", b"x")
    file = files.open(tmp_path / "a", Mode.READ)
    files.remove(tmp_path / "a")
    assert file.pread(0, 5) == b"x"
    file.close()
    assert files.entries(tmp_path) == []


@pytest.mark.parametrize("rename", [rename_exclusive, rename_by_link])
def test_neither_way_to_rename_replaces(rename: Callable[[Path, Path], None], tmp_path: Path) -> None:
    source, taken, free = tmp_path / "source", tmp_path / "taken", tmp_path / "free"
    source.write_bytes(b"source")
    taken.write_bytes(b"taken")
    with pytest.raises(FileExistsError):
        rename(source, taken)
    assert (source.read_bytes(), taken.read_bytes()) == (b"source", b"taken")
    rename(source, free)
    assert (source.exists(), free.read_bytes()) == (False, b"source")
