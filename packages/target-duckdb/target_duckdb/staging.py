"""A batch on its way: read by DuckDB as it was written, and checked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import duckdb
from typing_extensions import Self

from target_duckdb.column_types import WIDER_INTEGERS
from target_duckdb.columns import Columns
from target_duckdb.errors import LoadError, first_line
from target_duckdb.own_columns import DELETED, OWN
from target_duckdb.values import AS_TEXT, Value, is_exact
from target_duckdb.warehouse import literal, quoted

_LINE = 16 * 1024 * 1024
_SHOWN = 40
# DuckDB takes each field out of a record by itself, at a cost that grows with the record's fields.
_MANY_COLUMNS = 100
# A text that another key might be, written as a number or as a truth value.
_LOOKS_LIKE_NO_TEXT = '"(-?[0-9]+|true|false)"'


class Staging:
    """The records of a batch, in `temp.main.staged`: each value as its text or its JSON."""

    def __init__(self, columns: Columns, path: Path, longest: int) -> None:
        self._connection, self._stream = columns.warehouse.connection, columns.stream
        self._columns, self._keys, self._path = columns, columns.keys, path
        self.rows: object = 0
        names = (name for name in columns.kinds if name not in OWN)
        self._texts = {name: f"text_{index}" for index, name in enumerate(names)}
        self.beside = {
            "time_extracted": Value("time_extracted", "TIMESTAMP"),
            DELETED: Value("deleted", "TIMESTAMP"),
            "version": Value("version", "BIGINT"),
        }
        try:
            self._connection.execute(self._statement(max(_LINE, 2 * longest)))
        except duckdb.InvalidInputException as error:
            why = re.sub(r' in file "[^"]*",?', "", first_line(error))
            why = re.sub(r"Object \{.* has duplicate", "an object has the duplicate", why)
            why = _shortened(why, 200)
            raise LoadError(f"{self._stream}: a record cannot be read: {why}") from error

    def _statement(self, longest: int) -> str:
        kinds = {
            name: "VARCHAR" if self._is_text(name, kind) else "JSON"
            for name, kind in (self._kinds | {DELETED: "TIMESTAMP"}).items()
        }
        many = len(kinds) > _MANY_COLUMNS
        fields = ", ".join(f"{quoted(it)} {'JSON' if many else kind}" for it, kind in kinds.items())
        source = (
            f"read_json({literal(str(self._path))}, format = 'newline_delimited',"
            f" maximum_object_size = {longest}, columns = {{type: 'VARCHAR', stream: 'VARCHAR',"
            f" record: {literal(f'STRUCT({fields})')}, version: 'JSON',"
            " time_extracted: 'VARCHAR'})"
        )
        values = [f"struct_extract(record, {literal(it)})" for it in kinds]
        if many:
            every = "map_values(CAST(record AS MAP(VARCHAR, JSON)))"
            source = f"(SELECT *, {every} AS list FROM {source})"
            values = [
                f"list[{place}]" + " ->> '$'" * (kind == "VARCHAR")
                for place, kind in enumerate(kinds.values(), start=1)
            ]
        texts = (*self._texts.values(), "deleted")
        named = ", ".join(f"{it} AS {text}" for it, text in zip(values, texts, strict=True))
        return (
            f"CREATE OR REPLACE TEMP TABLE staged AS SELECT {named},"
            " record IS NULL AS is_nothing, version, time_extracted,"
            # DuckDB finds a key that comes twice only if it is asked for.
            f" (type, stream) IS NULL AS is_unused FROM {source}"
        )

    @property
    def _kinds(self) -> dict[str, str]:
        return {name: self._columns.kinds[name] for name in self._texts}

    def _is_text(self, name: str, kind: str) -> bool:
        return kind in AS_TEXT and not (kind == "VARCHAR" and name in self._keys)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for table in ("staged", "newest"):
            self._connection.execute(f"DROP TABLE IF EXISTS temp.main.{table}")

    def check(self) -> bool:
        """Check that each record is one, with its keys; return whether any has a version."""
        missing = (f"count_if({self._texts[key]} IS NULL)" for key in self._keys)
        row = self._row(("count_if(is_nothing)", "count(version)", "count(*)", *missing))
        self.rows = row[2]
        if row[0]:
            raise LoadError(f"{self._stream}: a RECORD message has no record")
        for key, count in zip(self._keys, row[3:], strict=True):
            if count:
                raise LoadError(
                    f"{self._stream}: {count} records have no value for the key {key!r}"
                )
        return bool(row[1])

    def _row(self, expressions: Iterable[str]) -> tuple[object, ...]:
        listed = ", ".join(expressions)
        query = f"SELECT {listed} FROM temp.main.staged"
        return self._columns.warehouse.row(query) if listed else ()

    def kinds_of_key(self, key: str) -> set[str]:
        """Return whether the key, in a column of text, is a text, something else, or both.

        If its schema allows both, only a text that looks like something else is one.
        """
        text = self._texts[key]
        is_text = f"starts_with({text}, '\"')"
        confusing = (
            f"regexp_full_match({text}, '{_LOOKS_LIKE_NO_TEXT}')"
            if key in self._columns.mixed
            else is_text
        )
        row = self._row((f"bool_or({confusing})", f"bool_or(NOT {is_text})"))
        return {kind for kind, found in zip(("text", "no text"), row, strict=True) if found}

    def value(self, name: str, kind: str) -> Value:
        """Return the value of `name`, for a column of the type `kind`."""
        return Value(self._texts[name], kind, is_key=name in self._keys)

    def too_narrow(self) -> dict[str, str]:
        """Return a wider type for each column that cannot take its values."""
        found: dict[str, str] = {}
        kinds = self._kinds
        for name, shown in self._misfits(kinds).items():
            wider = WIDER_INTEGERS.get(kinds[name], ())
            fitting = next((it for it in wider if not self._misfits({name: it})), None)
            if fitting is None:
                raise self._misfit(name, kinds[name], shown)
            found[name] = fitting
        firsts = self._firsts(list(self.beside.values()))
        for (name, value), text in zip(self.beside.items(), firsts, strict=True):
            if text is not None:
                what = "integer" if value.kind == "BIGINT" else "timestamp"
                raise LoadError(f"{self._stream}: `{name}` of a record is no {what}: {str(text)!r}")
        return found

    def _misfits(self, columns: Mapping[str, str]) -> dict[str, str]:
        """Return the JSON of the first value of each of `columns` that cannot take it."""
        found = self._firsts([self.value(name, kind) for name, kind in columns.items()])
        return {
            name: json.dumps(text, ensure_ascii=False) if self._is_text(name, kind) else str(text)
            for (name, kind), text in zip(columns.items(), found, strict=True)
            if text is not None
        }

    def _firsts(self, values: Sequence[Value]) -> tuple[object, ...]:
        """Return the first misfit of each of `values`, None if there is none."""
        first = "arg_min({0}, rowid) FILTER (WHERE {1})"
        found: list[object] = []
        # Some at a time: DuckDB plans a query in the square of its aggregates.
        for begin in range(0, len(values), _MANY_COLUMNS):
            some = values[begin : begin + _MANY_COLUMNS]
            found += self._row(first.format(it.text, it.misfits(careful=True)) for it in some)
        return tuple(found)

    def look_again(self) -> None:
        """Look at the tap's own lines where the quick look was not sure of a value."""
        unsure = ", ".join(
            self.value(name, kind).misfits(careful=False) for name, kind in self._kinds.items()
        )
        places = self._connection.execute(
            f"SELECT rowid FROM temp.main.staged WHERE list_contains([{unsure}], true)"
        ).fetchall()
        wanted = {place for (place,) in places}
        with self._path.open("rb") as file:
            lines = (line for place, line in enumerate(file) if place in wanted)
            try:
                for line in lines if wanted else ():
                    self._look_at(line)
            except RecursionError as error:
                why = f"a record cannot be read: {first_line(error)}"
                raise LoadError(f"{self._stream}: {why}") from error

    def _look_at(self, line: bytes) -> None:
        record = json.loads(line, parse_float=Decimal, parse_constant=Decimal)["record"]
        for name, kind in self._kinds.items():
            value = record.get(name)
            if not is_exact(value, kind, is_key=name in self._keys):
                raise self._misfit(name, kind, str(value))

    def _misfit(self, name: str, kind: str, shown: str) -> LoadError:
        key = " as a key" if name in self._keys else ""
        return LoadError(
            f"{self._stream}: the column {name!r} is {kind} and cannot take"
            f" {_shortened(shown, _SHOWN)}{key}: declare another type, or make text of it in"
            " `stream_maps`"
        )


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]}…"
