"""Holds the answers against what Python makes of the API's rows."""

from __future__ import annotations

import math
from typing import Any

from stand_in.world import Row
from tests.support import expected_answers
from tests.support.expected_answers import Loaded
from tests.support.warehouses import Warehouse

# What a table answers, beside what is the same in all rows of a project: its key, then the rest.
COLUMNS = {
    "model_days": """project_id, model_name, date, executions, successful_executions,
        failed_executions, held_back_executions, p50_duration_seconds, p95_duration_seconds,
        p99_duration_seconds, max_duration_seconds, total_duration_seconds""",
    "run_days": """project_id, date, total_runs, successful_runs, partial_runs, failed_runs,
        p50_duration_seconds, p95_duration_seconds, max_duration_seconds""",
    "job_weeks": """project_id, job_name, week, finished_runs, success_rate, p50_duration_seconds,
        p95_duration_seconds, previous_p50_duration_seconds, change_percent, is_current""",
    "time_lost": """project_id, job_name, date, partial_runs, failed_runs, error_runs,
        failed_models, lost_seconds""",
    "held_back_models": """project_id, model_name, executions, skipped_executions,
        blocked_executions, held_back_in_a_row, last_ran_at""",
    "overdue_runs": "run_id, running_seconds, usual_p95_duration_seconds, usual_runs",
    "broken_jobs": """project_id, job_name, broken_runs, broken_since, run_id, status,
        error_message""",
    "sla_breaches": """project_id, date, p95_duration_seconds, max_duration_seconds, total_runs,
        kept_again_on""",
    "sla_months": "project_id, month, measured_days, days_over, max_p95_duration_seconds",
    "model_regressions": """project_id, model_name, start_date, end_date,
        previous_p95_duration_seconds, p95_duration_seconds, windows_ago, change_percent,
        is_current""",
    "slowest_models": """project_id, model_name, start_date, end_date, total_executions,
        p95_duration_seconds, max_duration_seconds""",
    "project_slas": "project_id, sla_seconds",
    "known_projects": "project_id, project_name, own_name, is_gone",
    "known_jobs": "project_id, job_name, last_run_at, is_gone",
}


def answer(warehouse: Warehouse, name: str) -> list[tuple[Any, ...]]:
    rows = warehouse.query(f"select {COLUMNS[name]} from dagctl_answers.{name}")  # noqa: S608 - from above
    return [tuple(row.values()) for row in rows]


def everything(warehouse: Warehouse) -> dict[str, list[Row]]:
    """Return every row of every table and view, in one order.

    The last digits of doubles are left out: they are added up in no certain order.
    """
    found = {}
    for row in warehouse.query(
        "select table_name from information_schema.tables where table_schema = 'dagctl_answers'"
    ):
        rows = [
            {key: float(f"{it:.12g}") if isinstance(it, float) else it for key, it in each.items()}
            for each in warehouse.query(f"select * from dagctl_answers.{row['table_name']}")  # noqa: S608 - a name
        ]
        found[row["table_name"]] = sorted(rows, key=lambda it: repr(sorted(it.items())))
    assert all(found[name] for name in ("run_days", "job_weeks", "model_days"))
    return found


def assert_answers(warehouse: Warehouse, loaded: Loaded) -> None:
    """Compare every table of `COLUMNS`, row by row."""
    for name in COLUMNS:
        expected = getattr(expected_answers, name)(loaded)
        assert expected, f"the histories hold nothing for {name}"
        rows, width = answer(warehouse, name), len(next(iter(expected)))
        found = {row[:width]: row[width:] for row in rows}
        assert len(found) == len(rows), f"{name} holds a key twice"
        assert found.keys() == expected.keys(), name
        different = [
            f"{name}: {key}: {found[key]}, not {values}"
            for key, values in expected.items()
            if not all(map(same, found[key], values))
        ]
        assert different == []
    names = {key: label for key, label, *_ in answer(warehouse, "known_projects")}
    for name in COLUMNS:
        labelled = warehouse.query(f"select project_id, project_name from dagctl_answers.{name}")  # noqa: S608 - from above
        assert all(row["project_name"] == names[row["project_id"]] for row in labelled), name
    changes = [change for *_, change, _ in answer(warehouse, "model_regressions")]
    assert changes == sorted(changes, reverse=True)


def same(found: Any, expected: Any) -> bool:
    """Return whether a value is another, a double to its last digits."""
    if isinstance(expected, float) and found is not None:
        # The databases interpolate in another order, and sum in one of their own.
        return math.isclose(found, expected, rel_tol=1e-12, abs_tol=1e-9)
    return bool(found == expected)
