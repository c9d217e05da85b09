"""What can go wrong that a person can mend."""

from __future__ import annotations


class LoadError(Exception):
    """Its text is one line that says what to do, or what does not fit where."""


def first_line(error: BaseException) -> str:
    """Return what `error` says, without the statement that DuckDB quotes below it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
