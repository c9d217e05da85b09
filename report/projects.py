"""Which projects need attention, and where each of them stands on the page."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from report.answers import ProjectDays
    from report.tables import Table


@dataclass(frozen=True)
class Section:
    """A project on the page.

    Attributes:
        findings: how many rows of what is wrong are of this project, by what its line calls them.
    """

    anchor: str
    project: ProjectDays
    findings: dict[str, int]


def worst_first(projects: Iterable[ProjectDays], wrong: list[Table]) -> list[Section]:
    """Return the projects by what is wrong in them: first what does not work, then what is slow."""
    found = {table.short: Counter(row["project_id"] for row in table.rows) for table in wrong}
    sections = [
        (
            project,
            {short: counts[project.project_id] for short, counts in found.items()},
        )
        for project in projects
    ]
    sections.sort(key=lambda section: _urgency(section[1]), reverse=True)
    return [
        Section(f"p{number}", project, {short: count for short, count in findings.items() if count})
        for number, (project, findings) in enumerate(sections)
    ]


def _urgency(findings: dict[str, int]) -> tuple[int, int, int]:
    return (
        findings["broken jobs"] + findings["overdue runs"],
        findings["late days"],
        findings["slower models"] + findings["models held back"],
    )
