"""The fixtures of all tests, also of those in packages/: a plugin that pyproject.toml names."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from stand_in.history import History
from stand_in.server import Api, serving
from stand_in.world import World
from tap_dagctl.tap import TapDagctl
from tests.support.answers_in_memory import AnswersInMemory
from tests.support.base_time import NOW
from tests.support.dbt_server import Dbt, dbt_in
from tests.support.pipe import Pipe
from tests.support.postgres import shared
from tests.support.syncs import Json, Tap, handlers_kept
from tests.support.warehouses import Warehouse, duckdb_at, postgres_at

# However busy the machine is.
settings.register_profile(
    "tests",
    # The nights try more.
    max_examples=int(os.environ.get("EXAMPLES", "100")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("tests")


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


@pytest.fixture(scope="session")
def dbt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dbt]:
    """The project is read once for all tests."""
    with dbt_in(tmp_path_factory.mktemp("dbt")) as dbt:
        yield dbt


@pytest.fixture(scope="session")
def answers_in_memory(dbt: Dbt, tmp_path_factory: pytest.TempPathFactory) -> AnswersInMemory:
    return AnswersInMemory(dbt, tmp_path_factory.mktemp("compiled"))


@pytest.fixture(scope="session")
def built(dbt: Dbt, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DuckDB file with two weeks of an account and its answers, to be copied and not changed."""
    directory = tmp_path_factory.mktemp("built")
    warehouse = duckdb_at(directory / "warehouse.duckdb")
    with serving(History(World(now=NOW), days=14).world) as api:
        Pipe(api, warehouse, directory).load()
    dbt.build(warehouse, "run", now=NOW)
    # So that all of it is in the file itself.
    warehouse.execute("checkpoint")
    return directory / "warehouse.duckdb"


@pytest.fixture(scope="session")
def server() -> Warehouse:
    return postgres_at(shared())


@pytest.fixture
def postgres(server: Warehouse) -> Warehouse:
    """An empty warehouse."""
    server.empty()
    return server


@pytest.fixture(params=["duckdb", "postgres"])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    """An empty one."""
    if request.param == "duckdb":
        return duckdb_at(tmp_path / "warehouse.duckdb")
    empty: Warehouse = request.getfixturevalue("postgres")
    return empty


@pytest.fixture
def tap(api: Api, tmp_path: Path) -> Tap:
    return Tap(api, tmp_path)


@pytest.fixture
def collected() -> None:
    """What earlier tests left is not collected deep in a recursion, where it cannot be closed."""
    gc.collect()


@pytest.fixture
def catalog() -> Json:
    """What the tap discovers."""
    with handlers_kept():
        found: Json = json.loads(TapDagctl(validate_config=False).catalog_json_text)
    return found
