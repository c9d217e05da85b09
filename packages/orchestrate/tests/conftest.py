from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stand_in.server import Api
from tests.support.orchestrated import Place
from tests.support.state_backends import backend_of


@pytest.fixture
def place(api: Api, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Place]:
    """Two projects with a few rows, a DuckDB file, and states in a folder or as parametrized."""
    with backend_of(getattr(request, "param", "folder"), tmp_path) as uri:
        place = Place.of(api, uri, tmp_path / "warehouse.duckdb")
        place.put("first", "proj_a", "proj_b")
        yield place
