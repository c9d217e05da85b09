"""The page of a large account: small enough to be sent, the worst first, nothing out of reach."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from report.page import beside, page, write
from report.rows import IN_SIGHT
from report.usual import what_is_usual
from report.wrong import what_is_wrong
from tests.support.large_account import account
from tests.support.pages import Page

if TYPE_CHECKING:
    from pathlib import Path

    from report.answers import Answers

LARGEST = 2_000_000
LONG = "雪\" & 'x" * 50
SIZES = {
    "200 projects": (200, 400),
    "too many findings": (20, 3_000),
    "too many projects": (800, 400),
    "names as long as there are": (60, 1_000, LONG),
}


@pytest.fixture(scope="module", params=list(SIZES.values()), ids=list(SIZES))
def made_up(request: pytest.FixtureRequest) -> Answers:
    projects, findings, *name = request.param
    return account(projects, findings, name=name[0] if name else "warehouse of team")


def test_below_two_megabytes(made_up: Answers, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    write(made_up, "warehouse.duckdb", file)

    assert file.stat().st_size < LARGEST
    found = Page(file.read_text())
    # A list is on the page from its worst row on, and all of it there or on the page beside it.
    for table in (*what_is_wrong(made_up), *what_is_usual(made_up)):
        said = [[column.cell(row) for column in table.columns] for row in table.rows]
        shown = found.tables[found.classes.index(table.anchor)]
        assert len(shown) - 1 >= min(IN_SIGHT, len(table.rows))
        assert_same(shown[1:], said[: len(shown) - 1])
        whole = beside(file) / f"{table.anchor}.html"
        assert whole.exists() == (len(shown) - 1 < len(said))
        if whole.exists():
            ((_, *rows),) = Page(whole.read_text()).tables
            assert_same(rows, said)


def assert_same(shown: list[list[str]], said: list[list[str]]) -> None:
    assert len(shown) == len(said)
    for row, expected in zip(shown, said, strict=True):
        for cell, whole in zip(row, expected, strict=True):
            # Long texts are cut, and what only a terminal understands is left out.
            beginning = cell.removesuffix(" …")[:40]
            assert beginning in whole.replace("\x1b[31m", "").replace("\x1b[0m", "")


def test_each_project_is_there_and_each_finding_leads_to_its_own(made_up: Answers) -> None:
    found = Page(page(made_up, "warehouse.duckdb"))
    ids = [attributes["id"] for _, attributes in found.elements if attributes.get("id")]
    assert len(ids) == len(set(ids)) == len(found.targets)
    projects = {
        key: name for key, name in found.targets.items() if key[0] in "pq" and key[1:].isdigit()
    }
    assert len(projects) == len(made_up.projects) + len(made_up.quiet_projects)
    links = [(where.removeprefix("#"), text) for where, text in found.links if where[0] == "#"]
    assert {where for where, _ in links} <= set(ids)
    leading = [(where, text) for where, text in links if where in projects]
    assert leading
    for where, text in leading:
        assert cut(text) == cut(projects[where])
    # Only what is gone has nowhere to lead to.
    cells = sum(
        len(rows) - 1
        for rows, name in zip(found.tables, found.classes, strict=True)
        if name != "gone" and "Project" in rows[0] and name != "others"
    )
    assert len(leading) == cells


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
    found = Page(page(made_up, "warehouse.duckdb"))
    names = [text for tag, text in found.texts if tag == "h3"]
    assert names[:2] == [broken.name, late.name]
    assert quiet.name in names[2:]
    details = [
        it for tag, it in found.elements if tag == "details" and it.get("class") == "project"
    ]
    assert ["open" in it for it in details] == [True] * 12 + [False] * 28
    assert [text for tag, text in found.texts if tag == "span"][:2] == [
        "broken jobs: 3",
        "late days: 3",
    ]


def test_what_an_earlier_page_had_no_room_for_goes(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    write(account(2, 3_000), "warehouse.duckdb", file)
    assert list(beside(file).iterdir())
    write(account(2, 4), "warehouse.duckdb", file)
    assert not beside(file).exists()


def cut(text: str) -> str:
    return text.removesuffix(" …")[:200]
