"""One stream's table: it follows the stream's schema, and takes batches of records."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import duckdb

from target_duckdb.columns import OWN, Columns
from target_duckdb.errors import LoadError, first_line
from target_duckdb.staging import DELETED, VERSION, Staging
from target_duckdb.warehouse import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from target_duckdb.staging import Lines
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
        self._keys = list(dict.fromkeys(keys))
        self._columns = Columns(warehouse, stream, properties, self._keys)
        self._stream, self._name = stream, self._columns.table
        self._careful = False

    def load(self, lines: Lines) -> None:
        """Take the RECORD messages of a file: all, or none.

        Raises:
            LoadError: a record cannot be read, has no key, or does not fit its column.
        """
        columns = {it: kind for it, kind in self._columns.kinds.items() if it not in OWN}
        with Staging(self._connection, self._stream, columns, self._keys, lines) as staged:
            if staged.check():
                self._columns.fit({VERSION: "BIGINT"})
            self._check_kinds_of_keys(staged)
            if self._careful:
                staged.look_again(self._columns.kinds)
            while error := self._store(staged):
                narrow = staged.too_narrow(self._columns.kinds)
                self._columns.change(narrow)
                if not narrow and self._careful:
                    raise LoadError(f"{self._stream}: {first_line(error)}") from error
                if not narrow:
                    staged.look_again(self._columns.kinds)
                    self._careful = True

    def _check_kinds_of_keys(self, staged: Staging) -> None:
        """Check that no key of a column of text is a text in one record, and a number in another.

        Raises:
            LoadError: both come in this sync, in which 1 and "1" would be the same.
        """
        for key in self._keys:
            if self._columns.kinds[key] == "VARCHAR":
                kinds = self._warehouse.kinds_of_keys[self._stream, key]
                kinds |= staged.kinds_of_key(key, is_mixed=key in self._columns.mixed)
                if len(kinds) > 1:
                    raise LoadError(
                        f"{self._stream}: the key {key!r} is a text in one record and a number in"
                        ' another, such as "1" and 1, which its column does not tell apart: make'
                        " text of it in `stream_maps`"
                    )

    def _store(self, staged: Staging) -> duckdb.Error | None:
        """Store what is staged, or return why the columns cannot take it."""

        def replace() -> None:
            if self._keys:
                self._delete_old(staged)
            self._insert(staged)

        try:
            self._warehouse.run_atomically(replace)
        except (duckdb.InvalidInputException, duckdb.ConversionException) as error:
            return error
        except duckdb.ConstraintException as error:
            raise LoadError(f"{self._stream}: {first_line(error)}") from error
        return None

    def _delete_old(self, staged: Staging) -> None:
        """Delete the rows that have the keys of staged records.

        Raises:
            LoadError: several rows have the same key.
        """
        values = (staged.value(key, self._columns.kinds[key]) for key in self._keys)
        keys = [
            f"{value.checked(careful=self._careful)} AS key_{place}"
            for place, value in enumerate(values)
        ]
        matches = " AND ".join(
            f"{self._as_key('old', key)} = new.key_{place}" for place, key in enumerate(self._keys)
        )
        self._connection.execute(
            "CREATE OR REPLACE TEMP TABLE newest AS SELECT max(rowid) AS place,"
            f" {', '.join(keys)} FROM temp.main.staged GROUP BY ALL"
        )
        found = self._connection.execute(
            "SELECT count(*), count(DISTINCT new.place)"
            f" FROM {self._name} AS old JOIN temp.main.newest AS new ON {matches}"
        ).fetchone()
        rows, keys_found = found or (0, 0)
        if rows != keys_found:
            raise LoadError(
                f"{self._stream}: the table has several rows with the same {self._keys}, which a"
                " record would all replace: load it under another name (`__alias__` in"
                " `stream_maps`), or leave one row of each key"
            )
        if rows:
            self._connection.execute(
                f"DELETE FROM {self._name} AS old USING temp.main.newest AS new WHERE {matches}"
            )

    def _as_key(self, table: str, key: str) -> str:
        """Return what a key in the table is found by: another program spaces JSON otherwise."""
        column = f"{table}.{quoted(key)}"
        return f"json({column})" if self._columns.kinds[key] == "JSON" else column

    def _insert(self, staged: Staging) -> None:
        own = self._metadata(staged)
        values = {
            quoted(name): own[name]
            if name in own
            else staged.value(name, kind).checked(careful=self._careful)
            for name, kind in self._columns.kinds.items()
        }
        kept = f"{own[DELETED]} IS NULL" if self.hard_delete else "true"
        if self._keys:
            kept += " AND rowid IN (SELECT place FROM temp.main.newest)"
        self._connection.execute(
            f"INSERT INTO {self._name} ({', '.join(values)})"
            f" SELECT {', '.join(values.values())} FROM temp.main.staged WHERE {kept}"
        )

    def _metadata(self, staged: Staging) -> dict[str, str]:
        """Return what the columns hold that are not the record's own, as SQL expressions."""
        now = datetime.now(tz=timezone.utc)
        extracted, deleted, version = (
            it.checked(careful=self._careful)
            for it in (staged.time_extracted, staged.deleted, staged.version)
        )
        return {
            "_sdc_extracted_at": extracted,
            "_sdc_received_at": _literal(now),
            "_sdc_batched_at": _literal(now),
            DELETED: deleted,
            "_sdc_sequence": str(int(now.timestamp() * 1000)),
            VERSION: version,
            "_sdc_sync_started_at": str(self.started_at),
        }

    def activate_version(self, version: int) -> None:
        """Remove or mark the rows of all versions before `version`, and those of none."""
        self._columns.fit({VERSION: "BIGINT"})
        older = f"({VERSION} < {version} OR {VERSION} IS NULL)"
        if self.hard_delete:
            self._connection.execute(f"DELETE FROM {self._name} WHERE {older}")
            return
        self._columns.fit({DELETED: "TIMESTAMP"})
        self._connection.execute(
            f"UPDATE {self._name} SET {DELETED} = {_literal(datetime.now(tz=timezone.utc))}"
            f" WHERE {older} AND {DELETED} IS NULL"
        )


def _literal(moment: datetime) -> str:
    return f"TIMESTAMP '{moment:%Y-%m-%d %H:%M:%S.%f}'"
