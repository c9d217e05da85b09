"""The tables of the page: what each is called, and what each of its cells says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from report.formatting import change, count, day, duration, is_fault, moment, share, window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from report.answers import Answers, ProjectDays
    from report.projects import Section
    from report.warehouse import Row


@dataclass(frozen=True)
class Column:
    """One column: its title, what a row says in it, and how it is set.

    Attributes:
        kind: `n` for numbers, `whole` for what no line may break, `long` for what is read as
            lines, `bad` for what is wrong; none for names.
        is_project: whether a row's cell leads to its project.
        is_fault: whether what a row says cannot be.
    """

    title: str
    say: Callable[[Any], str | None]
    kind: str = ""
    is_project: bool = False
    is_fault: Callable[[Any], bool] = lambda _: False


@dataclass(frozen=True)
class Table:
    """One table, or the sentence that stands in its place when it is empty.

    Attributes:
        rows: the worst first.
        held_in: the table of the warehouse.
        short: what a project's line calls its rows.
    """

    anchor: str
    title: str
    rows: list[Row]
    columns: tuple[Column, ...]
    empty: str
    held_in: str = ""
    note: str = ""
    short: str = ""


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
            _PROJECT,
            _duration("p95", "p95_duration_seconds", "n bad"),
            _duration("SLA", "sla_seconds"),
            _duration("Longest", "max_duration_seconds"),
            Column("Runs", lambda row: count(row["total_runs"]), "n"),
        ),
        held_in="sla_breaches",
        empty=f"None in the last {used['sla_days']} days.",
        note=f"In the last {used['sla_days']} days.",
        short="late days",
    )
    rise = f"{used['regression_percent']:g} %"
    yield Table(
        "regressions",
        "Models that got slower",
        answers.regressions,
        (
            Column("Model", lambda row: row["model_name"]),
            _PROJECT,
            Column("Change", lambda row: change(row["change_percent"]), "n bad"),
            _duration("p95", "p95_duration_seconds"),
            _duration("Before", "previous_p95_duration_seconds"),
            Column("Window", lambda row: window(row) + (", still open" if row["is_open"] else "")),
        ),
        held_in="model_regressions",
        empty=f"No p95 rose by more than {rise} in the last two windows.",
        note=f"p95 up by more than {rise} from the window before, in the last two windows.",
        short="slower models",
    )
    yield Table(
        "broken",
        "Jobs broken now",
        answers.broken_jobs,
        (
            Column("Job", lambda row: row["job_name"]),
            _PROJECT,
            Column("Newest run", lambda row: row["status"], "bad"),
            Column("In a row", lambda row: count(row["broken_runs"]), "n"),
            Column("Since", lambda row: moment(row["broken_since"]), "whole"),
            Column("Error", lambda row: row["error_message"], "long"),
        ),
        held_in="broken_jobs",
        empty=f"The newest run of every job that ran in the last {current_days} succeeded.",
        note=f"Jobs that ran in the last {current_days}, and whose newest run did not succeed.",
        short="broken jobs",
    )
    yield Table(
        "overdue",
        "Runs that take too long",
        answers.overdue_runs,
        (
            Column("Job", lambda row: row["job_name"]),
            _PROJECT,
            _duration("Running for", "running_seconds", "n bad"),
            _duration("Usual p95", "usual_p95_duration_seconds"),
            Column("Started", lambda row: moment(row["start_time"]), "whole"),
        ),
        held_in="overdue_runs",
        empty=f"No run has been going on for {used['overdue_factor']:g} times its usual time.",
        note=f"Going on for more than {used['overdue_factor']:g} times what is usual for the job.",
        short="overdue runs",
    )
    held_back = f"{used['held_back_times']} times or more in {used['held_back_days']} days"
    yield Table(
        "held-back",
        "Models held back",
        answers.held_back_models,
        (
            Column("Model", lambda row: row["model_name"]),
            _PROJECT,
            Column("Skipped", lambda row: count(row["skipped_executions"]), "n"),
            Column("Blocked", lambda row: count(row["blocked_executions"]), "n"),
            Column("Of", lambda row: count(row["executions"]), "n"),
            Column("In a row now", lambda row: count(row["held_back_in_a_row"]), "n"),
            Column("Ran last", lambda row: moment(row["last_ran_at"]), "whole"),
        ),
        held_in="held_back_models",
        empty=f"No model was skipped or blocked {held_back}.",
        note=f"Skipped or blocked {held_back}.",
        short="models held back",
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
            _PROJECT,
            _duration("p95", "p95_duration_seconds"),
            _duration("Longest", "max_duration_seconds"),
            Column("Executions", lambda row: count(row["total_executions"]), "n"),
            Column("Window", window),
        ),
        held_in="slowest_models",
        empty=f"No model was measured in the last {current_days}.",
        note="By their p95 in the newest window, the slowest ten.",
    )
    yield Table(
        "jobs",
        "Jobs",
        answers.jobs,
        (
            Column("Job", lambda row: row["job_name"]),
            _PROJECT,
            Column("Succeeded", lambda row: share(row["success_rate"]), "n"),
            Column("Runs", lambda row: count(row["finished_runs"]), "n"),
            _duration("Median", "p50_duration_seconds"),
            Column("Change", lambda row: change(row["change_percent"]), "n"),
            _duration("p95", "p95_duration_seconds"),
            Column("Week of", lambda row: day(row["week"]), "whole"),
        ),
        held_in="job_weeks",
        empty=f"No run of the last {current_days} has ended.",
        note="Each in the newest week it ran in, and how its median moved against the week before.",
    )
    yield Table(
        "lost",
        "Time lost to failures",
        answers.lost,
        (
            Column("Job", lambda row: row["job_name"]),
            _PROJECT,
            _duration("Time lost", "lost_seconds"),
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
            _PROJECT,
            Column("Rows", lambda row: count(row["negative_rows"]), "n"),
            _duration("Lowest", "lowest_seconds"),
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
            _PROJECT,
            Column("Id", lambda row: row["project_id"]),
            Column("Last there", lambda row: moment(row["last_synced_at"]), "whole"),
        ),
        held_in="known_projects",
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
    return numbers(rows[::-1])


def numbers(days: Sequence[Row] = ()) -> Table:
    """Return a table of days; without any it says how its columns are set."""
    columns = (
        Column("Day", lambda row: day(row["date"]), "whole"),
        Column("Runs", lambda row: count(row["total_runs"]), "n"),
        Column("Succeeded", lambda row: count(row["successful_runs"]), "n"),
        Column("In part", lambda row: count(row["partial_runs"]), "n"),
        Column("Failed", lambda row: count(row["failed_runs"]), "n"),
        Column(
            "p95",
            lambda row: duration(row["p95"]) + (" (late)" if row["late"] else ""),
            "n",
            is_fault=lambda row: is_fault(row["p95"]),
        ),
    )
    return Table("numbers", "Day by day", list(days), columns, empty="")


def without_charts(sections: list[Section]) -> Table:
    """Return a line for each project for whose charts there is no room."""
    rows = [
        {
            "project_id": section.project.project_id,
            "project_name": section.project.name,
            "findings": ", ".join(f"{name}: {number}" for name, number in section.findings.items()),
            "total_runs": sum(row["total_runs"] for row in section.project.runs),
            "failed_runs": sum(row["failed_runs"] for row in section.project.runs),
            "p95": next((p95 for p95 in section.project.p95[::-1] if p95 is not None), None),
            "sla_seconds": section.project.sla_seconds,
        }
        for section in sections
    ]
    columns = (
        _PROJECT,
        Column("Needs attention", lambda row: row["findings"], "bad"),
        Column("Runs", lambda row: count(row["total_runs"]), "n"),
        Column("Failed", lambda row: count(row["failed_runs"]), "n"),
        _duration("Newest p95", "p95"),
        _duration("SLA", "sla_seconds"),
    )
    return Table("others", "Other projects", rows, columns, empty="")


def _duration(title: str, name: str, kind: str = "n") -> Column:
    return Column(
        title, lambda row: duration(row[name]), kind, is_fault=lambda row: is_fault(row[name])
    )


_PROJECT = Column("Project", lambda row: row["project_name"], is_project=True)
