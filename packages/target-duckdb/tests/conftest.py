from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import forks
from tests.support.program import Loader

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.forks import Forks


@pytest.fixture
def loader(tmp_path: Path) -> Loader:
    return Loader(tmp_path)


@pytest.fixture(scope="session")
def many() -> Forks:
    return forks.shared()
