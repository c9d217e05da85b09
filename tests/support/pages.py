"""Makes answers up, and reads the page of them as a browser does."""

from __future__ import annotations

from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

from typing_extensions import override

from report.answers import DAYS, Answers, ProjectDays
from report.page import page
from tests.support.base_time import NOW

HOSTILE = "<script>alert('1')</script>\" onload=\"x & y"
LISTS = [name for name, it in Answers.__dataclass_fields__.items() if it.type == "list[Row]"]
# The warehouse says it without an offset.
AS_OF = NOW.replace(tzinfo=None)


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
