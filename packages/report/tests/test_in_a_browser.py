"""The page as somebody sees it: in a real browser, on a phone and on a desk."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from packages.report.tests.support.large_account import account
from report.page import page
from tests.support.pages import HOSTILE

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
