"""One stream's table: it follows the stream's schema, and takes batches of records."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import duckdb

from target_duckdb import column_types
from target_duckdb.errors import LoadError, first_line
from target_duckdb.staging import DELETED, VERSION, Staging, checked
from target_duckdb.warehouse import folded, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from target_duckdb.warehouse import Warehouse


class Table:
    """A table that a stream fills: the newest record of every key or, without keys, all of them.

    Attributes:
        hard_delete: remove rows that the source has deleted, instead of marking them.
        started_at: when the sync began, in milliseconds.
    """

    hard_delete = False
    started_at = 0

    def __init__(
        self,
        warehouse: Warehouse,
        stream: str,
        properties: Mapping[str, Any],
        keys: Sequence[str],
    ) -> None:
        """Make the table, or give it what it lacks.

        Raises:
            LoadError: a name or a type cannot be had.
        """
        self._warehouse, self._connection = warehouse, warehouse.connection
        self._stream, self._name = stream, warehouse.claim(stream)
        self._keys = list(dict.fromkeys(keys))
        self._check_names(properties)
        self._columns: dict[str, str] = {}
        wanted = {name: column_types.column_type(schema) for name, schema in properties.items()}
        if not warehouse.columns(stream):
            columns = ", ".join(f"{quoted(name)} {kind}" for name, kind in wanted.items())
            self._connection.execute(f"CREATE TABLE {self._name} ({columns})")
        for name, kind in wanted.items():
            self._have(name, kind)

    def _check_names(self, properties: Mapping[str, Any]) -> None:
        seen: dict[str, str] = {}
        for name in properties:
            other = seen.setdefault(folded(name), name)
            if other != name:
                raise LoadError(
                    f"{self._stream}: the properties {other!r} and {name!r} differ only in case,"
                    " and DuckDB does not tell them apart: rename or remove one in `stream_maps`"
                )
        for key in self._keys:
            if key not in properties:
                raise LoadError(f"{self._stream}: the key {key!r} is no property of its schema")
        if not properties:
            raise LoadError(f"{self._stream}: its schema has no properties, so there is no column")

    def _have(self, name: str, kind: str) -> None:
        """See to it that the column `name` takes what a column of the type `kind` does."""
        old = self._warehouse.columns(self._stream).get(folded(name))
        if old is None:
            self._connection.execute(f"ALTER TABLE {self._name} ADD COLUMN {quoted(name)} {kind}")
        self._columns[name] = old or kind
        if old and old != kind and old not in column_types.KNOWN:
            raise self._misfit(name, kind, "change one of them by hand")
        self._widen(name, kind)

    def _widen(self, name: str, wanted: str) -> None:
        old = self._columns[name]
        kind = column_types.wider(old, wanted)
        if kind == old:
            return
        if name in self._keys and not column_types.keeps_keys(old, kind):
            why = "it is a key, and as text a new record would not find its row"
            raise self._misfit(name, wanted, why)
        column = quoted(name)
        loses = f"CAST(CAST({column} AS DOUBLE) AS HUGEINT) <> CAST({column} AS HUGEINT)"
        if (
            kind == "DOUBLE"
            and self._connection.execute(
                f"SELECT 1 FROM {self._name} WHERE {loses} LIMIT 1"
            ).fetchone()
        ):
            raise self._misfit(name, wanted, "it holds integers that a DOUBLE cannot hold exactly")
        try:
            self._connection.execute(f"ALTER TABLE {self._name} ALTER COLUMN {column} TYPE {kind}")
        except duckdb.Error as error:
            raise self._misfit(name, wanted, first_line(error)) from error
        self._columns[name] = kind

    def _misfit(self, name: str, wanted: str, why: str) -> LoadError:
        old = self._columns[name]
        return LoadError(f"{self._stream}: the column {name!r} is {old}, not {wanted}: {why}")

    def load(self, path: Path, longest: int) -> None:
        """Take the RECORD messages of a file, the longest of so many bytes: all, or none.

        Raises:
            LoadError: a record cannot be read, has no key, or does not fit its column.
        """
        with Staging(self._connection, self._stream, self._columns, path, longest) as staged:
            if staged.check(self._keys):
                self._have(VERSION, "BIGINT")
            while narrow := self._store(staged):
                for name, kind in narrow.items():
                    self._widen(name, kind)

    def _store(self, staged: Staging) -> dict[str, str]:
        """Store what is staged, or return the columns that are too narrow and what they must be."""
        keys = {quoted(key): staged.value(key, self._columns[key]) for key in self._keys}
        own = self._metadata()
        values = {
            quoted(name): own[name] if name in own else staged.checked(name, kind)
            for name, kind in self._columns.items()
        }
        kept = f"{checked('deleted', 'TIMESTAMP')} IS NULL" if self.hard_delete else "true"
        if keys:
            last = f"SELECT max(rowid) FROM temp.main.staged GROUP BY {', '.join(keys.values())}"
            kept += f" AND rowid IN ({last})"
        found = ", ".join(f"{text} AS {key}" for key, text in keys.items())
        matches = " AND ".join(f"old.{key} = new.{key}" for key in keys)
        old = (
            f"DELETE FROM {self._name} AS old"
            f" USING (SELECT {found} FROM temp.main.staged) AS new WHERE {matches}"
        )
        new = (
            f"INSERT INTO {self._name} ({', '.join(values)})"
            f" SELECT {', '.join(values.values())} FROM temp.main.staged WHERE {kept}"
        )
        try:
            self._warehouse.together(*([old] if keys else []), new)
        except duckdb.InvalidInputException:
            return staged.too_narrow(self._columns)
        return {}

    def _metadata(self) -> dict[str, str]:
        """Return what the columns hold that are not the record's own, as SQL expressions."""
        now = datetime.now(tz=timezone.utc)
        return {
            "_sdc_extracted_at": checked("time_extracted", "TIMESTAMP"),
            "_sdc_received_at": _literal(now),
            "_sdc_batched_at": _literal(now),
            DELETED: checked("deleted", "TIMESTAMP"),
            "_sdc_sequence": str(int(now.timestamp() * 1000)),
            VERSION: "version",
            "_sdc_sync_started_at": str(self.started_at),
        }

    def activate_version(self, version: int) -> None:
        """Remove or mark the rows of all versions before `version`, and those of none."""
        self._have(VERSION, "BIGINT")
        older = f"({VERSION} < {version} OR {VERSION} IS NULL)"
        if self.hard_delete:
            self._connection.execute(f"DELETE FROM {self._name} WHERE {older}")
            return
        self._have(DELETED, "TIMESTAMP")
        self._connection.execute(
            f"UPDATE {self._name} SET {DELETED} = {_literal(datetime.now(tz=timezone.utc))}"
            f" WHERE {older} AND {DELETED} IS NULL"
        )


def _literal(moment: datetime) -> str:
    return f"TIMESTAMP '{moment:%Y-%m-%d %H:%M:%S.%f}'"
