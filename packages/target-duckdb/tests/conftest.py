from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.program import Loader

# However busy the machine is; with EXAMPLES=1000, many more of them.
settings.register_profile(
    "tests",
    max_examples=int(os.environ.get("EXAMPLES", "15")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("tests")


@pytest.fixture
def loader(tmp_path: Path) -> Loader:
    return Loader(tmp_path)
