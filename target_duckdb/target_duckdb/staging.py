"""A batch on its way: read by DuckDB as it was written, and checked."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

import duckdb
from typing_extensions import Self

from target_duckdb.column_types import WIDER_INTEGERS
from target_duckdb.errors import LoadError, first_line
from target_duckdb.values import AS_TEXT, Value, is_exact
from target_duckdb.warehouse import literal, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

VERSION = "_sdc_table_version"
DELETED = "_sdc_deleted_at"
_LINE = 16 * 1024 * 1024
_SHOWN = 40
# DuckDB takes each field out of a record by itself, at a cost that grows with the record's fields.
_MANY_COLUMNS = 100
# A text that another key might be, written as a number or as a truth value.
_LOOKS_LIKE_NO_TEXT = '"(-?[0-9]+|true|false)"'


class Lines(NamedTuple):
    """A file of RECORD messages, and how many bytes the longest has."""

    path: Path
    longest: int


class Staging:
    """The records of a batch, in `temp.main.staged`: each value as its text or its JSON."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        stream: str,
        columns: Mapping[str, str],
        keys: Sequence[str],
        lines: Lines,
    ) -> None:
        """Read the RECORD messages of a file.

        Raises:
            LoadError: one cannot be read.
        """
        self._connection, self._stream, self._path = connection, stream, lines.path
        self._keys = keys
        self._texts = {name: f"text_{index}" for index, name in enumerate(columns)}
        self.deleted = Value("deleted", "TIMESTAMP")
        self.time_extracted = Value("time_extracted", "TIMESTAMP")
        self.version = Value("version", "BIGINT")
        try:
            connection.execute(self._statement(columns, max(_LINE, 2 * lines.longest)))
        except duckdb.InvalidInputException as error:
            why = re.sub(r' in file "[^"]*",?', "", first_line(error))
            why = re.sub(r"Object \{.* has duplicate", "an object has the duplicate", why)
            raise LoadError(f"{stream}: a record cannot be read: {_shortened(why, 200)}") from error

    def _statement(self, columns: Mapping[str, str], longest: int) -> str:
        texts = self._texts | {DELETED: "deleted"}
        kinds = dict.fromkeys(texts, "JSON")
        kinds |= {it: "VARCHAR" for it, kind in columns.items() if self._is_text(it, kind)}
        kinds[DELETED] = "VARCHAR"
        many = len(texts) > _MANY_COLUMNS
        fields = ", ".join(f"{quoted(it)} {'JSON' if many else kinds[it]}" for it in texts)
        source = (
            f"read_json({literal(str(self._path))}, format = 'newline_delimited',"
            f" maximum_object_size = {longest},"
            f" columns = {{type: 'VARCHAR', stream: 'VARCHAR',"
            f" record: {literal(f'STRUCT({fields})')}, version: 'JSON',"
            " time_extracted: 'VARCHAR'})"
        )
        values = [f"struct_extract(record, {literal(it)})" for it in texts]
        if many:
            source = (
                "(SELECT map_values(CAST(record AS MAP(VARCHAR, JSON))) AS list, record,"
                f" version, time_extracted, type, stream FROM {source})"
            )
            values = [
                f"list[{place}]" + " ->> '$'" * (kinds[name] == "VARCHAR")
                for place, name in enumerate(texts, start=1)
            ]
        named = [f"{it} AS {text}" for it, text in zip(values, texts.values(), strict=True)]
        return (
            f"CREATE OR REPLACE TEMP TABLE staged AS SELECT {', '.join(named)},"
            " record IS NULL AS is_nothing, version, time_extracted,"
            # DuckDB finds a key that comes twice only if it is asked for.
            f" (type, stream) IS NULL AS is_unused FROM {source}"
        )

    def _is_text(self, name: str, kind: str) -> bool:
        return kind in AS_TEXT and not (kind == "VARCHAR" and name in self._keys)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for table in ("staged", "newest"):
            self._connection.execute(f"DROP TABLE IF EXISTS temp.main.{table}")

    def check(self) -> bool:
        """Check that each record is one, with its keys; return whether any has a version.

        Raises:
            LoadError: one is not.
        """
        missing = [f"count_if({self._texts[key]} IS NULL)" for key in self._keys]
        counts = ", ".join(("count_if(is_nothing)", "count(version)", *missing))
        row = self._row(counts)
        if row[0]:
            raise LoadError(f"{self._stream}: a RECORD message has no record")
        for key, count in zip(self._keys, row[2:], strict=True):
            if count:
                raise LoadError(
                    f"{self._stream}: {count} records have no value for the key {key!r}"
                )
        return bool(row[1])

    def _row(self, expressions: str) -> tuple[object, ...]:
        if not expressions:
            return ()
        found = self._connection.execute(f"SELECT {expressions} FROM temp.main.staged").fetchone()
        return found or ()

    def kinds_of_key(self, key: str, *, is_mixed: bool) -> set[str]:
        """Return whether the key, in a column of text, is a text, something else, or both.

        If its schema allows both, only a text that looks like something else is one.
        """
        text = self._texts[key]
        is_text = f"starts_with({text}, '\"')"
        confusing = f"regexp_full_match({text}, '{_LOOKS_LIKE_NO_TEXT}')" if is_mixed else is_text
        row = self._row(f"bool_or({confusing}), bool_or(NOT {is_text})")
        return {kind for kind, found in zip(("text", "no text"), row, strict=True) if found}

    def value(self, name: str, kind: str) -> Value:
        """Return the value of `name`, for a column of the type `kind`."""
        return Value(self._texts[name], kind, is_key=name in self._keys)

    def too_narrow(self, columns: Mapping[str, str]) -> dict[str, str]:
        """Return a wider type for each of `columns` that cannot take its values.

        Raises:
            LoadError: there is no wider type, or something beside the record does not fit.
        """
        misfits = self._misfits({it: kind for it, kind in columns.items() if it in self._texts})
        found: dict[str, str] = {}
        for place in range(2):
            options = {name: WIDER_INTEGERS.get(columns[name], ())[place:] for name in misfits}
            tried = {it: kinds[0] for it, kinds in options.items() if kinds and it not in found}
            still = self._misfits(tried)
            found |= {name: kind for name, kind in tried.items() if name not in still}
        for name, shown in misfits.items():
            if name not in found:
                raise self._misfit(name, columns[name], shown)
        for beside, name in (
            (self.time_extracted, "time_extracted"),
            (self.deleted, DELETED),
            (self.version, "version"),
        ):
            (text,) = self._firsts([beside])
            if text is not None:
                what = "integer" if name == "version" else "timestamp"
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
        return self._row(
            ", ".join(
                f"arg_min({it.text}, rowid) FILTER (WHERE {it.misfits(careful=True)})"
                for it in values
            )
        )

    def look_again(self, columns: Mapping[str, str]) -> None:
        """Look at the tap's own lines where the quick look was not sure of a value.

        Raises:
            LoadError: one has a value that its column does not hold exactly.
        """
        known = {it: kind for it, kind in columns.items() if it in self._texts}
        unsure = ", ".join(
            self.value(name, kind).misfits(careful=False) for name, kind in known.items()
        )
        places = self._connection.execute(
            f"SELECT rowid FROM temp.main.staged WHERE list_contains([{unsure}], true) ORDER BY 1"
        ).fetchall()
        for line in self._lines([place for (place,) in places]):
            record = json.loads(line, parse_float=Decimal, parse_constant=Decimal)["record"]
            for name, kind in known.items():
                value = record.get(name)
                if not is_exact(value, kind, is_key=name in self._keys):
                    raise self._misfit(name, kind, str(value))

    def _lines(self, places: list[int]) -> Iterator[bytes]:
        wanted = iter(places)
        place = next(wanted, None)
        with self._path.open("rb") as file:
            for number, line in enumerate(file):
                if number == place:
                    yield line
                    place = next(wanted, None)

    def _misfit(self, name: str, kind: str, shown: str) -> LoadError:
        key = " as a key" if name in self._keys else ""
        return LoadError(
            f"{self._stream}: the column {name!r} is {kind} and cannot take"
            f" {_shortened(shown, _SHOWN)}{key}: declare another type, or make text of it in"
            " `stream_maps`"
        )


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]}…"
