"""The answers in memory, in milliseconds: the SQL that dbt compiles, run by DuckDB itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from tests.support.base_time import NOW
from tests.support.dbt_server import Dbt
from tests.support.warehouses import duckdb_at

_TIMES = "start_time timestamp, end_time timestamp, created_at timestamp, updated_at timestamp"
LOADED = {
    "projects": "id text, name text, _sdc_extracted_at timestamp",
    "jobs": "id text, project_id text, name text, _sdc_extracted_at timestamp",
    "runs": "id text, project_id text, job_name text, cronjob_name text, job_type text, "
    f"status text, error_message text, duration_seconds double, {_TIMES}",
    "model_executions": f"id text, project_id text, model_name text, status text, {_TIMES}",
    "syncs": "sync_id text, stream text, project_id text, began_at timestamp, "
    "ended_at timestamp, error text",
    "daily_stats": "project_id text, date date",
    "model_stats": "project_id text, model_name text, start_date date, end_date date",
}
"""The columns of the tables that are read, of those that a loader makes."""
_STAGED = [f"stg_dagctl__{table}" for table in LOADED]
# In the order in which one needs another.
_ANSWERS = (
    "settings_used",
    "known_projects",
    "unread_streams",
    "known_jobs",
    "broken_jobs",
    "overdue_runs",
    "held_back_models",
    "project_freshness",
)


def compiled(dbt: Dbt, directory: Path) -> dict[str, str]:
    """Return the SQL of each model, as of NOW."""
    warehouse = duckdb_at(directory / "warehouse.duckdb")
    warehouse.execute("create schema dagctl")
    for table, columns in LOADED.items():
        warehouse.execute(f"create table dagctl.{table} ({columns})")
    dbt.build(warehouse, "run", "--select", *_STAGED, *_ANSWERS, now=NOW)
    compiled = dbt.target_path(warehouse) / "compiled"
    found = {path.stem: path.read_text() for path in compiled.glob("**/*.sql")}
    return {name: found[name] for name in (*_STAGED, *_ANSWERS)}


class AnswersInMemory:
    """Tables that a loader fills, and the answers on them, as of any moment."""

    def __init__(self, models: Mapping[str, str]) -> None:
        self._connection = duckdb.connect()
        self._connection.execute("attach ':memory:' as warehouse")
        for schema in ("dagctl", "dagctl_answers"):
            self._connection.execute(f"create schema warehouse.{schema}")
        self._connection.execute("use warehouse.dagctl_answers")
        for table, columns in LOADED.items():
            self(f"create table dagctl.{table} ({columns})")
        self("set variable now = current_localtimestamp()")
        for name, sql in models.items():
            as_of = f"'{NOW:%Y-%m-%d %H:%M:%S.%f}'"
            self(f"create view {name} as {sql.replace(as_of, 'getvariable($$now$$)')}")

    def __call__(self, query: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Run a query as `report.warehouse` does."""
        result = self._connection.execute(query, list(parameters))
        columns = [column[0] for column in result.description or ()]
        return [dict(zip(columns, row, strict=True)) for row in result.fetchall()]

    def load(self, now: datetime, rows: Mapping[str, Iterable[Mapping[str, Any]]]) -> None:
        """Load these rows and no others, and look at them at a moment."""
        self(f"set variable now = timestamp '{now:%Y-%m-%d %H:%M:%S}'")
        for table in LOADED:
            self(f"delete from dagctl.{table}")  # noqa: S608 - from above
            for row in rows.get(table, ()):
                names, marks = ", ".join(row), ", ".join("?" * len(row))
                self(f"insert into dagctl.{table} ({names}) values ({marks})", [*row.values()])  # noqa: S608 - from above
