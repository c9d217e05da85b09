"""Parses what dbt compiled, in the dialect of the warehouse that it is for."""

from __future__ import annotations

import sqlglot
from sqlglot import ErrorLevel, exp

# What a warehouse has, and the parser takes for a function of somebody's own.
_KNOWN = {"to_timestamp_tz"}


def check(text: str, dialect: str) -> None:
    """Parse a query, in which every function must be one of the dialect.

    Raises:
        sqlglot.errors.ParseError: if the text is no SQL of this dialect.
    """
    statement = sqlglot.parse_one(text, read=dialect, error_level=ErrorLevel.RAISE)
    assert isinstance(statement, exp.Query), f"no query: {text}"
    functions = {call.name.lower() for call in statement.find_all(exp.Anonymous)}
    assert functions <= _KNOWN, f"{functions - _KNOWN} in {text}"
