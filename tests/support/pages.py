"""Makes answers up, and reads the page of them as a browser does."""

from __future__ import annotations

import itertools
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

from typing_extensions import override

from report.answers import DAYS, Answers, ProjectDays, months_of_quarter
from report.page import page
from tests.support.base_time import NOW

HOSTILE = "<script>alert('1')</script>\" onload=\"x & y"
LISTS = [name for name, it in Answers.__dataclass_fields__.items() if it.type == "list[Row]"]
# The warehouse says it without an offset.
AS_OF = NOW.replace(tzinfo=None)
TODAY = AS_OF.date()
COUNTS = """total_runs total_executions negative_rows broken_runs finished_runs failed_runs
    partial_runs skipped_executions blocked_executions executions held_back_in_a_row"""
DATES = "week newest_date start_date end_date"
MOMENTS = "failing_since broken_since ended_at start_time"
SECONDS = """p50_duration_seconds previous_p95_duration_seconds max_duration_seconds
    usual_p95_duration_seconds running_seconds sla_seconds"""
FRESH = {"read_at": AS_OF, "newest_change_at": AS_OF - timedelta(hours=2), "is_failing": False}
MEASURED = {"measured_days": 28, "sla_seconds": 1_800.0}
FULL_LISTS = "unread breaches regressions jobs lost broken_jobs overdue_runs"
"""Those that have all of the rows."""


def answers(**fields: Any) -> Answers:
    """Return answers of which all but `fields` say that there is one project, and nothing of it."""
    settings = {"as_of": AS_OF, "regression_percent": 20.0, "overdue_factor": 2.0}
    settings |= {"sla_days": 7, "held_back_days": 7, "held_back_times": 3}
    settings |= {"current_days": 30, "gone_after_days": 3.0}
    lists = [name for name, it in Answers.__dataclass_fields__.items() if "list" in str(it.type)]
    given = {"settings": settings, "asked_at": AS_OF, "runs": 1, "projects": [called(HOSTILE)]}
    return Answers(**{**{name: [] for name in lists}, **given, **fields})


def called(name: str, project_id: str = "p") -> ProjectDays:
    """Return a project of which nothing is known but its name."""
    dates = [AS_OF.date() - timedelta(days=ago) for ago in range(DAYS - 1, -1, -1)]
    runs = {"total_runs": 0, "successful_runs": 0, "partial_runs": 0, "failed_runs": 0}
    return ProjectDays(project_id, name, 1_800.0, dates, [runs] * DAYS, [None] * DAYS)


def account(projects: int, findings: int, *, name: str = "warehouse of team") -> Answers:
    """Return an account in which every list has `findings` rows, spread over all projects but one.

    All its names begin with `name`.
    """
    found = [_project(name, number) for number in range(projects)]
    ids = itertools.cycle(found[:-1] or found)
    rows = [_row(next(ids), name, number) for number in range(findings)]
    quiet = called(f"{name} of old", "proj_quiet")
    months = list(enumerate(months_of_quarter(TODAY)))
    return answers(
        projects=found,
        quiet_projects=[quiet],
        gone_projects=[
            {"project_id": "gone", "project_name": f"{name} gone", "last_synced_at": AS_OF}
        ],
        freshness=[_named(it) | FRESH for it in found],
        sla_months=[
            _named(it) | {"days_over": over, "month": month, **MEASURED}
            for it in found
            for over, month in months
        ],
        slowest=rows[:10],
        faults=rows[:3],
        **dict.fromkeys(FULL_LISTS.split(), rows),
        held_back_models=[*rows, _row(quiet, name, findings)] if rows else [],
    )


def _named(project: ProjectDays) -> dict[str, Any]:
    return {"project_id": project.project_id, "project_name": project.name}


