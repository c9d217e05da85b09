"""The page of a large account: small enough to be sent, the worst first, nothing out of reach.

And as somebody sees it: in a real browser, on a phone and on a desk.
"""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import pytest

from report.formatting import plain
from report.page import beside, page, write
from report.rows import IN_SIGHT
from report.usual import what_is_usual
from report.wrong import what_is_wrong
from tests.support.pages import HOSTILE, LISTS, Page, account, page_of

LARGEST = 2_000_000
TEAM = "warehouse of team"
SIZES = {
    "200 projects": (200, 400, TEAM),
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
    # A list is on the page from its worst row on, or all of it beside the page.
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
    names = {it: said for it, said in found.targets.items() if re.fullmatch(r"[pq]\d+", it)}
    assert len(names) == len(made_up.projects) + len(made_up.quiet_projects)
    links = [(where[1:], text) for where, text in found.links if where[0] == "#"]
    assert {where for where, _ in links} <= found.targets.keys()
    leading = [(cut(text), cut(names[where])) for where, text in links if where in names]
    assert all(text == name for text, name in leading)
    # Only what is gone has nowhere to lead to.
    assert len(leading) == sum(
        len(rows) - 1
        for rows, kind in zip(found.tables, found.classes, strict=True)
        if kind not in {"gone", "others"} and "Project" in rows[0]
    )

    # What an earlier page had no room for goes.
    write(account(2, 4), "warehouse.duckdb", file)
    assert not beside(file).exists()
    # What somebody else has put there stays.
    own = beside(file) / "own.txt"
    own.parent.mkdir()
    own.touch()
    write(account(2, 4), "warehouse.duckdb", file)
    assert own.exists()


def assert_same(shown: list[list[str]], said: list[list[str]]) -> None:
    """Compare cells, of which long ones are cut, without what only a terminal understands."""
    assert [[cut(cell)[:40] for cell in row] for row in shown] == [
        [cut(plain(cell))[:40] for cell in row] for row in said
    ]


def cut(text: str) -> str:
    return text.removesuffix(" …")[:200]


def test_those_that_need_attention_come_first_and_are_open() -> None:
    made_up = account(40, 3)
    late, broken, unread = made_up.projects[31:34]
    lists: dict[str, Any] = {name: [] for name in LISTS}
    for name, project in (("breaches", late), ("broken_jobs", broken), ("unread", unread)):
        lists[name] = [{**row, "project_id": project.project_id} for row in made_up.breaches]
    lists["unread"] *= 2
    found = page_of(replace(made_up, **lists))
    assert found.said("h3")[:3] == [unread.name, broken.name, late.name]
    projects = [it for _, it in found.elements if it.get("class") == "project"]
    assert ["open" in it for it in projects] == [True] * 12 + [False] * 28
    assert found.said("span")[:3] == ["unread streams: 6", "broken jobs: 3", "late days: 3"]


NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# A page in a frame of each width, and what a script says of it there.
LOOKED_AT = """
<iframe src="{}" style="border: 0; height: 900px"></iframe><pre></pre>
<script>
onload = () => {{
    const frame = document.querySelector("iframe");
    const said = {}.map(width => {{
        frame.style.width = width + "px";
        return frame.contentWindow.eval({});
    }});
    document.querySelector("pre").textContent = JSON.stringify(said);
}};
</script>
"""
# 1039 and 1040 are on both sides of where columns begin.
WIDTHS = [320, 390, 720, 1039, 1040, 1280]
# One has many rows, and one a name that no line may be broken in by itself.
PAGES = {"large": account(60, 90), "long names": account(3, 12, name="x" * 280 + HOSTILE)}
MEASURES = """
(() => {
    const tooWide = () => [...document.querySelectorAll("body *")]
        .filter(element => element.checkVisibility() && !element.closest("thead")
            && element.getBoundingClientRect().right > innerWidth + 0.5)
        .map(element => element.outerHTML.slice(0, 200)).slice(0, 5);
    const found = { width: document.documentElement.clientWidth, tooWide: tooWide() };
    const closed = [...document.querySelectorAll("details:not([open])")];
    closed.forEach(details => { details.open = true });
    found.tooWide.push(...tooWide());
    found.scrolled = document.documentElement.scrollWidth;
    return found;
})()
"""


@pytest.mark.parametrize("kind", PAGES)
def test_the_page_at_every_width(tmp_path: Path, kind: str) -> None:
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(
            "no Chromium or Chrome is on PATH, so nobody has looked at the page (Debian: "
            "apt install chromium)"
        )
    text = page(PAGES[kind], "warehouse.duckdb")
    assert '<meta name="viewport" content="width=device-width' in text
    shown, harness = tmp_path / "report.html", tmp_path / "harness.html"
    shown.write_text(text, encoding="utf-8")
    harness.write_text(LOOKED_AT.format(shown.as_uri(), WIDTHS, json.dumps(MEASURES)))
    options = [
        "--headless=new",
        # A container has no rights for the sandbox, and the page is the project's own.
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--no-first-run",
        "--hide-scrollbars",
        "--allow-file-access-from-files",
        f"--user-data-dir={tmp_path}",
        "--dump-dom",
    ]
    done = subprocess.run(
        [program, *options, harness.as_uri()],
        env=os.environ | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    (said,) = re.findall("<pre>(.*)</pre>", done.stdout, re.DOTALL)
    for width, found in zip(WIDTHS, json.loads(html.unescape(said)), strict=True):
        assert found["width"] == width >= found["scrolled"]
        assert found["tooWide"] == []
