"""The page as somebody sees it: in a real browser, on a phone and on a desk, in light and dark."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from packages.report.tests.support.large_account import account
from report.page import page
from tests.support.pages import HOSTILE

if TYPE_CHECKING:
    from pathlib import Path

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
PAGES = {
    "small": account(3, 4),
    "large": account(60, 90),
    # A name that no line may be broken in by itself.
    "long names": account(3, 12, name="x" * 280),
    "hostile": account(3, 12, name=HOSTILE),
}
MEASURES = """
(() => {
    const bottom = selector =>
        document.querySelector(selector).getBoundingClientRect().bottom / innerHeight;
    const tooWide = () => [...document.querySelectorAll("body *")]
        .filter(element => element.checkVisibility() && !element.closest("thead")
            && element.getBoundingClientRect().right > innerWidth + 0.5)
        .map(element => element.outerHTML.slice(0, 200)).slice(0, 5);
    const isSeen = target => {
        const box = target?.getBoundingClientRect();
        return target?.checkVisibility() && box.height > 0 && box.width > 0;
    };
    const addresses = [...new Set([...document.links].map(link => link.getAttribute("href")))];
    const found = {
        bottoms: ["h1", ".tiles .card", "svg"].map(bottom),
        width: document.documentElement.clientWidth,
        tooWide: tooWide(),
        links: addresses.length,
        dead: addresses.filter(it => !isSeen(document.getElementById(it.slice(1)))),
    };
    const closed = [...document.querySelectorAll("details:not([open])")];
    closed.forEach(details => { details.open = true });
    found.tooWide.push(...tooWide());
    found.scrolled = document.documentElement.scrollWidth;
    closed.forEach(details => { details.open = false });
    return found;
})()
"""
OPEN_ALL = "document.querySelectorAll('details').forEach(details => { details.open = true });"
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
    const found = {};
    const note = (element, style, colour) => {
        const [ink, paper] = [luminance(colour), luminance(background(element))];
        const ratio = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
        const size = parseFloat(style.fontSize);
        const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
        const key = [element.tagName, element.className.baseVal ?? element.className, colour];
        found[key.join(" ")] = [ratio, isLarge ? 3 : 4.5];
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
    const body = getComputedStyle(document.body);
    return [found, luminance(body.backgroundColor), luminance(body.color)];
})()
"""
# The texts of which a line ends within a word.
BROKEN = """
(() => {
    const broken = new Set();
    const cells = document.querySelectorAll("td");
    for (const cell of cells) {
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
    return [cells.length, [...broken]];
})()
"""


def look(text: str, folder: Path, script: str, *widths: int, is_dark: bool = False) -> list[Any]:
    """Return what a script says of a page in a window of each width."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(
            "no Chromium or Chrome is on PATH, so nobody has looked at the page (Debian: "
            "apt install chromium)"
        )
    shown, harness = folder / "report.html", folder / "harness.html"
    shown.write_text(text, encoding="utf-8")
    harness.write_text(LOOKED_AT.format(shown.as_uri(), [*widths], json.dumps(script)))
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
        f"--blink-settings=preferredColorScheme={0 if is_dark else 1}",
        f"--user-data-dir={folder}",
        "--dump-dom",
    ]
    done = subprocess.run(
        [program, *options, harness.as_uri()],
        env=os.environ | {"HOME": str(folder)},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    (said,) = re.findall("<pre>(.*)</pre>", done.stdout, re.DOTALL)
    found: list[Any] = json.loads(html.unescape(said))
    return found


@pytest.mark.parametrize("kind", PAGES)
def test_the_page_at_every_width(tmp_path: Path, kind: str) -> None:
    text = page(PAGES[kind], "warehouse.duckdb")
    assert '<meta name="viewport" content="width=device-width' in text
    for width, found in zip(WIDTHS, look(text, tmp_path, MEASURES, *WIDTHS), strict=True):
        assert found["width"] == width >= found["scrolled"]
        assert found["tooWide"] == found["dead"] == []
        assert found["links"] > 12
        # The answer and the first chart are near the top.
        title, tile, chart = found["bottoms"]
        assert title < 0.5
        if width >= 390:
            assert tile < 1
            assert chart < (1 if width == 1280 else 2)


@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
def test_all_text_can_be_read_in_light_and_in_dark(tmp_path: Path, *, is_dark: bool) -> None:
    text, script = page(PAGES["small"], "warehouse.duckdb"), OPEN_ALL + CONTRASTS
    for found, paper, ink in look(text, tmp_path, script, 390, 1280, is_dark=is_dark):
        assert len(found) > 15
        assert {name: ratios for name, ratios in found.items() if ratios[0] < ratios[1]} == {}
        assert (paper < 0.05, ink > 0.6) == (is_dark, is_dark)
        assert (paper > 0.6, ink < 0.05) == (not is_dark, not is_dark)


@pytest.mark.parametrize("name", ["analytics_warehouse.team_marketing_attribution", "a__b.c-d" * 9])
def test_long_names_are_broken_between_their_parts(tmp_path: Path, name: str) -> None:
    text = page(account(3, 12, name=name), "warehouse.duckdb")
    for cells, broken in look(text, tmp_path, OPEN_ALL + BROKEN, 390, 1040, 1280):
        assert cells > 300
        assert broken == []
