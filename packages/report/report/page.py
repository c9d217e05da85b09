"""The page: answers in, one HTML text out that needs nothing beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from report import charts
from report.answers import DAYS, Answers
from report.formatting import duration, moment, plain, text
from report.headline import headline, tile
from report.links import Links
from report.projects import Section, without_charts, worst_first
from report.rows import breakable, listings, rows_of, size
from report.tables import day_by_day, numbers
from report.usual import what_is_usual
from report.wrong import what_is_wrong

LARGEST = 1_900_000
"""Bytes of the largest page, so that it can be sent by mail and is there at once."""
_LARGEST_CHARTS = 1_100_000
_OPEN_PROJECTS = 12


def _plain(value: object) -> object:
    return plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value


_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    # Names and error messages come from other people's projects.
    autoescape=True,
    finalize=_plain,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters |= {"duration": duration, "text": text, "breakable": breakable}


@dataclass(frozen=True)
class Pages:
    """The page, and those beside it.

    Attributes:
        whole_tables: by the name of the file: tables that the page has no room for.
    """

    text: str
    whole_tables: dict[str, str]


def page(answers: Answers, source: str, run_url: str = "") -> str:
    """Return the page alone."""
    return pages(answers, source, Path(), run_url).text


def pages(answers: Answers, source: str, path: Path, run_url: str = "") -> Pages:
    """Return the page that will be at `path`, and what it has no room for.

    Args:
        answers: what it tells.
        source: which warehouse they were read from.
        path: where it will be. The other pages will be in the folder `beside`; without a name in
            the path there are none.
        run_url: where a run is in dagctl, as `Links` takes it.
    """
    wrong, usual = list(what_is_wrong(answers)), list(what_is_usual(answers))
    sections = worst_first(answers.projects, wrong)
    quiet = [(f"q{number}", project) for number, project in enumerate(answers.quiet_projects)]
    anchors = {section.project.project_id: section.anchor for section in sections}
    anchors |= {project.project_id: anchor for anchor, project in quiet}
    drawn = _drawn(sections)
    others = without_charts(sections[len(drawn) :])
    other_rows = [
        Markup("<tr id={}>").format(section.anchor) + row.removeprefix("<tr>")
        for section, row in zip(sections[len(drawn) :], rows_of(others, Links()), strict=True)
    ]
    tables = [*wrong, *usual]
    around = {
        "as_of": moment(answers.settings["as_of"]),
        "headline": headline(answers, wrong, source),
        "tiles": [tile(table) for table in wrong],
        "overview": charts.overview(answers.projects),
        "loaded": answers.runs > 0,
        "tables": [*tables, others, numbers()],
        "drawn": Markup().join(drawn),
        "others": others,
        "other_rows": Markup().join(other_rows),
        "quiet": quiet,
        "days": DAYS,
        "beside": quote(beside(path).name) if path.name else "",
    }
    template = _TEMPLATES.get_template("page.html.jinja")
    # Only when the rest of the page is there it is known how much room there is.
    here = Links({project_id: f"#{anchor}" for project_id, anchor in anchors.items()}, run_url)
    bare = template.render(
        wrong=listings(wrong, Links(), 0), usual=listings(usual, Links(), 0), **around
    )
    found = listings(tables, here, LARGEST - size(bare))
    whole_page = template.render(wrong=found[: len(wrong)], usual=found[len(wrong) :], **around)
    there = Links({key: f"../{quote(path.name)}{it}" for key, it in here.projects.items()}, run_url)
    whole = _TEMPLATES.get_template("whole_table.html.jinja")
    return Pages(
        whole_page,
        {
            f"{listing.table.anchor}.html": whole.render(
                table=listing.table,
                tables=[listing.table],
                rows=Markup().join(rows_of(listing.table, there)),
                as_of=around["as_of"],
                page=quote(path.name),
            )
            for listing in found
            if listing.left_out and path.name
        },
    )


def beside(path: Path) -> Path:
    """Return the folder of the other pages."""
    return path.with_name(f"{path.stem}-tables")


def write(answers: Answers, source: str, path: Path, run_url: str = "") -> None:
    """Write the page, and what it has no room for; what an earlier one had no room for goes.

    Raises:
        OSError: a file cannot be written.
    """
    found = pages(answers, source, path, run_url)
    folder = beside(path)
    for table in (*what_is_wrong(answers), *what_is_usual(answers)):
        (folder / f"{table.anchor}.html").unlink(missing_ok=True)
    if folder.is_dir() and not found.whole_tables and not any(folder.iterdir()):
        folder.rmdir()
    for name, table_page in found.whole_tables.items():
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(table_page, encoding="utf-8")
    path.write_text(found.text, encoding="utf-8")


def _drawn(sections: list[Section]) -> list[Markup]:
    """Return the charts of as many projects as there is room for, those of the worst first.

    What a chart says where somebody points at it is as large as the chart. So of a large account
    only the first projects have it.
    """
    found: list[Markup] = []
    room = _LARGEST_CHARTS
    for number, section in enumerate(sections):
        html = _section(section, is_open=number < _OPEN_PROJECTS, says_values=False)
        room -= size(html)
        if room < 0:
            return found
        found.append(html)
    for number, section in enumerate(sections):
        html = _section(section, is_open=number < _OPEN_PROJECTS, says_values=True)
        room -= size(html) - size(found[number])
        if room < 0:
            return found
        found[number] = html
    return found


def _section(section: Section, *, is_open: bool, says_values: bool) -> Markup:
    """Return a project's charts and their numbers."""
    days = day_by_day(section.project)
    # `module` has the macros of a template, ready to be called.
    html: Markup = _TEMPLATES.get_template("project.html.jinja").module.section(  # type: ignore[attr-defined]
        section,
        is_open=is_open,
        says_values=says_values,
        runs=charts.runs_a_day(section.project),
        p95=charts.p95_a_day(section.project),
        days=days,
        rows=Markup().join(rows_of(days, Links())),
    )
    return html
