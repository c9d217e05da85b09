"""Answers as large as one likes, without a warehouse."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

from report.answers import Answers, ProjectDays, months_of_quarter
from tests.support.pages import AS_OF, answers, called

TODAY = AS_OF.date()
COUNTS = """total_runs total_executions negative_rows broken_runs finished_runs failed_runs
    partial_runs skipped_executions blocked_executions executions held_back_in_a_row"""
DAYS = "week newest_date start_date end_date"
MOMENTS = "failing_since broken_since ended_at start_time"
SECONDS = """p50_duration_seconds previous_p95_duration_seconds max_duration_seconds
    usual_p95_duration_seconds running_seconds sla_seconds"""
FRESH = {"read_at": AS_OF, "newest_change_at": AS_OF - timedelta(hours=2), "is_failing": False}
MEASURED = {"measured_days": 28, "sla_seconds": 1_800.0}
LISTS = "unread breaches regressions jobs lost broken_jobs overdue_runs"
"""Those that have all of the rows."""


def account(projects: int, findings: int, *, name: str = "warehouse of team") -> Answers:
    """Return an account in which every list has `findings` rows, spread over all projects but one.

    All its names begin with `name`.
    """
    found = [_project(name, number) for number in range(projects)]
    ids = itertools.cycle(found[:-1] or found)
    rows = [_row(next(ids), name, number) for number in range(findings)]
    quiet = called(f"{name} of old", "proj_quiet")
    months = list(enumerate(months_of_quarter(TODAY)))
    return answers(
        projects=found,
        quiet_projects=[quiet],
        gone_projects=[
            {"project_id": "gone", "project_name": f"{name} gone", "last_synced_at": AS_OF}
        ],
        freshness=[_named(it) | FRESH for it in found],
        sla_months=[
            _named(it) | {"days_over": over, "month": month, **MEASURED}
            for it in found
            for over, month in months
        ],
        slowest=rows[:10],
        faults=rows[:3],
        **dict.fromkeys(LISTS.split(), rows),
        held_back_models=[*rows, _row(quiet, name, findings)] if rows else [],
    )


def _named(project: ProjectDays) -> dict[str, Any]:
    return {"project_id": project.project_id, "project_name": project.name}


def _project(name: str, number: int) -> ProjectDays:
    project = called(f"{name} {number}", f"proj_{number}")
    for day in range(len(project.runs)):
        failed, partial = int(number % 3 == day % 3), int(day % 7 == 0)
        counts = {"successful_runs": 10, "failed_runs": failed, "partial_runs": partial}
        project.runs[day] = {"total_runs": sum(counts.values()), **counts}
        project.p95[day] = [1_500.0 + 20 * day, None, -60.0][day % 11 if day % 11 in {1, 2} else 0]
    return project


def _row(project: ProjectDays, name: str, number: int) -> dict[str, Any]:
    return {
        **dict.fromkeys(DAYS.split(), TODAY),
        **dict.fromkeys(MOMENTS.split(), AS_OF),
        **dict.fromkeys(COUNTS.split(), 7),
        **dict.fromkeys(SECONDS.split(), 900.0),
        **dict.fromkeys(("last_read_at", "kept_again_on", "last_ran_at")),
        **_named(project),
        "model_name": f"{name}.mart_orders_{number}",
        "job_name": f"{name} job {number}",
        "held_by": "runs",
        "date": TODAY - timedelta(days=number % 7),
        "is_open": number % 2 == 0,
        "p95_duration_seconds": 4_000.0 - number,
        "lost_seconds": 4_000.0 - number if number % 5 else -30.0,
        "lowest_seconds": -60.0,
        "change_percent": 70.5,
        "success_rate": 0.5,
        "status": "failed",
        "run_id": f"run_{number}",
        "stream": "runs",
        "error": "the server answered 403",
        "error_message": f"\x1b[31m{name}\x1b[0m: division by zero " * 3,
    }
