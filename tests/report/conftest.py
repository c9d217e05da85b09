from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.findings import build
from tests.support.receivers import mail_server, webhook
from tests.support.warehouses import duckdb_at, postgres_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.receivers import Receiver
    from tests.support.warehouses import Warehouse


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """One server for all of a module's tests, as it takes seconds to start."""
    with postgres_in(tmp_path_factory.mktemp("warehouse")) as warehouse:
        yield warehouse


@pytest.fixture(params=["duckdb", "postgres"])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    """An empty one."""
    if request.param == "duckdb":
        return duckdb_at(tmp_path / "warehouse.duckdb")
    server: Warehouse = request.getfixturevalue("postgres")
    for schema in ("dagctl", "dagctl_answers"):
        server.execute(f"drop schema if exists {schema} cascade")
    return server


@pytest.fixture
def duckdb_answers(tmp_path: Path) -> Warehouse:
    warehouse = duckdb_at(tmp_path / "warehouse.duckdb")
    build(warehouse)
    return warehouse


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with webhook() as receiver:
        yield receiver


@pytest.fixture
def mail() -> Iterator[Receiver]:
    with mail_server() as receiver:
        yield receiver
