"""Holds the answers against what Python makes of the API's rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tests.support import expected_answers, guide
from tests.support.base_time import FIRST_DAY

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet
    from datetime import date

    from stand_in.server import Api
    from stand_in.world import Row, World
    from tests.support.expected_answers import Answer
    from tests.support.warehouses import Warehouse

# What a table answers, beside what is the same in all rows of a project: its key, then the rest.
COLUMNS = {
    "model_days": (
        "project_id, model_name, date",
        """executions, successful_executions, failed_executions, held_back_executions,
        p50_duration_seconds, p95_duration_seconds, p99_duration_seconds, max_duration_seconds,
        total_duration_seconds""",
    ),
    "run_days": (
        "project_id, date",
        """total_runs, successful_runs, partial_runs, failed_runs,
        p50_duration_seconds, p95_duration_seconds, max_duration_seconds""",
    ),
    "job_weeks": (
        "project_id, job_name, week",
        """finished_runs, success_rate, p50_duration_seconds, p95_duration_seconds,
        previous_p50_duration_seconds, change_percent, is_current""",
    ),
    "time_lost": (
        "project_id, job_name, date",
        "partial_runs, failed_runs, error_runs, failed_models, lost_seconds",
    ),
    "held_back_models": (
        "project_id, model_name",
        "executions, skipped_executions, blocked_executions, held_back_in_a_row, last_ran_at",
    ),
    "overdue_runs": ("run_id", "running_seconds, usual_p95_duration_seconds, usual_runs"),
    "broken_jobs": (
        "project_id, job_name",
        "broken_runs, broken_since, run_id, status, error_message",
    ),
    "slowest_models": (
        "project_id, model_name",
        """start_date, end_date, total_executions, p95_duration_seconds,
        max_duration_seconds""",
    ),
    "known_projects": ("project_id", "project_name, own_name, is_gone"),
    "known_jobs": ("project_id, job_name", "last_run_at, is_gone"),
}


def answer(warehouse: Warehouse, name: str) -> Answer:
    keys, columns = COLUMNS[name]
    width = keys.count(",") + 1
    rows = warehouse.query(f"select {keys}, {columns} from dagctl_answers.{name}")  # noqa: S608 - from above
    found = {tuple(row.values())[:width]: tuple(row.values())[width:] for row in rows}
    assert len(found) == len(rows), f"{name} holds a key twice"
    return found


def assert_answers(
    warehouse: Warehouse,
    world: World,
    *,
    gone: AbstractSet[str] = frozenset(),
    window_days: int = 7,
    windows_of: Mapping[str, int] | None = None,
) -> None:
    """Compare every table of `COLUMNS`, row by row.

    Args:
        warehouse: where they were built.
        world: all that was loaded, what is gone included.
        gone: the ids of the projects that are gone.
        window_days: how long the windows are that are read now.
        windows_of: the same for projects that were last read in windows of another length.
    """
    for name in COLUMNS:
        loaded = expected_answers.Loaded(world, gone, window_days, windows_of or {})
        expected = getattr(expected_answers, name)(loaded)
        assert expected, f"the histories hold nothing for {name}"
        assert_same(answer(warehouse, name), expected, name)
    names = {key: label for (key,), (label, *_) in answer(warehouse, "known_projects").items()}
    for name in [*COLUMNS, "sla_breaches", "model_regressions", "project_slas"]:
        rows = warehouse.query(f"select project_id, project_name from dagctl_answers.{name}")  # noqa: S608 - from above
        assert all(row["project_name"] == names[row["project_id"]] for row in rows), name


def assert_same(found: Answer, expected: Answer, name: str) -> None:
    assert found.keys() == expected.keys(), name
    different = [
        f"{name}: {key}: {found[key]}, not {values}"
        for key, values in expected.items()
        if not all(map(same, found[key], values))
    ]
    assert different == []


def same(found: Any, expected: Any) -> bool:
    """Return whether a value is another, a double to its last digits."""
    if isinstance(expected, float) and found is not None:
        # The databases interpolate in another order, and sum in one of their own.
        return math.isclose(found, expected, rel_tol=1e-12, abs_tol=1e-9)
    return bool(found == expected)


def assert_the_guides_answers(
    api: Api, warehouse: Warehouse, overrides: Mapping[str, float], first_day: date = FIRST_DAY
) -> None:
    """Compare the tables of the guide's two scripts, row by row.

    Args:
        api: what the scripts ask.
        warehouse: where the tables were built.
        overrides: the thresholds of single projects, by id or name.
        first_day: the first of the statistics.
    """

    def seconds_of(project: Row) -> float:
        return overrides.get(project["id"], overrides.get(project["name"], 1_800))

    breaches = {
        (row["project_id"], row["date"]): (
            row["p95_duration_seconds"],
            row["max_duration_seconds"],
            row["total_runs"],
        )
        for row in warehouse.query("select * from dagctl_answers.sla_breaches")
    }
    expected = guide.sla_breaches(api, seconds_of)
    assert breaches == expected
    assert {project for project, _ in expected} >= {"proj_awkward_02"}

    rows = warehouse.query("select * from dagctl_answers.model_regressions")
    regressions = {
        (row["project_id"], row["model_name"], row["start_date"]): (
            row["previous_p95_duration_seconds"],
            row["p95_duration_seconds"],
            row["change_percent"],
        )
        for row in rows
    }
    assert regressions == guide.model_regressions(api, first_day, api.world.now.date())
    assert len(rows) == len(regressions)
    worst_first = [row["change_percent"] for row in rows]
    assert worst_first == sorted(worst_first, reverse=True)
