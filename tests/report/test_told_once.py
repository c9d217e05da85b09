"""A month through tap, loader, dbt and messages: every trouble is told once, and its end once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.month import expected, told_and_ended
from tests.support.warehouses import duckdb_at

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.dbt_server import Dbt

# `make month` looks every day, in PostgreSQL, too.
LOOKS = (3, 7, 9, 14, 17, 24, 37)


def test_a_month_of_messages(dbt: Dbt, tmp_path: Path) -> None:
    warehouse = duckdb_at(tmp_path / "warehouse.duckdb")
    told, ended = told_and_ended(warehouse, dbt, tmp_path, LOOKS)

    assert (told, ended) == expected(LOOKS)
