"""Everything the report shows, as the warehouse holds it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone

from report import queries
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

    def is_late(self, seconds: float | None) -> bool:
        """Say whether a p95 is over the SLA."""
        return seconds is not None and seconds > self.sla_seconds

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
        asked_at: when the warehouse was asked, which may be long after it was built.
        organizations: the ids of those that the projects belong to.
        projects: those with anything to draw in these days.
        quiet_projects: the others.
        gone_projects: those that are in none of the rest.
        freshness: when each project was last read and last changed, those that fail first.
        unread: the lists that the newest sync could not read.
        sla_months: the days over the SLA of each project in the months of the quarter.
        faults: negative durations, counted by project and table.
    """

    settings: Row
    asked_at: datetime
    runs: int
    organizations: list[str]
    projects: list[ProjectDays]
    quiet_projects: list[ProjectDays]
    gone_projects: list[Row]
    freshness: list[Row]
    unread: list[Row]
    breaches: list[Row]
    regressions: list[Row]
    sla_months: list[Row]
    slowest: list[Row]
    jobs: list[Row]
    lost: list[Row]
    broken_jobs: list[Row]
    overdue_runs: list[Row]
    held_back_models: list[Row]
    faults: list[Row]

    @property
    def has_syncs(self) -> bool:
        """Whether it is known what syncs read, as where the stream `syncs` was loaded."""
        return bool(self.unread) or any(row["read_at"] for row in self.freshness)

    @property
    def as_of(self) -> datetime:
        """The moment that "now" is."""
        moment: datetime = self.settings["as_of"]
        return moment


def ask(rows: Callable[[str], list[Row]]) -> Answers:
    """Ask the warehouse everything."""
    (settings,) = rows("select * from settings_used")
    (runs,) = rows("select count(*) as loaded from stg_dagctl__runs")
    today = settings["as_of"].date()
    dates = [today - timedelta(days=ago) for ago in range(DAYS - 1, -1, -1)]
    projects = list(_projects(rows, dates))
    built = {
        row["table_name"]
        for row in rows(
            "select table_name from information_schema.tables where table_schema = current_schema()"
        )
    }
    return Answers(
        settings=settings,
        asked_at=datetime.now(tz=timezone.utc).replace(tzinfo=None),
        runs=runs["loaded"],
        organizations=[
            row["organization_id"]
            for row in rows(
                "select distinct organization_id from stg_dagctl__projects as loaded "
                "join known_projects as projects on projects.project_id = loaded.id "
                "where organization_id is not null and not is_gone order by organization_id"
            )
        ],
        projects=[project for project in projects if project.has_days],
        quiet_projects=[project for project in projects if not project.has_days],
        gone_projects=rows(
            "select * from known_projects where is_gone order by last_synced_at desc, project_name"
        ),
        freshness=rows(
            f"select * from ({_freshness(built)}) as freshness "  # noqa: S608 - from here
            "order by case when is_failing then 0 else 1 end, read_at nulls first, "
            "newest_change_at nulls first, project_name"
        ),
        unread=rows("select * from unread_streams order by failing_since, project_name, stream")
        if "unread_streams" in built
        else [],
        breaches=rows(queries.BREACHES),
        regressions=rows(queries.REGRESSIONS),
        sla_months=rows(queries.SLA_MONTHS.format(first=months_of_quarter(today)[-1].isoformat())),
        slowest=rows(
            "select * from slowest_models "
            "order by p95_duration_seconds desc, model_name, project_name limit 10"
        ),
        jobs=rows(queries.JOBS),
        lost=rows(queries.LOST.format(first=dates[0].isoformat(), last=today.isoformat())),
        broken_jobs=rows("select * from broken_jobs order by broken_since, project_name, job_name"),
        overdue_runs=rows("select * from overdue_runs order by running_seconds desc"),
        held_back_models=rows(queries.HELD_BACK),
        faults=rows(queries.FAULTS.format(first=dates[0].isoformat())),
    )


def months_of_quarter(today: date) -> list[date]:
    """Return the first day of this month and of the two before, the newest first."""
    first = today.replace(day=1)
    before = (first - timedelta(days=1)).replace(day=1)
    return [first, before, (before - timedelta(days=1)).replace(day=1)]


def _freshness(built: set[str]) -> str:
    if "project_freshness" in built:
        return "select * from project_freshness"
    return queries.FRESHNESS


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
