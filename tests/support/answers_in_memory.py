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
# In the order in which one needs another.
_MODELS = (
    *(f"stg_dagctl__{table}" for table in LOADED),
    "settings_used",
    "known_projects",
    "unread_streams",
    "known_jobs",
    "broken_jobs",
    "overdue_runs",
    "held_back_models",
    "project_freshness",
)


class AnswersInMemory:
    """Tables that a loader fills, and the answers on them, as of any moment."""

    def __init__(self, dbt: Dbt, directory: Path) -> None:
        """Let dbt compile the models as of NOW, in a file that is called as the database here."""
        warehouse, self._connection = duckdb_at(directory / "warehouse.duckdb"), duckdb.connect()
        self("attach ':memory:' as warehouse; use warehouse; create schema dagctl_answers")
        for execute in (warehouse.execute, self):
            execute("create schema dagctl")
            for table, columns in LOADED.items():
                execute(f"create table dagctl.{table} ({columns})")
        dbt.build(warehouse, "run", "--select", *_MODELS, now=NOW)
        compiled = dbt.target_path(warehouse) / "compiled"
        models = {path.stem: path.read_text() for path in compiled.glob("**/*.sql")}
        self("use warehouse.dagctl_answers; set variable now = current_localtimestamp()")
        for name in _MODELS:
            as_of = f"'{NOW:%Y-%m-%d %H:%M:%S.%f}'"
            self(f"create view {name} as {models[name].replace(as_of, 'getvariable($$now$$)')}")

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
