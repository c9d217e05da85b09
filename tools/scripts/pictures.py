"""The pictures of the README: `python -m scripts.pictures` runs the demo and looks at it.

It needs Chromium or Chrome. What the pictures show is the demo's own output and page.
"""

from __future__ import annotations

import html
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "docs" / "pictures"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
TERMINAL = """<!doctype html><meta charset="utf-8">
<body style="margin: 0; background: #1b1f24">
<pre style="margin: 16px; color: #d7dde3; font: 14px/1.4 monospace">{}</pre>"""


def main() -> None:
    """Write the pictures."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit("pictures: there is no Chromium or Chrome; install one")
    done = subprocess.run(
        [sys.executable, "-m", "demo"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "demo.html"
        text = done.stdout.replace(str(ROOT), "/home/you/tap-dagctl")
        page.write_text(TERMINAL.format(html.escape(text)), encoding="utf-8")
        lines = len(text.splitlines())
        _picture(browser, page, PICTURES / "demo.png", 1040, 32 + 20 * lines)
    _picture(browser, ROOT / "output" / "demo-report.html", PICTURES / "page.png", 1200, 690)


def _picture(browser: str, page: Path, to: Path, width: int, height: int) -> None:
    window = f"--window-size={width},{height}"
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", window]
    subprocess.run([*command, f"--screenshot={to}", page.as_uri()], check=True, capture_output=True)


if __name__ == "__main__":
    main()
