"""How the JSON of a value becomes one of a column's type: exactly, or not at all."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from target_duckdb.column_types import INTEGERS

# A text is staged as it reads, every other value as its JSON. As JSON, too, in a key: there `1` and
# `"1"` must not become the same.
AS_TEXT = frozenset(("VARCHAR", "DATE", "TIMESTAMP", "TIME"))
# What DuckDB's JSON reader takes besides JSON.
_NO_JSON = ("NaN", "Infinity", "-Infinity")
_TIME = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.]{fraction})?)?"
_OFFSET = "([Zz]|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)?"
_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
# As most taps write it; DuckDB is twice as quick where it has to know no time zone.
_USUAL = f"{_DATE}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{{1,6}})?Z"


class Value:
    """One value of each record, on its way into a column.

    DuckDB's casts alone take more than is exact: 1.5 as the BIGINT 2, `0x10` as 16, `epoch` as a
    date. Two looks are taken at a value. The quick one is sure of nearly all values. What it does
    not take gets the careful one, for which `is_exact` must look at the tap's own line as well.
    """

    def __init__(self, text: str, kind: str, *, is_key: bool = False) -> None:
        self.text, self.kind, self.is_key = text, kind, is_key

    def checked(self, *, careful: bool) -> str:
        """Return an SQL expression: the value, an error where the column cannot take it."""
        fits, converted = self._parts("CAST", careful=careful)
        usual = ""
        if self.kind == "TIMESTAMP":
            usual = f"WHEN {_matches(self.text, _USUAL)} THEN CAST({self.text} AS TIMESTAMP)"
        elif self.kind == "VARCHAR" and self.is_key:
            usual = f"WHEN starts_with({self.text}, '\"') THEN {converted}"
        return f"CASE {usual} WHEN {fits} THEN {converted} ELSE error({self.text}) END"

    def misfits(self, *, careful: bool) -> str:
        """Return an SQL expression: is this something that the column cannot take?"""
        fits, converted = self._parts("TRY_CAST", careful=careful)
        return f"{self.text} IS NOT NULL AND (CASE WHEN {fits} THEN {converted} END) IS NULL"

    def _parts(self, cast: str, *, careful: bool) -> tuple[str, str]:
        text, kind = self.text, self.kind
        if kind in {"TIMESTAMP", "TIME"}:
            return self._moment(cast, careful=careful)
        if kind == "VARCHAR" and self.is_key:
            fits = f"(starts_with({text}, '\"') OR {_matches(text, '-?[0-9]+|true|false')})"
            return fits, f"({text} ->> '$')"
        converted = text if kind in {"VARCHAR", "JSON"} else f"{cast}({text} AS {kind})"
        return self._fits(careful=careful), converted

    def _fits(self, *, careful: bool) -> str:
        if self.kind in INTEGERS:
            return self._integer(careful=careful)
        if self.kind == "DOUBLE":
            return self._double(careful=careful)
        if self.kind == "BOOLEAN":
            return f"{self.text} IN ('true', 'false')"
        if self.kind == "DATE":
            # In ten characters, nothing else looks the same as a date: that is quick to find out.
            date = f"CAST(TRY_CAST({self.text} AS DATE) AS VARCHAR)"
            return f"(length({self.text}) = 10 AND {date} = {self.text})"
        return self._anything(careful=careful)

    def _integer(self, *, careful: bool) -> str:
        fits = _matches(self.text, "-?[0-9]+")
        if not careful:
            return fits
        number = f"TRY_CAST({self.text} AS DOUBLE)"
        # DuckDB has read it as a DOUBLE: beyond that, 9007199254740993.0 came as another integer.
        whole = f"{number} = trunc({number}) AND abs({number}) < {2**53}"
        return f"({fits} OR {_matches(self.text, '-?[0-9].*')} AND {whole})"

    def _double(self, *, careful: bool) -> str:
        if careful:
            return f"({_matches(self.text, '-?[0-9].*')} AND {_is_exact_double(self.text)})"
        if self.is_key:
            return _matches(self.text, "-?[0-9]{1,15}")
        return _matches(self.text, "-?([0-9]{1,15}|[0-9]{1,20}[.][0-9]+(e-?[0-9]{1,2})?)")

    def _moment(self, cast: str, *, careful: bool) -> tuple[str, str]:
        # What is below a microsecond is dropped, but not from a key: two would become one.
        fraction = "[0-9]{1,6}0*" if self.is_key else "[0-9]+"
        pattern = _TIME.format(fraction=fraction) + _OFFSET
        moment = f"upper({self.text})" if careful else self.text
        if self.kind == "TIME":
            moment = f"'1970-01-02T' || {moment}"
        else:
            pattern = f"{_DATE}([Tt ]{pattern})?"
        # The session's time zone is UTC, which is what a text without an offset is taken for.
        converted = f"CAST({cast}({moment} AS TIMESTAMPTZ) AS TIMESTAMP)"
        return _matches(self.text, pattern), f"CAST({converted} AS {self.kind})"

    def _anything(self, *, careful: bool) -> str:
        if careful:
            return f"{self.text} IS NOT NULL"
        if self.kind == "VARCHAR":
            return f"{self.text} NOT IN {_NO_JSON}"
        if self.is_key:
            return f"NOT regexp_matches({self.text}, 'NaN|Infinity|[0-9][.eE]')"
        return f"NOT (contains({self.text}, 'NaN') OR contains({self.text}, 'Infinity'))"


def _matches(text: str, pattern: str) -> str:
    return f"regexp_full_match({text}, '{pattern}')"


def _is_exact_double(text: str) -> str:
    """Return an SQL expression: is the DOUBLE finite, and no other integer than `text`?

    An integer of up to 15 digits always is exact. A longer one is if nothing is lost, or if it is
    how other languages write a double: its 17 digits at most, and zeros.
    """
    double = f"TRY_CAST({text} AS DOUBLE)"
    digits = f"regexp_replace({text}, '^-|0+$', '', 'g')"
    shortest = f"regexp_replace(CAST({double} AS VARCHAR), '^-|[.]|0*(e.*)?$', '', 'g')"
    return (
        f"CASE WHEN {_matches(text, '-?[0-9]{16,}')} THEN"
        f" TRY_CAST({double} AS HUGEINT) = TRY_CAST({text} AS HUGEINT) OR {digits} = {shortest}"
        f" ELSE isfinite({double}) END"
    )


def is_exact(value: Any, kind: str, *, is_key: bool) -> bool:  # noqa: ANN401 - any JSON
    """Return whether a column holds exactly what the tap wrote; a fraction is read as a Decimal.

    Where DuckDB reads a number as a DOUBLE, its text no longer tells what it was.
    """
    if isinstance(value, dict):
        return all(is_exact(it, "JSON", is_key=is_key) for it in value.values())
    if isinstance(value, list):
        return all(is_exact(it, "JSON", is_key=is_key) for it in value)
    if not isinstance(value, Decimal):
        return True
    if not value.is_finite():
        return False
    if kind in INTEGERS:
        return value == value.to_integral_value()
    return not is_key or value == Decimal(repr(float(value)))
