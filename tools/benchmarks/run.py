"""`make benchmark`: this tap beside what a user would pick instead, in one run, as ratios.

`tools/benchmarks/RESULTS.md` is written, each part of it when it has been measured.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from benchmarks import accounts, chains, one_list, shapes
from benchmarks.measure import HERE

RESULTS = HERE / "RESULTS.md"
TITLES = {
    "list": one_list.TITLE,
    "chains": chains.TITLE,
    "shapes": shapes.TITLE,
    "projects": accounts.TITLE,
}
HEAD = """\
# Benchmark

Written by `make benchmark`. Seconds depend on the machine; the ratios are the point.
"""


def main() -> None:
    """Measure, print, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--many", type=int, default=1_000_000, help="for memory")
    parser.add_argument(
        "--parts", nargs="+", choices=TITLES, default=list(TITLES), help="measure only these"
    )
    options = parser.parse_args()
    for part in options.parts:
        for lines in _measured(part, options):
            _write(TITLES[part], lines)
    print(RESULTS.read_text())


def _measured(part: str, options: argparse.Namespace) -> Iterator[list[str]]:
    """Yield the tables of a part, some of them each time longer."""
    if part == "list":
        yield one_list.tables(options.rows, options.many, options.times)
    elif part == "chains":
        yield from chains.tables(options.rows, options.many, options.times)
    elif part == "shapes":
        yield shapes.tables(options.times)
    else:
        yield from accounts.tables()


def _write(title: str, lines: list[str]) -> None:
    """Put a part into the page, in the place of what it had there."""
    parts = dict.fromkeys(TITLES.values(), "")
    for text in RESULTS.read_text().split("\n## ")[1:]:
        parts["## " + text.partition("\n")[0]] = "## " + text.strip() + "\n"
    parts[title] = "\n".join(lines).strip() + "\n"
    RESULTS.write_text("\n".join([HEAD, *filter(None, parts.values())]))


if __name__ == "__main__":
    main()
