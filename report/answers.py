"""Everything the report shows, as the warehouse holds it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date

    from report.warehouse import Row

DAYS = 30


@dataclass(frozen=True)
class ProjectDays:
    """A project's last days, one by one, those without a run included."""

    name: str
    sla_seconds: float
    dates: list[date]
    runs: list[Row]
    p95: list[float | None]


@dataclass(frozen=True)
class Answers:
    """What the page tells; each list in the order in which it is shown."""

    settings: Row
    runs: int
    projects: list[ProjectDays]
    breaches: list[Row]
    regressions: list[Row]
    slowest: list[Row]
    jobs: list[Row]
    lost: list[Row]
    broken_jobs: list[Row]
    overdue_runs: list[Row]
    held_back_models: list[Row]


def ask(rows: Callable[[str], list[Row]]) -> Answers:
    """Ask the warehouse everything."""
    (settings,) = rows("select * from settings_used")
    (runs,) = rows("select count(*) as loaded from stg_dagctl__runs")
    today = settings["as_of"].date()
    dates = [today - timedelta(days=ago) for ago in range(DAYS - 1, -1, -1)]
    return Answers(
        settings=settings,
        runs=runs["loaded"],
        projects=list(_projects(rows, dates)),
        breaches=rows("select * from sla_breaches order by date desc, project_name"),
        regressions=rows(
            # Today's window is open, so the one before it is new, too.
            "select * from model_regressions where windows_ago <= 1 "
            "order by windows_ago, change_percent desc, model_name"
        ),
        slowest=rows(_SLOWEST),
        jobs=rows(_JOBS.format(today=today.isoformat())),
        lost=rows(_LOST.format(first=dates[0].isoformat(), last=today.isoformat())),
        # A job that has not run for so long is not there any more.
        broken_jobs=rows(
            f"select * from broken_jobs where ended_at >= date '{dates[0]}' "  # noqa: S608 - a date
            "order by broken_since, project_name, job_name"
        ),
        overdue_runs=rows("select * from overdue_runs order by running_seconds desc"),
        held_back_models=rows(
            "select * from held_back_models "
            "order by skipped_executions + blocked_executions desc, project_name, model_name"
        ),
    )


_SLOWEST = """
    select projects.name as project_name, stats.model_name, stats.start_date, stats.end_date,
           stats.total_executions, stats.p95_duration_seconds, stats.max_duration_seconds
    from stg_dagctl__model_stats as stats
    join (
        select project_id, max(end_date) as end_date
        from stg_dagctl__model_stats
        group by project_id
    ) as newest on newest.project_id = stats.project_id and newest.end_date = stats.end_date
    left join stg_dagctl__projects as projects on projects.id = stats.project_id
    where stats.p95_duration_seconds is not null
    order by stats.p95_duration_seconds desc, stats.model_name
    limit 10
"""
_JOBS = """
    select weeks.*
    from job_weeks as weeks
    join (
        select project_id, job_name, max(week) as week
        from job_weeks
        where week <= date '{today}'
        group by project_id, job_name
    ) as newest
      on (newest.project_id, newest.job_name, newest.week)
       = (weeks.project_id, weeks.job_name, weeks.week)
    order by weeks.success_rate, weeks.project_name, weeks.job_name
"""
_LOST = """
    select project_id, project_name, job_name, sum(failed_runs + error_runs) as failed_runs,
           sum(partial_runs) as partial_runs, sum(lost_seconds) as lost_seconds
    from time_lost
    where date between date '{first}' and date '{last}'
    group by project_id, project_name, job_name
    order by lost_seconds desc, project_name, job_name
"""


def _projects(rows: Callable[[str], list[Row]], dates: list[date]) -> Iterator[ProjectDays]:
    first = f"date '{dates[0].isoformat()}'"
    runs = {
        (row["project_id"], row["date"]): row
        for row in rows(f"select * from run_days where date >= {first}")  # noqa: S608 - a date
    }
    p95 = {
        (row["project_id"], row["date"]): row["p95_duration_seconds"]
        for row in rows(
            f"select * from stg_dagctl__daily_stats where date >= {first}"  # noqa: S608 - a date
        )
    }
    nothing = {"total_runs": 0, "successful_runs": 0, "partial_runs": 0, "failed_runs": 0}
    for project in rows("select * from project_slas order by project_name, project_id"):
        key = project["project_id"]
        yield ProjectDays(
            name=project["project_name"] or key,
            sla_seconds=project["sla_seconds"],
            dates=dates,
            runs=[runs.get((key, day), nothing) for day in dates],
            p95=[p95.get((key, day)) for day in dates],
        )
