from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.dagctl_api.server import Api, serving
from tests.dagctl_api.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def world() -> World:
    """Two projects without a run."""
    world = World()
    world.add_project("proj_a", "sales")
    world.add_project("proj_b", "finance", project_type="dbt")
    return world


@pytest.fixture
def api(world: World) -> Iterator[Api]:
    with serving(world) as api:
        yield api
