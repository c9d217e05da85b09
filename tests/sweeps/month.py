"""A month of made-up days through tap, loader, dbt and messages, looked at every day."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.dbt_server import dbt_in
from tests.support.month import PLANTED, expected, told_and_ended
from tests.support.warehouses import duckdb_at, postgres_in

if TYPE_CHECKING:
    from tests.support.dbt_server import Dbt
    from tests.support.warehouses import Warehouse

LOOKS = range(38)


def main() -> None:
    """Run it in DuckDB and in PostgreSQL; exit with 1 if anything is told too often, or not."""
    with tempfile.TemporaryDirectory() as directory, dbt_in(Path(directory)) as dbt:
        files = Path(directory)
        is_right = _live(duckdb_at(files / "warehouse.duckdb"), dbt, files / "duckdb")
        (files / "server").mkdir()
        with postgres_in(files / "server") as warehouse:
            is_right &= _live(warehouse, dbt, files / "postgres")
    sys.exit(not is_right)


def _live(warehouse: Warehouse, dbt: Dbt, directory: Path) -> bool:
    directory.mkdir()
    began = time.monotonic()
    told, ended = told_and_ended(warehouse, dbt, directory, LOOKS)
    wanted = expected(LOOKS)
    sys.stdout.write(
        f"{warehouse.dbt}: {len(PLANTED)} planted, {sum(map(len, told.values()))} told, "
        f"{sum(map(len, ended.values()))} ended, in {len(LOOKS)} looks of "
        f"{(time.monotonic() - began) / len(LOOKS):.1f} s\n"
    )
    for name, found, right in zip(("told", "ended"), (told, ended), wanted, strict=True):
        for key in sorted(found.keys() | right.keys()):
            if found.get(key) != right.get(key):
                sys.stdout.write(f"  {name}: {key} on {found.get(key)}, not {right.get(key)}\n")
    return (told, ended) == wanted


if __name__ == "__main__":
    main()
