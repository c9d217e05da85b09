"""Loaders that people use, compared row by row with what the API holds: `make loaders`."""

from __future__ import annotations

import argparse
import difflib
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.environments import install
from tests.support.loaders.chain import run
from tests.support.loaders.comparison import compare
from tests.support.loaders.findings import findings, record, version_of
from tests.support.loaders.history import AwkwardHistory
from tests.support.loaders.ways import WAYS

if TYPE_CHECKING:
    from tests.support.loaders.chain import Chain
    from tests.support.loaders.ways import Way

_HEADINGS = ("loader and settings", "version", "rows equal", "fields equal", "s", "CPU s", "")


def main() -> int:
    """Print a row for each way; 1 if one is no longer as recorded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="run only the ways that have one of these in them")
    parser.add_argument("--record", action="store_true", help="write what is found as expected")
    arguments = parser.parse_args()
    recorded, measured, lines = findings(), {}, []
    _print(_HEADINGS)
    for way in WAYS:
        if arguments.names and not any(part in way.name for part in arguments.names):
            continue
        chain, result = _measure(way)
        change = _change(way.name, recorded.get(way.name, {}).get("measured"), result)
        _print(_cells(way, chain, result, "differs from the record" if change else "as recorded"))
        measured[way.name] = result
        lines += change
    for line in lines:
        print(line)
    if arguments.record:
        record(measured)
    return 1 if lines and not arguments.record else 0


def _measure(way: Way) -> tuple[Chain, dict[str, Any]]:
    for environment in way.environments:
        install(environment)
    with tempfile.TemporaryDirectory() as name:
        directory, history = Path(name), AwkwardHistory()
        with way.open(directory) as store:
            chain = run(store.loader, history, directory, **way.tap_settings)
            comparison = compare(store.read(), history.expected())
    return chain, {"failure": chain.failure, **asdict(comparison)}


def _cells(way: Way, chain: Chain, result: dict[str, Any], verdict: str) -> tuple[str, ...]:
    return (
        way.name,
        version_of(way.name),
        f"{result['rows_equal']:,} of {result['rows']:,}",
        f"{result['fields_equal']:,} of {result['fields']:,}",
        f"{chain.seconds:.1f}",
        f"{chain.cpu_seconds:.1f}",
        verdict,
    )


def _print(cells: tuple[str, ...]) -> None:
    widths = (58, 7, 16, 18, 5, 5, 0)
    print("  ".join(map(str.ljust, cells, widths)).rstrip(), flush=True)


def _change(name: str, expected: dict[str, Any] | None, found: dict[str, Any]) -> list[str]:
    """Return how what was found differs from what is recorded."""
    before, after = (_lines(result) if result else [] for result in (expected, found))
    return list(difflib.unified_diff(before, after, f"{name}: recorded", "found", lineterm="", n=0))


def _lines(result: dict[str, Any]) -> list[str]:
    rows = f"{result['rows_equal']} of {result['rows']} rows are equal"
    fields = f"{result['fields_equal']} of {result['fields']} fields are equal"
    return [rows, fields, result["failure"] or "no failure", *result["differs"]]


if __name__ == "__main__":
    sys.exit(main())
