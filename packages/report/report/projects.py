"""Which projects need attention, and where each of them stands on the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from report.answers import ProjectDays
from report.formatting import count
from report.tables import PROJECT, Column, Table, duration_column


@dataclass(frozen=True)
class Section:
    """A project on the page.

    Attributes:
        findings: how much of what is wrong now is of this project, by what its line calls them.
    """

    anchor: str
    project: ProjectDays
    findings: dict[str, int]


# First what does not work, then what is late, then what is slow.
_URGENCY = {
    "unread streams": 0,
    "broken jobs": 0,
    "overdue runs": 0,
    "late days": 1,
    "slower models": 2,
    "models held back": 2,
}


def worst_first(projects: Iterable[ProjectDays], wrong: list[Table]) -> list[Section]:
    """Return the projects by what is wrong in them."""
    counts = {table.short: Counter(row["project_id"] for row in table.now) for table in wrong}

    def urgency(project: ProjectDays) -> list[int]:
        found = [0, 0, 0]
        for short, numbers in counts.items():
            found[_URGENCY[short]] -= numbers[project.project_id]
        return found

    return [
        Section(
            f"p{number}",
            project,
            {
                short: numbers[project.project_id]
                for short, numbers in counts.items()
                if numbers[project.project_id]
            },
        )
        for number, project in enumerate(sorted(projects, key=urgency))
    ]


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
        PROJECT,
        Column("Needs attention", lambda row: row["findings"], "bad", "no"),
        Column("Runs", lambda row: count(row["total_runs"]), "n"),
        Column("Failed", lambda row: count(row["failed_runs"]), "n"),
        duration_column("Newest p95", "p95", nothing="not measured"),
        duration_column("SLA", "sla_seconds"),
    )
    return Table("others", "Other projects", rows, columns, empty="")
