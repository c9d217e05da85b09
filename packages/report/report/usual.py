"""The tables that are there to compare with."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import partial

from report.answers import Answers, months_of_quarter
from report.formatting import change, count, day, duration, is_fault, moment, month, share, window
from report.tables import P95, PROJECT, Column, Table, duration_column
from report.warehouse import Row


def what_is_usual(answers: Answers) -> Iterator[Table]:
    """Yield the tables, the most asked for first."""
    yield _sla_months(answers)
    yield _freshness(answers)
    current_days = f"{answers.settings['current_days']} days"
    yield Table(
        "slowest",
        "Slowest models",
        answers.slowest,
        (
            Column("Model", lambda row: row["model_name"]),
            PROJECT,
            duration_column("p95", "p95_duration_seconds"),
            duration_column("Longest", "max_duration_seconds"),
            Column("Executions", lambda row: count(row["total_executions"]), "n"),
            Column("Window", window),
        ),
        held_in="slowest_models",
        empty=f"No model was measured in the last {current_days}.",
        note=f"By the p95 of their executions in the newest window, the slowest ten. {P95}",
    )
    yield Table(
        "jobs",
        "Jobs",
        answers.jobs,
        (
            Column("Job", lambda row: row["job_name"]),
            PROJECT,
            Column("Succeeded", lambda row: share(row["success_rate"]), "n"),
            Column("Runs", lambda row: count(row["finished_runs"]), "n"),
            duration_column("Median", "p50_duration_seconds", nothing="none succeeded"),
            Column("Change", lambda row: change(row["change_percent"]), "n", "no week to compare"),
            Column(
                "p95",
                lambda row: (
                    duration(row["p95_duration_seconds"])
                    + (" (over the SLA)" if _is_late(row) else "")
                ),
                "n short",
                "none succeeded",
                is_fault=lambda row: is_fault(row["p95_duration_seconds"]),
                is_late=_is_late,
            ),
            Column("Week of", lambda row: day(row["week"]), "whole"),
        ),
        held_in="job_weeks",
        empty=f"No run of the last {current_days} has ended.",
        note="Each in the newest week it ran in, and how the median of its successful runs moved "
        f"against the week before. {P95}",
    )
    yield Table(
        "lost",
        "Time lost to failures",
        answers.lost,
        (
            Column("Job", lambda row: row["job_name"]),
            PROJECT,
            duration_column("Time lost", "lost_seconds"),
            Column("Failed runs", lambda row: count(row["failed_runs"]), "n"),
            Column("Partial runs", lambda row: count(row["partial_runs"]), "n"),
        ),
        held_in="time_lost",
        empty="None: no run has failed.",
        note="In the days of the charts: all of a run that failed, the failed models of one that "
        "succeeded in part.",
    )
    yield Table(
        "faults",
        "Faults in the data",
        answers.faults,
        (
            Column("In", lambda row: row["held_by"]),
            PROJECT,
            Column("Rows", lambda row: count(row["negative_rows"]), "n"),
            duration_column("Lowest", "lowest_seconds"),
            Column("Newest", lambda row: day(row["newest_date"]), "whole"),
        ),
        held_in="stg_dagctl__runs",
        empty="None: no duration is negative.",
        note="Negative durations, in the days of the charts and the newest window. They came like "
        "this from dagctl, and are in the percentiles and sums above.",
    )
    yield Table(
        "gone",
        "Projects that are gone",
        answers.gone_projects,
        (
            PROJECT,
            Column("Id", lambda row: row["project_id"]),
            Column("Last there", lambda row: moment(row["last_synced_at"]), "whole"),
        ),
        held_in="known_projects",
        empty="None that is known of.",
        note="Left out above, because newer syncs bring others and not these: deleted in dagctl, "
        "or read by no tap any more.",
    )


def _sla_months(answers: Answers) -> Table:
    months = months_of_quarter(answers.as_of.date())
    rows: dict[str, Row] = {}
    for found in answers.sla_months:
        row = rows.setdefault(found["project_id"], {**found, "months": {}})
        row["months"][found["month"]] = found
    worst_first = sorted(rows.values(), key=partial(_worst_months, months))
    return Table(
        "months",
        "The SLA by month",
        worst_first,
        (
            PROJECT,
            *(
                Column(
                    month(it),
                    partial(_days_over, it),
                    "n",
                    "not measured",
                    is_late=partial(_has_days_over, it),
                )
                for it in months
            ),
            duration_column("SLA", "sla_seconds"),
        ),
        held_in="sla_months",
        empty="No day of the last three months has a p95.",
        note="Days over the SLA, of those with a p95, against the SLA that is set now. Months "
        "before are kept in the warehouse, in sla_months.",
    )


def _worst_months(months: list[date], row: Row) -> tuple[list[int], str]:
    over = [row["months"][it]["days_over"] if it in row["months"] else 0 for it in months]
    return [-days for days in over], row["project_name"]


def _days_over(it: date, row: Row) -> str | None:
    found = row["months"].get(it)
    return found and f"{count(found['days_over'])} of {count(found['measured_days'])} days"


def _has_days_over(it: date, row: Row) -> bool:
    return it in row["months"] and row["months"][it]["days_over"] > 0


def _freshness(answers: Answers) -> Table:
    def ago(row: Row) -> str | None:
        then = row["read_at"] if answers.has_syncs else row["newest_change_at"]
        return duration(max((answers.as_of - then).total_seconds(), 0)) if then else None

    read = Column("Last read", lambda row: moment(row["read_at"]), "whole", "not recorded")
    changed = Column(
        "Newest change", lambda row: moment(row["newest_change_at"]), "whole", "no run was loaded"
    )
    before = Column("Before this page", ago, "n")
    unread = Column(
        "Newest sync", lambda row: "did not read all of it" if row["is_failing"] else "read it"
    )
    if not answers.has_syncs:
        return Table(
            "fresh",
            _FRESH,
            answers.freshness,
            (PROJECT, changed, before),
            held_in="stg_dagctl__runs",
            empty=_NO_PROJECT,
            note="When a run of it last changed. When a project was last read is not recorded.",
        )
    return Table(
        "fresh",
        _FRESH,
        answers.freshness,
        (PROJECT, read, before, changed, unread),
        held_in="project_freshness",
        empty=_NO_PROJECT,
        note="When all that is read of it was last read, and when a run of it last changed.",
    )


_FRESH = "How fresh each project is"
_NO_PROJECT = "No project was loaded."


def _is_late(row: Row) -> bool:
    p95, sla = row["p95_duration_seconds"], row["sla_seconds"]
    return p95 is not None and sla is not None and p95 > sla
