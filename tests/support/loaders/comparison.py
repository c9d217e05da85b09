"""What a loader holds, beside what it is to hold: how many rows and fields, and what differs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.truth import Table

_LONGEST = 32


@dataclass
class Comparison:
    """How many rows and fields are equal, of how many, and a line for each kind of difference."""

    rows: int = 0
    rows_equal: int = 0
    fields: int = 0
    fields_equal: int = 0
    differs: list[str] = field(default_factory=list)


def compare(found: Mapping[str, Table], expected: Mapping[str, Table]) -> Comparison:
    """Compare all tables, row by row and field by field; null is as good as not there."""
    result = Comparison()
    for name, table in expected.items():
        have = found.get(name, {})
        missing, surplus = table.keys() - have.keys(), have.keys() - table.keys()
        if missing:
            result.differs.append(f"{name}: {len(missing)} of {len(table)} rows missing")
        if surplus:
            result.differs.append(f"{name}: {len(surplus)} rows too many")
        wrong: dict[str, list[str]] = {}
        for key in sorted(table):
            row, want = have.get(key), table[key]
            result.rows += 1
            result.fields += len(want)
            if row is None:
                continue
            names = sorted(row.keys() | want.keys())
            differing = [name for name in names if not _same(row.get(name), want.get(name))]
            result.rows_equal += not differing
            result.fields_equal += len(want.keys() - set(differing))
            for column in differing:
                change = f"{_short(want.get(column))} is {_short(row.get(column))}"
                wrong.setdefault(column, []).append(f"{change} ({_short(key[-1])})")
        result.differs += [
            f"{name}.{column}: {len(lines)} of {len(table)}, such as {lines[0]}"
            for column, lines in wrong.items()
        ]
    return result


def _same(have: Any, want: Any) -> bool:
    """Return whether both are the same in JSON, where true is no number, but 2.0 is 2."""
    if isinstance(have, bool) or isinstance(want, bool):
        return have is want
    if isinstance(have, dict) and isinstance(want, dict):
        return have.keys() == want.keys() and all(_same(have[name], want[name]) for name in want)
    if isinstance(have, list) and isinstance(want, list):
        return len(have) == len(want) and all(map(_same, have, want))
    if isinstance(want, float) and isinstance(have, int):
        # A decimal of many digits is as exact as the double that the API wrote.
        return float(have) == want
    return bool(have == want)


def _short(value: Any) -> str:
    text = "null" if value is None else repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
