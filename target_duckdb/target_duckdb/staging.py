"""A batch on its way: read by DuckDB as it was written, and checked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import duckdb
from typing_extensions import Self

from target_duckdb import column_types
from target_duckdb.errors import LoadError, first_line
from target_duckdb.warehouse import literal, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

VERSION = "_sdc_table_version"
DELETED = "_sdc_deleted_at"
_LINE = 16 * 1024 * 1024
_SHOWN = 40


class Staging:
    """The records of a batch, in `temp.main.staged`: each value as its text."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        stream: str,
        columns: Mapping[str, str],
        path: Path,
        longest: int,
    ) -> None:
        """Read the RECORD messages of a file, the longest of so many bytes.

        Raises:
            LoadError: one cannot be read.
        """
        self._connection, self._stream = connection, stream
        self._texts = {name: f"text_{index}" for index, name in enumerate(columns)}
        # Only as JSON is a text told from a number, in a column that holds both.
        fields = {name: "JSON" if kind == "JSON" else "VARCHAR" for name, kind in columns.items()}
        fields[DELETED] = "VARCHAR"
        record = ", ".join(f"{quoted(name)} {kind}" for name, kind in fields.items())
        found = {text: name for name, text in self._texts.items()} | {"deleted": DELETED}
        values = [f"struct_extract(record, {literal(it)}) AS {text}" for text, it in found.items()]
        try:
            connection.execute(
                f"CREATE OR REPLACE TEMP TABLE staged AS SELECT {', '.join(values)},"
                " record IS NULL AS is_nothing, version, time_extracted"
                f" FROM read_json({literal(str(path))}, format = 'newline_delimited',"
                f" maximum_object_size = {max(_LINE, 2 * longest)},"
                f" columns = {{record: {literal(f'STRUCT({record})')},"
                " version: 'BIGINT', time_extracted: 'VARCHAR'})"
            )
        except duckdb.InvalidInputException as error:
            why = re.sub(r' in file "[^"]*",?', "", first_line(error))
            raise LoadError(f"{stream}: a record cannot be read: {why}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.execute("DROP TABLE IF EXISTS temp.main.staged")

    def check(self, keys: Sequence[str]) -> bool:
        """Check that each record is one, with its keys; return whether any has a version.

        Raises:
            LoadError: one is not.
        """
        missing = [f"count_if({self._texts[key]} IS NULL)" for key in keys]
        counts = ", ".join(("count_if(is_nothing)", "count(version)", *missing))
        counted = self._connection.execute(f"SELECT {counts} FROM temp.main.staged").fetchone()
        row = counted or (0, 0)
        if row[0]:
            raise LoadError(f"{self._stream}: a RECORD message has no record")
        for key, count in zip(keys, row[2:], strict=True):
            if count:
                raise LoadError(
                    f"{self._stream}: {count} records have no value for the key {key!r}"
                )
        return bool(row[1])

    def value(self, name: str, kind: str) -> str:
        """Return an expression: the value of `name`, null where `kind` has none for it."""
        return column_types.value(self._texts[name], kind)

    def checked(self, name: str, kind: str) -> str:
        """Return an expression: the value of `name`, an error where `kind` has none for it."""
        return checked(self._texts[name], kind)

    def too_narrow(self, columns: Mapping[str, str]) -> dict[str, str]:
        """Return a wider type for each of `columns` that cannot take its values.

        Raises:
            LoadError: there is no wider type, or every column can.
        """
        found: dict[str, str] = {}
        for name, kind in columns.items():
            if name in self._texts and self._misfit(name, kind) is not None:
                found[name] = "HUGEINT" if kind in column_types.INTEGERS else kind
                text = self._misfit(name, found[name])
                if text is not None:
                    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
                    raise LoadError(
                        f"{self._stream}: the column {name!r} is {kind} and cannot take"
                        f" {shown!r}: declare another type, or make text of it in `stream_maps`"
                    )
        if not found:
            raise LoadError(f"{self._stream}: `time_extracted` or `{DELETED}` is no timestamp")
        return found

    def _misfit(self, name: str, kind: str) -> str | None:
        text = self._texts[name]
        row = self._connection.execute(
            f"SELECT {text} FROM temp.main.staged WHERE {text} IS NOT NULL"
            f" AND ({column_types.value(text, kind)}) IS NULL LIMIT 1"
        ).fetchone()
        return None if row is None else str(row[0])


def checked(text: str, kind: str) -> str:
    """Return an expression: what `text` stands for in the type `kind`, an error for nothing."""
    if kind in {"VARCHAR", "JSON"}:
        return text
    wrong = f"CASE WHEN {text} IS NOT NULL THEN error('no {kind}: ' || {text}) END"
    return f"coalesce({column_types.value(text, kind)}, {wrong})"
