"""What there is to tell: read from the answers, one query a kind."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from report.formatting import change, count, day, duration, moment
from report.notify.news import Finding

if TYPE_CHECKING:
    from collections.abc import Callable

    from report.notify.news import Key
    from report.warehouse import Query, Row


@dataclass(frozen=True)
class Kind:
    """One kind of finding.

    Attributes:
        name: as `--fail-on` takes it.
        title: what stands above those of a message.
        table: the answer that holds them.
        query: its rows, with what else a message says.
        read: makes a finding of a row.
        ending: why one is over that the query no longer returns, from its key.
    """

    name: str
    title: str
    table: str
    query: str
    read: Callable[[Row], Finding]
    ending: Callable[[Query, list[str]], str]

    def findings(self, ask: Query) -> list[Finding]:
        """Return what the answers hold."""
        return [self.read(row) for row in ask(self.query)]


def ending(ask: Query, key: Key) -> str:
    """Say why a finding is over."""
    kind, parts = key
    return KINDS[kind].ending(ask, json.loads(parts))


def _key(kind: str, *parts: object) -> Key:
    return kind, json.dumps([str(part) for part in parts], ensure_ascii=False)


def _broken(row: Row) -> Finding:
    runs = row["broken_runs"]
    in_a_row = "the newest run" if runs == 1 else f"{count(runs)} runs in a row"
    return Finding(
        _key("broken", row["project_id"], row["job_name"], row["broken_since"]),
        f"{row['job_name']} ({row['project_name']})",
        f"{in_a_row} did not succeed, since {moment(row['broken_since'])} ({row['status']})",
        runs,
    )


def _broken_ending(ask: Query, parts: list[str]) -> str:
    for row in ask(
        "select jobs.is_gone, jobs.last_run_at, "
        "exists (select 1 from stg_dagctl__runs as runs where runs.status = 'success' "
        "and runs.project_id = jobs.project_id "
        "and coalesce(nullif(runs.job_name, ''), 'unknown') = jobs.job_name "
        "and coalesce(runs.end_time, runs.updated_at, runs.start_time, runs.created_at) "
        ">= cast($3 as timestamp)) as is_mended "
        "from known_jobs as jobs where jobs.project_id = $1 and jobs.job_name = $2",
        parts,
    ):
        if row["is_mended"]:
            return "mended"
        if row["is_gone"]:
            return "the job is gone"
        return f"it has not run since {moment(row['last_run_at'])}"
    return "the job is not known any more"


def _overdue(row: Row) -> Finding:
    running, usual = row["running_seconds"], row["usual_p95_duration_seconds"]
    return Finding(
        _key("overdue", row["run_id"]),
        f"{row['job_name']} ({row['project_name']}), started {moment(row['start_time'])}",
        f"running for {duration(running)}, the usual p95 is {duration(usual)}",
        running,
    )


def _overdue_ending(ask: Query, parts: list[str]) -> str:
    for row in ask("select status, duration_seconds from stg_dagctl__runs where id = $1", parts):
        if row["status"] not in {"pending", "running"}:
            took = row["duration_seconds"]
            after = "" if took is None else f" after {duration(took)}"
            return f"ended{after} ({row['status']})"
    return "it does not count as too long any more"


def _breach(row: Row) -> Finding:
    p95, sla = row["p95_duration_seconds"], row["sla_seconds"]
    return Finding(
        _key("breaches", row["project_id"], row["date"]),
        f"{row['project_name']}, {day(row['date'])}",
        f"p95 {duration(p95)}, over the SLA by {duration(p95 - sla)}",
        # Of one day, by how much; of two days, the newer.
        row["date"].toordinal() + 1 - 1 / (1 + p95 - sla),
        row["is_over"],
        row["is_recent"],
    )


# When each project last kept its SLA for a whole day: today's p95 can still rise.
_KEPT = """
    select days.project_id, max(days.date) as date
    from stg_dagctl__daily_stats as days
    join project_slas as slas on slas.project_id = days.project_id
    cross join settings_used
    where days.p95_duration_seconds <= slas.sla_seconds
        and days.date < cast(settings_used.as_of as date)
    group by days.project_id
"""
# Days that the answer shows no more stay so until the project has kept its SLA again.
_BREACHES = f"""
    with kept as ({_KEPT}),
    earlier as (
        select days.project_id, slas.project_name, days.date, days.p95_duration_seconds,
               slas.sla_seconds
        from stg_dagctl__daily_stats as days
        join project_slas as slas on slas.project_id = days.project_id
        join known_projects as projects on projects.project_id = days.project_id
        cross join settings_used
        where days.p95_duration_seconds > slas.sla_seconds
            and not projects.is_gone
            and days.date < cast(settings_used.as_of as date) - (settings_used.sla_days - 1)
    ),
    days as (
        select project_id, project_name, date, p95_duration_seconds, sla_seconds,
               true as is_recent
        from sla_breaches
        union all
        select project_id, project_name, date, p95_duration_seconds, sla_seconds, false
        from earlier
    )
    select days.*, coalesce(kept.date > days.date, false) as is_over
    from days
    left join kept on kept.project_id = days.project_id
    where days.is_recent or kept.date is null or kept.date < days.date
"""  # noqa: S608 - from above


def _breach_ending(ask: Query, parts: list[str]) -> str:
    project, date = parts
    for row in ask("select is_gone from known_projects where project_id = $1", [project]):
        if row["is_gone"]:
            return "the project is gone"
    kept = f"select 1 from ({_KEPT}) as kept where project_id = $1 and date > cast($2 as date)"  # noqa: S608 - from above
    if ask(kept, [project, date]):
        return "the SLA is kept again"
    return "its p95 is not over the SLA any more"


def _regression(row: Row) -> Finding:
    p95, before = row["p95_duration_seconds"], row["previous_p95_duration_seconds"]
    return Finding(
        _key(
            "regressions", row["project_id"], row["model_name"], row["start_date"], row["end_date"]
        ),
        f"{row['model_name']} ({row['project_name']}), from {day(row['start_date'])}",
        f"p95 {change(row['change_percent'])}: {duration(p95)}, before {duration(before)}",
        row["change_percent"],
    )


def _regression_ending(ask: Query, parts: list[str]) -> str:
    project, model, start, end = parts
    for row in ask(
        "select slowest.p95_duration_seconds from model_regressions as slower "
        "left join slowest_models as slowest on slowest.project_id = slower.project_id "
        "and slowest.model_name = slower.model_name "
        "where slower.project_id = $1 and slower.model_name = $2 "
        "and slower.start_date = cast($3 as date) and slower.end_date = cast($4 as date)",
        [project, model, start, end],
    ):
        now = row["p95_duration_seconds"]
        so_far = "" if now is None else f", and its p95 is {duration(now)} now"
        return f"that is two windows ago{so_far}"
    return "its p95 turned out lower"


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "broken",
            "Jobs broken",
            "broken_jobs",
            "select * from broken_jobs",
            _broken,
            _broken_ending,
        ),
        Kind(
            "overdue",
            "Runs that take too long",
            "overdue_runs",
            "select * from overdue_runs",
            _overdue,
            _overdue_ending,
        ),
        Kind(
            "breaches",
            "Days over the SLA",
            "sla_breaches",
            _BREACHES,
            _breach,
            _breach_ending,
        ),
        Kind(
            "regressions",
            "Models that got slower",
            "model_regressions",
            "select * from model_regressions where is_current",
            _regression,
            _regression_ending,
        ),
    )
}
"""In the order in which a message tells them."""
