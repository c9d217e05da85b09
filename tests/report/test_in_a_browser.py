"""The page as somebody sees it: in a real browser, on a phone and on a desk, in light and dark."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from report.page import page, write
from tests.support import browser
from tests.support.large_account import account
from tests.support.pages import HOSTILE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.browser import Tab

# 1039 and 1040 are on both sides of where columns begin.
WIDTHS = [320, 390, 720, 1039, 1040, 1280]
# A name that no line may be broken in by itself.
LONG = "x" * 280
PAGES = {
    "small": account(3, 4),
    "large": account(60, 90),
    "long names": account(3, 12, name=LONG),
    "hostile": account(3, 12, name=HOSTILE),
}
TOO_WIDE = """
[...document.querySelectorAll("body *")]
    .filter(element => element.checkVisibility() && !element.closest("thead")
        && element.getBoundingClientRect().right > innerWidth + 0.5)
    .map(element => element.outerHTML.slice(0, 200)).slice(0, 5)
"""
OPEN_ALL = "document.querySelectorAll('details').forEach(details => { details.open = true })"
CONTRASTS = """
(() => {
    const channels = colour => colour.match(/[\\d.]+/g).map(Number);
    const luminance = colour => {
        const [red, green, blue] = channels(colour).slice(0, 3).map(value => {
            const share = value / 255;
            return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const background = element => {
        for (; element; element = element.parentElement) {
            const colour = getComputedStyle(element).backgroundColor;
            const alpha = channels(colour)[3];
            if (alpha === undefined || alpha === 1) return colour;
            if (alpha > 0) throw new Error("half transparent: " + colour);
        }
        throw new Error("no background");
    };
    const found = new Map();
    const note = (element, style, colour) => {
        const [ink, paper] = [luminance(colour), luminance(background(element))];
        const ratio = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
        const size = parseFloat(style.fontSize);
        const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
        const key = [element.tagName, element.className.baseVal ?? element.className, colour];
        found.set(key.join(" "), [ratio, isLarge ? 3 : 4.5]);
    };
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const element = texts.currentNode.parentElement;
        if (!texts.currentNode.data.trim() || !element.checkVisibility()) continue;
        const style = getComputedStyle(element);
        note(element, style, element.namespaceURI.endsWith("svg") ? style.fill : style.color);
    }
    for (const cell of document.querySelectorAll("td")) {
        const style = getComputedStyle(cell, "::before");
        if (style.content !== "none" && cell.checkVisibility()) note(cell, style, style.color);
    }
    return [...found];
})()
"""
# Links are followed; those that lead to nothing that is seen are returned. A browser follows no
# more than 200 in ten seconds, so of many only some are followed, and of the others the target is
# looked at.
DEAD_LINKS = """
(() => {
    const dead = [];
    const addresses = [...new Set([...document.links].map(link => link.getAttribute("href")))];
    const step = Math.ceil(addresses.length / 60);
    for (const [number, address] of addresses.entries()) {
        const target = document.getElementById(address.slice(1));
        const box = target?.getBoundingClientRect();
        let isSeen = target?.checkVisibility() && box.height > 0 && box.width > 0;
        if (isSeen && number % step === 0) {
            window.scrollTo(0, 0);
            location.hash = address;
            const top = target.getBoundingClientRect().top;
            isSeen = location.hash === address && top > -1 && top < innerHeight;
        }
        if (!isSeen) dead.push(address);
    }
    return [addresses.length, dead];
})()
"""
# The texts of which a line ends within a word.
BROKEN = """
(() => {
    const broken = new Set();
    for (const cell of document.querySelectorAll("td")) {
        const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
        let [before, height] = ["", null];
        while (texts.nextNode()) {
            for (let at = 0; at < texts.currentNode.length; at++) {
                const range = document.createRange();
                range.setStart(texts.currentNode, at);
                range.setEnd(texts.currentNode, at + 1);
                const [box] = range.getClientRects();
                if (!box) continue;
                if (height !== null && box.top > height && /[a-z0-9]$/i.test(before))
                    broken.add(cell.textContent);
                before = texts.currentNode.data[at];
                height = box.top + box.height / 2;
            }
        }
    }
    return [...broken];
})()
"""


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    program = browser.found()
    if program is None:
        pytest.skip(
            "no Chromium or Chrome is on PATH, so nobody has looked at the page (Debian: "
            "apt install chromium)"
        )
    with browser.tab(program, tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.mark.parametrize("kind", PAGES)
def test_the_page_at_every_width(tab: Tab, tmp_path: Path, kind: str) -> None:
    file = shown(page(PAGES[kind], "warehouse.duckdb"), tmp_path)
    bottom = "document.querySelector('{}').getBoundingClientRect().bottom / innerHeight"
    for width in WIDTHS:
        tab.open(file, width)
        assert tab.run("document.documentElement.clientWidth") <= width
        # The answer and the first chart are near the top.
        assert tab.run(bottom.format("h1")) < 0.5
        if width >= 390:
            assert tab.run(bottom.format(".tiles .card")) < 1
            assert tab.run(bottom.format("svg")) < (1 if width == 1280 else 2)
        assert tab.run(TOO_WIDE) == []
        tab.run(OPEN_ALL)
        assert tab.run(TOO_WIDE) == []
        assert tab.run("document.documentElement.scrollWidth") <= width
    for width in (390, 1280):
        tab.open(file, width)
        links, dead = tab.run(DEAD_LINKS)
        assert links > 12
        assert dead == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_all_text_can_be_read_in_light_and_in_dark(tab: Tab, tmp_path: Path, *, dark: bool) -> None:
    file = shown(page(PAGES["small"], "warehouse.duckdb"), tmp_path)
    for width in (390, 1280):
        tab.open(file, width, dark=dark)
        tab.run(OPEN_ALL)
        found = dict(tab.run(CONTRASTS))
        assert len(found) > 15
        assert {name: ratios for name, ratios in found.items() if ratios[0] < ratios[1]} == {}
    paper, ink = tab.run(
        "['backgroundColor', 'color'].map(name => getComputedStyle(document.body)[name]"
        ".match(/\\d+/g).map(Number).reduce((sum, it) => sum + it / 3, 0))"
    )
    assert (paper < 60, ink > 200) == ((True, True) if dark else (False, False))
    assert (paper > 200, ink < 60) == ((False, False) if dark else (True, True))


@pytest.mark.parametrize("name", ["analytics_warehouse.team_marketing_attribution", "a__b.c-d" * 9])
def test_long_names_are_broken_between_their_parts(tab: Tab, tmp_path: Path, name: str) -> None:
    file = shown(page(account(3, 12, name=name), "warehouse.duckdb"), tmp_path)
    for width in (390, 1040, 1280):
        tab.open(file, width)
        tab.run(OPEN_ALL)
        assert tab.run("document.querySelectorAll('td').length") > 300
        assert tab.run(BROKEN) == []


def shown(text: str, folder: Path) -> Path:
    file = folder / "report.html"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_project_opens_and_closes(tab: Tab, tmp_path: Path) -> None:
    file = shown(page(account(30, 40), "warehouse.duckdb"), tmp_path)
    tab.open(file, 1280)
    opened = tab.run("document.querySelectorAll('.project[open]').length")
    assert opened == 12
    charts = "document.querySelector('#p20 svg').checkVisibility()"
    assert tab.run(charts) is False
    tab.run("document.querySelector('#p20 > summary').click()")
    assert tab.run(charts) is True


def test_nothing_of_the_account_becomes_part_of_the_page(tab: Tab, tmp_path: Path) -> None:
    shapes = {}
    for name in ("harmless", HOSTILE, "</style></td></table></details><b>&lt;", "<!--"):
        tab.open(shown(page(account(3, 12, name=name), name), tmp_path), 1280)
        shapes[name] = tab.run(
            "[...document.querySelectorAll(':not(wbr)')].map(element => element.tagName + ' '"
            " + element.getAttributeNames().sort().join(' '))"
        )
    harmless = shapes["harmless"]
    assert len(harmless) > 500
    assert [name for name, shape in shapes.items() if shape != harmless] == []


def test_the_pages_beside_it(tab: Tab, tmp_path: Path) -> None:
    file = tmp_path / "what I found #1.html"
    write(account(3, 4_000), "warehouse.duckdb", file)
    tab.open(file, 1280)
    beside = tab.run(
        "[...document.links].filter(link => !link.hash)"
        ".map(link => decodeURIComponent(link.pathname))"
    )
    assert {path.rpartition("/")[2] for path in beside} >= {"breaches.html", "lost.html"}
    for path in beside:
        tab.open(Path(path), 1280)
        assert tab.run("document.querySelectorAll('tbody tr').length") >= 4_000
        assert tab.run("decodeURIComponent(document.links[0].pathname)").endswith(
            "what I found #1.html"
        )
