from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.warehouses import duckdb_at, postgres_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.warehouses import Warehouse


@pytest.fixture(params=["duckdb", "postgres"])
def warehouse(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Warehouse]:
    """An empty one."""
    directory = tmp_path_factory.mktemp("warehouse")
    if request.param == "duckdb":
        yield duckdb_at(directory / "warehouse.duckdb")
    else:
        with postgres_in(directory) as warehouse:
            yield warehouse
