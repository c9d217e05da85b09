"""Writes the report as a user does, and reads it as a browser does."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from report.answers import DAYS, Answers, ProjectDays
from tests.support import troubleshooting
from tests.support.base_time import NOW
from tests.support.project import ROOT

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = "<script>alert('1')</script>\" onload=\"x & y"
# The warehouse says it without an offset.
AS_OF = NOW.replace(tzinfo=None)


def answers(**fields: Any) -> Answers:
    """Return answers of which all but `fields` say that there is one project, and nothing of it."""
    settings = {
        "as_of": AS_OF,
        "sla_days": 7,
        "regression_percent": 20.0,
        "held_back_days": 7,
        "held_back_times": 3,
        "overdue_factor": 2.0,
        "current_days": 30,
        "gone_after_days": 3.0,
    }
    dates = [AS_OF.date() - timedelta(days=ago) for ago in range(DAYS - 1, -1, -1)]
    runs = {"total_runs": 0, "successful_runs": 0, "partial_runs": 0, "failed_runs": 0}
    project = ProjectDays(HOSTILE, 1_800.0, dates, [runs] * DAYS, [None] * DAYS)
    empty: dict[str, Any] = {
        name: []
        for name in Answers.__dataclass_fields__
        if name not in {"settings", "runs", "projects"}
    }
    given = {"settings": settings, "runs": 1, "projects": [project]}
    return Answers(**{**empty, **given, **fields})


def report(output: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "report", "--output", str(output), *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    troubleshooting.check(done.stderr.splitlines())
    return done


class Page(HTMLParser):
    """Reads a page: its elements with their attributes, its texts, and its tables cell by cell."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.tables: list[list[list[str]]] = []
        self.texts: list[tuple[str, str]] = []
        self._in_cell = False
        self.feed(text)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._in_cell = tag in {"td", "th"}
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif self._in_cell:
            self.tables[-1][-1].append("")

    @override
    def handle_endtag(self, tag: str) -> None:
        self._in_cell = self._in_cell and tag not in {"td", "th"}

    @override
    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((self.elements[-1][0], data))
        if self._in_cell:
            self.tables[-1][-1][-1] += data
