"""What there is to tell: read from the answers, one query a kind."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from report.formatting import change, count, day, duration, moment
from report.notify import endings
from report.notify.news import Finding, Key, Remembered
from report.warehouse import Query, Row

FAILURE, WARNING = "failure", "warning"
"""How bad a finding is, as apprise calls it."""


@dataclass(frozen=True)
class Kind:
    """One kind of finding.

    Attributes:
        name: as the settings take it.
        title: what stands above those of a message.
        severity: how bad it is.
        table: the answer that holds them.
        query: its rows, with what else a message says.
        read: makes a finding of a row.
        ended: asks for those that are over, of some that `query` does not return.
        ending: why one of them is over.
    """

    name: str
    title: str
    severity: str
    table: str
    query: str
    read: Callable[[Row], Finding]
    ended: str
    ending: Callable[[Row], str] = endings.as_the_query_says

    def findings(self, ask: Query) -> list[Finding]:
        """Return what the answers hold."""
        return [self.read(row) for row in ask(self.query)]


def reasons(ask: Query, missing: Mapping[Key, Remembered]) -> dict[Key, str]:
    """Say why findings are over that the answers no longer have; one without a reason is not."""
    found = {}
    for kind in KINDS.values():
        told = [endings.told(key, it) for key, it in missing.items() if key[0] == kind.name]
        if told:
            columns = [list(column) for column in zip(*told, strict=True)]
            for row in ask(kind.ended, columns):
                if ending := kind.ending(row):
                    found[kind.name, row["finding"]] = ending
    return found


def _key(kind: str, *parts: object) -> Key:
    return kind, json.dumps([str(part) for part in parts], ensure_ascii=False)


def _labels(row: Row, subject: str = "") -> tuple[str, ...]:
    projects = row["project_id"], row["project_name"] or ""
    return (*(f"{project}/{subject}" for project in projects if subject), *projects)


def _in_utc(value: datetime | None) -> str:
    return f"{moment(value)} UTC"


def _broken(row: Row) -> Finding:
    runs = row["broken_runs"]
    in_a_row = "the newest run" if runs == 1 else f"{count(runs)} runs in a row"
    return Finding(
        _key("broken", row["project_id"], row["job_name"]),
        f"{row['job_name']} ({row['project_name']})",
        f"{in_a_row} did not succeed, since {_in_utc(row['broken_since'])} ({row['status']})",
        runs,
        evidence=row["run_id"],
        labels=_labels(row, row["job_name"]),
    )


def _overdue(row: Row) -> Finding:
    running, usual = row["running_seconds"], row["usual_p95_duration_seconds"]
    return Finding(
        _key("overdue", row["run_id"]),
        f"{row['job_name']} ({row['project_name']}), started {_in_utc(row['start_time'])}",
        f"running for {duration(running)}, the usual p95 is {duration(usual)}",
        running,
        labels=_labels(row, row["job_name"]),
    )


def _breach(row: Row) -> Finding:
    p95, sla = row["p95_duration_seconds"], row["sla_seconds"]
    return Finding(
        _key("breaches", row["project_id"], row["date"]),
        f"{row['project_name']}, {day(row['date'])}",
        f"p95 {duration(p95)}, over the SLA by {duration(p95 - sla)}",
        # Of one day, by how much; of two days, the newer.
        row["date"].toordinal() + 1 - 1 / (1 + p95 - sla),
        endings.KEPT_AGAIN if row["is_over"] else "",
        row["is_recent"],
        labels=_labels(row),
    )


# Days that the answer shows no more stay so until the project has kept its SLA again.
_BREACHES = f"""
    with kept as ({endings.KEPT}),
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


def _regression(row: Row) -> Finding:
    p95, before = row["p95_duration_seconds"], row["previous_p95_duration_seconds"]
    return Finding(
        _key(
            "regressions", row["project_id"], row["model_name"], row["start_date"], row["end_date"]
        ),
        f"{row['model_name']} ({row['project_name']}), from {day(row['start_date'])}",
        f"p95 {change(row['change_percent'])}: {duration(p95)}, before {duration(before)}",
        row["change_percent"],
        labels=_labels(row, row["model_name"]),
    )


def _held_back(row: Row) -> Finding:
    times, last = row["held_back_in_a_row"], row["last_ran_at"]
    in_a_row = "the last time" if times == 1 else f"{count(times)} times in a row"
    return Finding(
        _key("held_back", row["project_id"], row["model_name"]),
        f"{row['model_name']} ({row['project_name']})",
        f"skipped or blocked {in_a_row}" + (f", last ran {_in_utc(last)}" if last else ""),
        times,
        labels=_labels(row, row["model_name"]),
    )


def _unread(row: Row) -> Finding:
    last, project = row["last_read_at"], row["project_name"]
    return Finding(
        _key("unread", row["project_id"], row["stream"]),
        f"{row['stream']} ({project})" if row["project_id"] else row["stream"],
        f"cannot be read since {_in_utc(row['failing_since'])}, "
        + (f"last read {_in_utc(last)}" if last else "never read before"),
        -row["failing_since"].timestamp(),
        labels=_labels(row, row["stream"]),
    )


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "unread",
            "Streams that cannot be read",
            FAILURE,
            "unread_streams",
            "select unread.* from unread_streams as unread "
            "left join known_projects as projects on projects.project_id = unread.project_id "
            "where not coalesce(projects.is_gone, false)",
            _unread,
            endings.UNREAD,
        ),
        Kind(
            "broken",
            "Jobs broken",
            FAILURE,
            "broken_jobs",
            "select * from broken_jobs",
            _broken,
            endings.BROKEN,
        ),
        Kind(
            "overdue",
            "Runs that take too long",
            WARNING,
            "overdue_runs",
            "select * from overdue_runs",
            _overdue,
            endings.OVERDUE,
            endings.of_run,
        ),
        Kind(
            "breaches",
            "Days over the SLA",
            WARNING,
            "sla_breaches",
            _BREACHES,
            _breach,
            endings.BREACHES,
        ),
        Kind(
            "regressions",
            "Models that got slower",
            WARNING,
            "model_regressions",
            "select * from model_regressions where is_current",
            _regression,
            endings.REGRESSIONS,
            endings.of_regression,
        ),
        Kind(
            "held_back",
            "Models held back",
            WARNING,
            "held_back_models",
            "select * from held_back_models where held_back_in_a_row > 0",
            _held_back,
            endings.HELD_BACK,
        ),
    )
}
"""In the order in which a message tells them."""
