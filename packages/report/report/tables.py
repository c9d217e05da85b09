"""The tables of the page: what one is made of, and those that more than one part of it needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from report.answers import ProjectDays
from report.formatting import NOTHING, count, day, duration, is_fault, moment, text
from report.warehouse import Row

P95 = "p95 is what 95 % of them took at most."


@dataclass(frozen=True)
class Column:
    """One column: its title, what a row says in it, and how it is set.

    Attributes:
        kind: `n` for numbers, `whole` for what no line may break, `long` for what is read as
            lines, `short` for a few words, `bad` for what does not work, `late` for what is over
            the SLA; none for names.
        nothing: why a row says nothing in it.
        leads_to: where a row's cell leads, if there is such a place.
        is_fault: whether what a row says cannot be.
        is_late: whether what a row says is over the SLA.
    """

    title: str
    say: Callable[[Any], str | None]
    kind: str = ""
    nothing: str = "not known"
    leads_to: Literal["", "project", "run"] = ""
    is_fault: Callable[[Any], bool] = lambda _: False
    is_late: Callable[[Any], bool] = lambda _: False

    def cell(self, row: Row) -> str:
        """Return the text of a row's cell."""
        said = text(self.say(row))
        return self.nothing if said == NOTHING else said


@dataclass(frozen=True)
class Table:
    """One table, or the sentence that stands in its place when it is empty.

    Attributes:
        rows: the worst first; what is wrong now before what has ended.
        held_in: the table of the warehouse.
        short: what a project's line calls its rows.
        is_now: whether a row is wrong now.
        ended: what has become of the other rows.
        levels: how bad it is, from 1 to 3, that one thing is wrong now, and that many are.
        say: a row as a sentence.
    """

    anchor: str
    title: str
    rows: list[Row]
    columns: tuple[Column, ...]
    empty: str
    held_in: str = ""
    note: str = ""
    short: str = ""
    is_now: Callable[[Row], bool] = lambda _: True
    ended: str = ""
    levels: tuple[int, int] = (1, 3)
    say: Callable[[Row], str] = lambda _: ""

    @property
    def now(self) -> list[Row]:
        """The rows that are wrong now."""
        return [row for row in self.rows if self.is_now(row)]


def duration_column(title: str, name: str, kind: str = "n", nothing: str = "not known") -> Column:
    """Return a column of durations."""
    return Column(
        title,
        lambda row: duration(row[name]),
        kind,
        nothing,
        is_fault=lambda row: is_fault(row[name]),
    )


def run_column(title: str) -> Column:
    """Return a column that names a run, its job and when it started."""
    return Column(title, _run, leads_to="run")


def _run(row: Row) -> str | None:
    if not row["run_id"]:
        return None
    started = [moment(row["start_time"])] if row["start_time"] else []
    return ", ".join([row["job_name"], *started, row["run_id"]])


def day_by_day(project: ProjectDays) -> Table:
    """Return the numbers behind a project's charts."""
    rows = [
        {**runs, "date": date, "p95": p95, "late": project.is_late(p95)}
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
            lambda row: duration(row["p95"]) + (" (over the SLA)" if row["late"] else ""),
            "n",
            "not measured",
            is_fault=lambda row: is_fault(row["p95"]),
            is_late=lambda row: row["late"],
        ),
    )
    return Table("numbers", "Day by day", list(days), columns, empty="")


PROJECT = Column("Project", lambda row: row["project_name"], leads_to="project")
