"""The tables of the page: what each is called, and what each of its cells says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from report.formatting import change, count, day, duration, moment, share, text, window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from report.answers import Answers, ProjectDays
    from report.warehouse import Row


@dataclass(frozen=True)
class Column:
    """One column: its title, what a row says in it, and how it is set.

    Attributes:
        kind: CSS classes: `n` for numbers, `whole` for what no line may break, `bad` for what is
            wrong.
    """

    title: str
    say: Callable[[Any], str]
    kind: str = ""


@dataclass(frozen=True)
class Table:
    """One table, or the sentence that stands in its place when it is empty."""

    anchor: str
    title: str
    rows: list[Row]
    columns: tuple[Column, ...]
    empty: str
    note: str = ""


def what_is_wrong(answers: Answers) -> Iterator[Table]:
    """Yield the tables that ask for something to be done; the tiles at the top count their rows."""
    used = answers.settings
    current_days = f"{used['current_days']} days"
    yield Table(
        "breaches",
        "Days that broke the SLA",
        answers.breaches,
        (
            Column("Day", lambda row: day(row["date"]), "whole"),
            Column("Project", _project),
            Column("p95", lambda row: duration(row["p95_duration_seconds"]), "n bad"),
            Column("SLA", lambda row: duration(row["sla_seconds"]), "n"),
            Column("Longest", lambda row: duration(row["max_duration_seconds"]), "n"),
            Column("Runs", lambda row: count(row["total_runs"]), "n"),
        ),
        empty=f"None in the last {used['sla_days']} days.",
        note=f"In the last {used['sla_days']} days.",
    )
    rise = f"{used['regression_percent']:g} %"
    yield Table(
        "regressions",
        "Models that got slower",
        answers.regressions,
        (
            Column("Model", lambda row: row["model_name"]),
            Column("Project", _project),
            Column("Change", lambda row: change(row["change_percent"]), "n bad"),
            Column("p95", lambda row: duration(row["p95_duration_seconds"]), "n"),
            Column("Before", lambda row: duration(row["previous_p95_duration_seconds"]), "n"),
            Column("Window", lambda row: window(row) + (", still open" if row["is_open"] else "")),
        ),
        empty=f"No p95 rose by more than {rise} in the last two windows.",
        note=f"p95 up by more than {rise} from the window before, in the last two windows.",
    )
    yield Table(
        "broken",
        "Jobs broken now",
        answers.broken_jobs,
        (
            Column("Job", lambda row: row["job_name"]),
            Column("Project", _project),
            Column("Newest run", lambda row: row["status"], "bad"),
            Column("In a row", lambda row: count(row["broken_runs"]), "n"),
            Column("Since", lambda row: moment(row["broken_since"])),
            Column("Error", lambda row: text(row["error_message"])),
        ),
        empty=f"The newest run of every job that ran in the last {current_days} succeeded.",
        note=f"Jobs that ran in the last {current_days}, and whose newest run did not succeed.",
    )
    yield Table(
        "overdue",
        "Runs that take too long",
        answers.overdue_runs,
        (
            Column("Job", lambda row: row["job_name"]),
            Column("Project", _project),
            Column("Running for", lambda row: duration(row["running_seconds"]), "n bad"),
            Column("Usual p95", lambda row: duration(row["usual_p95_duration_seconds"]), "n"),
            Column("Started", lambda row: moment(row["start_time"])),
        ),
        empty=f"No run has been going on for {used['overdue_factor']:g} times its usual time.",
        note=f"Going on for more than {used['overdue_factor']:g} times what is usual for the job.",
    )
    held_back = f"{used['held_back_times']} times or more in {used['held_back_days']} days"
    yield Table(
        "held-back",
        "Models held back",
        answers.held_back_models,
        (
            Column("Model", lambda row: row["model_name"]),
            Column("Project", _project),
            Column("Skipped", lambda row: count(row["skipped_executions"]), "n"),
            Column("Blocked", lambda row: count(row["blocked_executions"]), "n"),
            Column("Of", lambda row: count(row["executions"]), "n"),
            Column("In a row now", lambda row: count(row["held_back_in_a_row"]), "n"),
            Column("Ran last", lambda row: moment(row["last_ran_at"])),
        ),
        empty=f"No model was skipped or blocked {held_back}.",
        note=f"Skipped or blocked {held_back}.",
    )


def what_is_usual(answers: Answers) -> Iterator[Table]:
    """Yield the tables that are there to compare with."""
    current_days = f"{answers.settings['current_days']} days"
    yield Table(
        "slowest",
        "Slowest models",
        answers.slowest,
        (
            Column("Model", lambda row: row["model_name"]),
            Column("Project", _project),
            Column("p95", lambda row: duration(row["p95_duration_seconds"]), "n"),
            Column("Longest", lambda row: duration(row["max_duration_seconds"]), "n"),
            Column("Executions", lambda row: count(row["total_executions"]), "n"),
            Column("Window", window),
        ),
        empty=f"No model was measured in the last {current_days}.",
        note="By their p95 in the newest window.",
    )
    yield Table(
        "jobs",
        "Jobs",
        answers.jobs,
        (
            Column("Job", lambda row: row["job_name"]),
            Column("Project", _project),
            Column("Succeeded", lambda row: share(row["success_rate"]), "n"),
            Column("Runs", lambda row: count(row["finished_runs"]), "n"),
            Column("Median", lambda row: duration(row["p50_duration_seconds"]), "n"),
            Column("Change", lambda row: change(row["change_percent"]), "n"),
            Column("p95", lambda row: duration(row["p95_duration_seconds"]), "n"),
            Column("Week of", lambda row: day(row["week"])),
        ),
        empty=f"No run of the last {current_days} has ended.",
        note="Each in the newest week it ran in, and how its median moved against the week before.",
    )
    yield Table(
        "lost",
        "Time lost to failures",
        answers.lost,
        (
            Column("Job", lambda row: row["job_name"]),
            Column("Project", _project),
            Column("Time lost", lambda row: duration(row["lost_seconds"]), "n"),
            Column("Failed runs", lambda row: count(row["failed_runs"]), "n"),
            Column("Partial runs", lambda row: count(row["partial_runs"]), "n"),
        ),
        empty="None: every run succeeded.",
        note="In the days of the charts: all of a run that failed, the failed models of one that "
        "succeeded in part.",
    )
    yield Table(
        "gone",
        "Projects that are gone",
        answers.gone_projects,
        (
            Column("Project", _project),
            Column("Id", lambda row: row["project_id"]),
            Column("Last there", lambda row: moment(row["last_synced_at"])),
        ),
        empty="None that is known of.",
        note="Left out above, because newer syncs bring others and not these: deleted in dagctl, "
        "or read by no tap any more.",
    )


def day_by_day(project: ProjectDays) -> Table:
    """Return the numbers behind a project's charts."""
    rows = [
        {**runs, "date": date, "p95": p95, "late": (p95 or 0) > project.sla_seconds}
        for date, runs, p95 in zip(project.dates, project.runs, project.p95, strict=True)
    ]
    return Table(
        "",
        "Day by day",
        rows[::-1],
        (
            Column("Day", lambda row: day(row["date"]), "whole"),
            Column("Runs", lambda row: count(row["total_runs"]), "n"),
            Column("Succeeded", lambda row: count(row["successful_runs"]), "n"),
            Column("In part", lambda row: count(row["partial_runs"]), "n"),
            Column("Failed", lambda row: count(row["failed_runs"]), "n"),
            Column(
                "p95", lambda row: duration(row["p95"]) + (" (late)" if row["late"] else ""), "n"
            ),
        ),
        empty="",
    )


def _project(row: Row) -> str:
    return text(row["project_name"])
