"""Parses what dbt compiled, in the dialect of the warehouse that it is for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlglot
from sqlglot import ErrorLevel, exp

if TYPE_CHECKING:
    from pathlib import Path

# What a warehouse has, and the parser takes for a function of somebody's own.
_KNOWN = {"to_timestamp_tz"}


def parse(target: Path, dialect: str) -> int:
    """Parse every model and test below a target folder of dbt, and return how many there are.

    Raises:
        sqlglot.errors.ParseError: if a text is no SQL of this dialect.
    """
    paths = sorted((target / "compiled").rglob("*.sql"))
    for path in paths:
        statement = sqlglot.parse_one(path.read_text(), read=dialect, error_level=ErrorLevel.RAISE)
        assert isinstance(statement, exp.Query), f"{path} is no query"
        functions = {call.name.lower() for call in statement.find_all(exp.Anonymous)}
        assert functions <= _KNOWN, f"{path} calls {functions - _KNOWN}"
    assert paths, f"nothing was compiled in {target}"
    return len(paths)
