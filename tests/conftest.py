"""Settings of Hypothesis, and folders for what several tests share.

pytest keeps such a folder after a failure; these go with their scope.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says more of the machine than of the code.
settings.register_profile("galleria", deadline=None)
settings.load_profile("galleria")


@pytest.fixture(scope="session")
def session_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("session")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def module_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("module")
    yield folder
    shutil.rmtree(folder)
