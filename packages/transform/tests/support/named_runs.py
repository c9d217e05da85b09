"""The run that the page names for each finding: the longest, the slowest, the newest."""

from __future__ import annotations

import os
from argparse import Namespace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from report import queries
from report.warehouse import answers_of
from stand_in.world import EXECUTIONS, RUNS, Row, from_text
from tests.support.expected_answers import HELD_BACK

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.expected_answers import Loaded
    from tests.support.warehouses import Warehouse


def moment(row: Row) -> datetime:
    return from_text(row.get("start_time") or row["created_at"]).replace(tzinfo=None)


def seconds(row: Row) -> float:
    found = row.get("duration_seconds")
    return -1 if found is None else found


def assert_runs_are_named(warehouse: Warehouse, loaded: Loaded) -> None:
    runs = loaded.rows(RUNS)
    jobs = {run["id"]: run["job_name"] for run in runs}
    runs = [{**run, "run_id": run["id"]} for run in runs]
    executions = loaded.rows(EXECUTIONS)
    options = Namespace(warehouse=warehouse.loader.removeprefix("target-"), schema=None)

    def check(query: str, rows: list[Row], *by: Callable[[Row], Any], **days: str) -> None:
        """Compare the run in each row with those of `rows` that are first by these measures."""
        with patch.dict(os.environ, warehouse.environment):
            _, ask = answers_of(options)
            answered = ask(query)
        assert answered
        for it in answered:
            first, last = it.get(days.get("first", "")), it.get(days.get("last", ""))
            its = [
                row
                for row in rows
                if row["project_id"] == it["project_id"]
                and row.get("model_name") == it.get("model_name")
                and (first or date.min) <= moment(row).date() <= (last or date.max)
            ]
            for measure in by:
                most = max(map(measure, its))
                its = [row for row in its if measure(row) == most]
            said = it["run_id"], it["job_name"], it["start_time"]
            assert said in [
                (row.get("run_id"), jobs.get(row.get("run_id"), "unknown"), moment(row))
                for row in its
            ]

    check(queries.BREACHES, runs, seconds, first="date", last="date")
    check(queries.REGRESSIONS, executions, seconds, moment, first="start_date", last="end_date")
    check(queries.HELD_BACK, [it for it in executions if it["status"] in HELD_BACK], moment)
