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

    project_id: str
    name: str
    sla_seconds: float
    dates: list[date]
    runs: list[Row]
    p95: list[float | None]

    @property
    def has_days(self) -> bool:
        """Whether there is anything to draw."""
        return any(row["total_runs"] for row in self.runs) or any(
            seconds is not None for seconds in self.p95
        )


@dataclass(frozen=True)
class Answers:
    """What the page tells; each list in the order in which it is shown.

    Attributes:
        projects: those with anything to draw in these days.
        quiet_projects: the others.
        gone_projects: those that are in none of the rest.
        faults: negative durations, counted by project and table.
    """

    settings: Row
    runs: int
    projects: list[ProjectDays]
    quiet_projects: list[ProjectDays]
    gone_projects: list[Row]
    breaches: list[Row]
    regressions: list[Row]
    slowest: list[Row]
    jobs: list[Row]
    lost: list[Row]
    broken_jobs: list[Row]
    overdue_runs: list[Row]
    held_back_models: list[Row]
    faults: list[Row]


def ask(rows: Callable[[str], list[Row]]) -> Answers:
    """Ask the warehouse everything."""
    (settings,) = rows("select * from settings_used")
    (runs,) = rows("select count(*) as loaded from stg_dagctl__runs")
    today = settings["as_of"].date()
    dates = [today - timedelta(days=ago) for ago in range(DAYS - 1, -1, -1)]
    projects = list(_projects(rows, dates))
    return Answers(
        settings=settings,
        runs=runs["loaded"],
        projects=[project for project in projects if project.has_days],
        quiet_projects=[project for project in projects if not project.has_days],
        gone_projects=rows(
            "select * from known_projects where is_gone order by last_synced_at desc, project_name"
        ),
        breaches=rows(
            "select * from sla_breaches "
            "order by p95_duration_seconds / nullif(sla_seconds, 0) desc nulls first, "
            "date desc, project_name"
        ),
        regressions=rows(
            "select * from model_regressions where is_current "
            "order by change_percent desc, windows_ago, model_name, project_name"
        ),
        slowest=rows(
            "select * from slowest_models "
            "order by p95_duration_seconds desc, model_name, project_name limit 10"
        ),
        jobs=rows(
            "select * from job_weeks where is_current order by success_rate, project_name, job_name"
        ),
        lost=rows(_LOST.format(first=dates[0].isoformat(), last=today.isoformat())),
        broken_jobs=rows("select * from broken_jobs order by broken_since, project_name, job_name"),
        overdue_runs=rows("select * from overdue_runs order by running_seconds desc"),
        held_back_models=rows(
            "select * from held_back_models "
            "order by skipped_executions + blocked_executions desc, project_name, model_name"
        ),
        faults=rows(_FAULTS.format(first=dates[0].isoformat())),
    )


_LOST = """
    select project_id, project_name, job_name, sum(failed_runs + error_runs) as failed_runs,
           sum(partial_runs) as partial_runs, sum(lost_seconds) as lost_seconds
    from time_lost
    where date between date '{first}' and date '{last}'
        and project_id not in (select project_id from known_projects where is_gone)
    group by project_id, project_name, job_name
    order by lost_seconds desc, project_name, job_name
"""


_FAULTS = """
    select faults.*, projects.project_name
    from (
        select project_id, 'runs' as held_by, count(*) as negative_rows,
               min(duration_seconds) as lowest_seconds,
               max(cast(coalesce(start_time, created_at) as date)) as newest_date
        from stg_dagctl__runs
        where duration_seconds < 0 and coalesce(start_time, created_at) >= date '{first}'
        group by project_id
        union all
        select project_id, 'daily statistics', count(*), min(p95_duration_seconds), max(date)
        from stg_dagctl__daily_stats
        where p95_duration_seconds < 0 and date >= date '{first}'
        group by project_id
        union all
        select project_id, 'model statistics', count(*), min(p95_duration_seconds), max(end_date)
        from slowest_models
        where p95_duration_seconds < 0
        group by project_id
    ) as faults
    join known_projects as projects on projects.project_id = faults.project_id
    where not projects.is_gone
    order by lowest_seconds, project_name, held_by
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
    for project in rows(
        "select slas.* from project_slas as slas "
        "join known_projects as projects on projects.project_id = slas.project_id "
        "where not projects.is_gone order by slas.project_name, slas.project_id"
    ):
        key = project["project_id"]
        yield ProjectDays(
            project_id=key,
            name=project["project_name"],
            sla_seconds=project["sla_seconds"],
            dates=dates,
            runs=[runs.get((key, day), nothing) for day in dates],
            p95=[p95.get((key, day)) for day in dates],
        )
