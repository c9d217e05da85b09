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
        findings: how much of what is wrong now is of this project, by what its line calls them.
    """

    anchor: str
    project: ProjectDays
    findings: dict[str, int]


_NOT_WORKING = ("unread lists", "broken jobs", "overdue runs")
_LATE = ("late days",)
_SLOW = ("slower models", "models held back")


def worst_first(projects: Iterable[ProjectDays], wrong: list[Table]) -> list[Section]:
    """Return the projects by what is wrong in them: first what does not work, then what is slow."""
    counts = {table.short: Counter(row["project_id"] for row in table.now) for table in wrong}

    def urgency(project: ProjectDays) -> list[int]:
        return [
            -sum(counts[short][project.project_id] for short in shorts if short in counts)
            for shorts in (_NOT_WORKING, _LATE, _SLOW)
        ]

    return [
        Section(
            f"p{number}",
            project,
            {
                short: counts[short][project.project_id]
                for short in (*_NOT_WORKING, *_LATE, *_SLOW)
                if short in counts and counts[short][project.project_id]
            },
        )
        for number, project in enumerate(sorted(projects, key=urgency))
    ]