def _project(name: str, number: int) -> ProjectDays:
    project = called(f"{name} {number}", f"proj_{number}")
    for day in range(len(project.runs)):
        failed, partial = int(number % 3 == day % 3), int(day % 7 == 0)
        counts = {"successful_runs": 10, "failed_runs": failed, "partial_runs": partial}
        project.runs[day] = {"total_runs": sum(counts.values()), **counts}
        project.p95[day] = [1_500.0 + 20 * day, None, -60.0][day % 11 if day % 11 in {1, 2} else 0]
    return project


def _row(project: ProjectDays, name: str, number: int) -> dict[str, Any]:
    return {
        **dict.fromkeys(DATES.split(), TODAY),
        **dict.fromkeys(MOMENTS.split(), AS_OF),
        **dict.fromkeys(COUNTS.split(), 7),
        **dict.fromkeys(SECONDS.split(), 900.0),
        **dict.fromkeys(("last_read_at", "kept_again_on", "last_ran_at")),
        **_named(project),
        "model_name": f"{name}.mart_orders_{number}",
        "job_name": f"{name} job {number}",
        "held_by": "runs",
        "date": TODAY - timedelta(days=number % 7),
        "is_open": number % 2 == 0,
        "p95_duration_seconds": 4_000.0 - number,
        "lost_seconds": 4_000.0 - number if number % 5 else -30.0,
        "lowest_seconds": -60.0,
        "change_percent": 70.5,
        "success_rate": 0.5,
        "status": "failed",
        "run_id": f"run_{number}",
        "stream": "runs",
        "error": "the server answered 403",
        "error_message": f"\x1b[31m{name}\x1b[0m: division by zero " * 3,
    }


def page_of(found: Answers, run_url: str = "") -> Page:
    """Return the page of answers."""
    return Page(page(found, "warehouse.duckdb", run_url))


def style() -> str:
    """Return the style of a page."""
    text = page_of(answers()).text
    return text[text.index("<style>") : text.index("</style>")]


class Page(HTMLParser):
    """Reads a page: its elements with their attributes, its texts, and its tables cell by cell.

    Cells and rows have no end of their own, and where a word may be broken says nothing. The rows
    of a table that are a click away count as those of the table before it.

    Attributes:
        classes: of each table.
        links: where each leads, and what it says.
        targets: what stands first in each element that has an id.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.tables: list[list[list[str]]] = []
        self.classes: list[str | None] = []
        self.texts: list[tuple[str, str]] = []
        self.links: list[tuple[str, str]] = []
        self.targets: dict[str, str] = {}
        self._target: str | None = None
        self._in_cell = self._is_rest = False
        self.feed(text.replace("<wbr>", ""))
        tables = [[[cell.strip() for cell in row] for row in table] for table in self.tables]
        # The rest of a table has its title once more.
        self.tables = [[it[0], *(row for row in it[1:] if row != it[0])] for it in tables]

    def table(self, name: str) -> list[list[str]]:
        """Return the rows of the table that has this class."""
        return self.tables[self.classes.index(name)]

    def said(self, tag: str) -> list[str]:
        """Return what stands in the elements of this kind."""
        return [text for inside, text in self.texts if inside == tag]

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.elements.append((tag, attributes))
        self._target = attributes.get("id") or self._target
        if tag == "a":
            self.links.append((attributes["href"] or "", ""))
        elif tag == "details":
            self._is_rest = attributes.get("class") == "rest"
        elif tag == "table" and not self._is_rest:
            self.tables.append([])
            self.classes.append(attributes.get("class"))
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in {"td", "th"}:
            self.tables[-1][-1].append("")
            self._in_cell = True

    @override
    def handle_endtag(self, tag: str) -> None:
        self._in_cell &= tag not in {"thead", "table"}
        self._is_rest &= tag != "details"

    @override
    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((self.elements[-1][0], data))
            if self.elements[-1][0] == "a" and not self.links[-1][1]:
                self.links[-1] = (self.links[-1][0], data.strip())
            if self._target:
                self.targets[self._target], self._target = data.strip(), None
        if self._in_cell:
            self.tables[-1][-1][-1] += data
