"""The page of a large account: small enough to be sent, the worst first, nothing out of reach."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest

from packages.report.tests.support.large_account import account
from report.page import beside, write
from report.rows import IN_SIGHT
from report.usual import what_is_usual
from report.wrong import what_is_wrong
from tests.support.pages import Page, page_of

LARGEST = 2_000_000
TEAM = "warehouse of team"
SIZES = {
    "200 projects": (200, 400, TEAM),
    "too many findings": (20, 3_000, TEAM),
    "too many projects": (800, 400, TEAM),
    "names as long as there are": (60, 1_000, "雪\" & 'x" * 50),
}


def linked(file: Path) -> list[Path]:
    """Return the files that the links of a page lead to."""
    found = [urljoin(file.as_uri(), where) for where, _ in Page(file.read_text()).links]
    return [Path(unquote(urlsplit(it).path)) for it in found if not urlsplit(it).fragment]


@pytest.mark.parametrize("size", SIZES)
def test_below_two_megabytes(size: str, tmp_path: Path) -> None:
    projects, findings, name = SIZES[size]
    made_up = account(projects, findings, name=name)
    file = tmp_path / "what I found #1.html"
    write(made_up, "warehouse.duckdb", file)

    assert file.stat().st_size < LARGEST
    found = Page(file.read_text())
    # A list is on the page from its worst row on, and all of it there or on the page beside it.
    wholes = []
    for table in (*what_is_wrong(made_up), *what_is_usual(made_up)):
        said = [[column.cell(row) for column in table.columns] for row in table.rows]
        shown = found.table(table.anchor)[1:]
        assert len(shown) >= min(IN_SIGHT, len(said))
        assert_same(shown, said[: len(shown)])
        whole = beside(file) / f"{table.anchor}.html"
        assert whole.exists() == (len(shown) < len(said))
        if whole.exists():
            wholes.append(whole)
            more = f"There is no room here for {len(said) - len(shown):,} more."
            assert any(more in it for it in found.said("p"))
            ((_, *rows),) = Page(whole.read_text()).tables
            assert_same(rows, said)
            assert linked(whole)[0] == file
    assert set(linked(file)) == set(wholes)

    # Each project is there, and each finding leads to its own.
    ids = [attributes["id"] for _, attributes in found.elements if attributes.get("id")]
    assert len(ids) == len(set(ids)) == len(found.targets)
    names = {
        key: text for key, text in found.targets.items() if key[0] in "pq" and key[1:].isdigit()
    }
    assert len(names) == len(made_up.projects) + len(made_up.quiet_projects)
    links = [(where.removeprefix("#"), text) for where, text in found.links if where[0] == "#"]
    assert {where for where, _ in links} <= set(ids)
    leading = [(cut(text), cut(names[where])) for where, text in links if where in names]
    assert [text for text, _ in leading] == [name for _, name in leading]
    # Only what is gone has nowhere to lead to.
    assert len(leading) == sum(
        len(rows) - 1
        for rows, kind in zip(found.tables, found.classes, strict=True)
        if kind not in {"gone", "others"} and "Project" in rows[0]
    )

    # What an earlier page had no room for goes.
    write(account(2, 4), "warehouse.duckdb", file)
    assert not beside(file).exists()


def assert_same(shown: list[list[str]], said: list[list[str]]) -> None:
    for row, expected in zip(shown, said, strict=True):
        for cell, whole in zip(row, expected, strict=True):
            # Long texts are cut, and what only a terminal understands is left out.
            beginning = cell.removesuffix(" …")[:40]
            assert beginning in whole.replace("\x1b[31m", "").replace("\x1b[0m", "")


def cut(text: str) -> str:
    return text.removesuffix(" …")[:200]


def test_those_that_need_attention_come_first_and_are_open() -> None:
    made_up = account(40, 3)
    quiet, late, broken = made_up.projects[30:33]
    made_up = replace(
        made_up,
        breaches=[{**row, "project_id": late.project_id} for row in made_up.breaches],
        broken_jobs=[{**row, "project_id": broken.project_id} for row in made_up.broken_jobs],
        unread=[],
        overdue_runs=[],
        regressions=[],
        held_back_models=[],
    )
    found = page_of(made_up)
    names = found.said("h3")
    assert names[:2] == [broken.name, late.name]
    assert quiet.name in names[2:]
    projects = [it for _, it in found.elements if it.get("class") == "project"]
    assert ["open" in it for it in projects] == [True] * 12 + [False] * 28
    assert found.said("span")[:2] == ["broken jobs: 3", "late days: 3"]
