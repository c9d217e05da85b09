"""The answers with the adapters and the dbt that nobody here runs: `make adapters`.

For each warehouse the SQL is compiled by its adapter, without a connection, and parsed. DuckDB's
is built, with the oldest dbt that is allowed.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from stand_in.server import serving
from tests.support.adapters import dbt, dialects
from tests.support.answers import assert_answers
from tests.support.awkward import SeededHistory
from tests.support.environments import install
from tests.support.expected_answers import Loaded
from tests.support.pipe import Pipe
from tests.support.warehouses import duckdb_at

if __name__ == "__main__":
    for dialect in ("snowflake", "bigquery", "databricks", "redshift"):
        install(f"dbt-{dialect}")
        with tempfile.TemporaryDirectory() as name:
            dbt.compile_offline(f"dbt-{dialect}", Path(name), dialect)
            parsed = dialects.parse(Path(name) / "target", dialect)
            print(f"{dialect}: {parsed} statements compiled and parsed", flush=True)
    install("dbt-oldest")
    with tempfile.TemporaryDirectory() as name:
        world, directory = SeededHistory().world, Path(name)
        warehouse = duckdb_at(directory / "warehouse.duckdb")
        with serving(world) as api:
            Pipe(api, warehouse, directory).load()
        now = f"{world.now:%Y-%m-%d %H:%M:%S}"
        counts = dbt.build("dbt-oldest", directory, warehouse.environment, dagctl_as_of=now)
        assert_answers(warehouse, Loaded(world))
        print(f"the oldest dbt: {counts}")
