"""The page: answers in, one HTML text out that needs nothing beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from report import charts
from report.answers import DAYS
from report.formatting import duration, moment
from report.tables import day_by_day, what_is_usual, what_is_wrong

if TYPE_CHECKING:
    from report.answers import Answers


_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    # Names and error messages come from other people's projects.
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters["duration"] = duration


def page(answers: Answers, source: str) -> str:
    """Return the page; `source` says which warehouse it was read from."""
    return _TEMPLATES.get_template("page.html.jinja").render(
        as_of=moment(answers.settings["as_of"]),
        source=source,
        loaded=answers.runs > 0,
        wrong=list(what_is_wrong(answers)),
        usual=list(what_is_usual(answers)),
        projects=[
            (project, charts.runs_a_day(project), charts.p95_a_day(project), day_by_day(project))
            for project in answers.projects
        ],
        quiet=answers.quiet_projects,
        days=DAYS,
    )
