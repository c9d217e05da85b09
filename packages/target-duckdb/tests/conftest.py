from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.support import forks
from tests.support.program import Loader

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.forks import Forks


# However busy the machine is.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")


@pytest.fixture
def loader(tmp_path: Path) -> Loader:
    return Loader(tmp_path)


@pytest.fixture(scope="session")
def many() -> Forks:
    return forks.shared()
