"""One stream's table: it follows the stream's schema, and takes batches of records."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import duckdb

from target_duckdb.columns import Columns
from target_duckdb.errors import LoadError, first_line
from target_duckdb.own_columns import DELETED, VERSION
from target_duckdb.staging import Staging
from target_duckdb.warehouse import quoted


class Table:
    """A table that a stream fills: the newest record of every key or, without keys, all of them."""

    def __init__(self, columns: Columns, *, hard_delete: bool, started_at: int) -> None:
        self._columns, self._stream, self._keys = columns, columns.stream, columns.keys
        self._warehouse, self._name = columns.warehouse, columns.table
        self._connection = self._warehouse.connection
        self._hard_delete, self._started_at = hard_delete, started_at
        self._careful = False

    def load(self, path: Path, longest: int) -> None:
        """Take a file of RECORD messages, the longest of so many bytes: all, or none."""
        with Staging(self._columns, path, longest) as staged:
            if staged.check():
                self._columns.fit({VERSION: "BIGINT"})
            self._check_kinds_of_keys(staged)
            if self._careful:
                staged.look_again()
            while error := self._store(staged):
                narrow = staged.too_narrow()
                self._columns.change(narrow)
                if not narrow and self._careful:
                    raise LoadError(f"{self._stream}: {first_line(error)}") from error
                if not narrow:
                    staged.look_again()
                    self._careful = True

    def _check_kinds_of_keys(self, staged: Staging) -> None:
        """Check that no key in a column of text is text in one record, a number in another."""
        for key in self._keys:
            if self._columns.kinds[key] == "VARCHAR":
                kinds = self._warehouse.kinds_of_keys[self._stream, key]
                kinds |= staged.kinds_of_key(key)
                if len(kinds) > 1:
                    raise LoadError(
                        f"{self._stream}: the key {key!r} is a text in one record and a number in"
                        ' another, such as "1" and 1, which its column does not tell apart: make'
                        " text of it in `stream_maps`"
                    )

    def _store(self, staged: Staging) -> duckdb.Error | None:
        """Store what is staged, or return why the columns cannot take it."""

        def replace() -> None:
            is_newest = self._delete_old(staged) if self._keys else "true"
            self._insert(staged, is_newest)

        try:
            self._warehouse.run_atomically(replace)
        except (duckdb.InvalidInputException, duckdb.ConversionException) as error:
            return error
        except duckdb.ConstraintException as error:
            raise LoadError(f"{self._stream}: {first_line(error)}") from error
        return None

    def _delete_old(self, staged: Staging) -> str:
        """Delete the rows that staged records replace; return the condition for those to insert."""
        values = (staged.value(key, self._columns.kinds[key]) for key in self._keys)
        keys = ", ".join(
            f"{value.checked(careful=self._careful)} AS key_{place}"
            for place, value in enumerate(values)
        )
        matches = " AND ".join(
            f"{self._as_key(key)} = new.key_{place}" for place, key in enumerate(self._keys)
        )
        self._connection.execute(
            "CREATE OR REPLACE TEMP TABLE newest AS SELECT new.place, old.rowid AS replaced FROM"
            f" (SELECT max(rowid) AS place, {keys} FROM temp.main.staged GROUP BY ALL) AS new"
            f" LEFT JOIN {self._name} AS old ON {matches}"
        )
        rows, newest, replaced = self._warehouse.row(
            "SELECT count(*), count(DISTINCT place), count(replaced) FROM temp.main.newest"
        )
        if rows != newest:
            raise LoadError(
                f"{self._stream}: the table has several rows with the same {self._keys}, which a"
                " record would all replace: load it under another name (`__alias__` in"
                " `stream_maps`), or leave one row of each key"
            )
        which = "WHERE old.rowid IN (SELECT replaced FROM temp.main.newest)"
        if self._columns.hide_rowid:
            which = f"USING (SELECT {keys} FROM temp.main.staged) AS new WHERE {matches}"
        if replaced or self._columns.hide_rowid:
            self._connection.execute(f"DELETE FROM {self._name} AS old {which}")
        # To look them up takes longer than to take all.
        is_all = newest == staged.rows
        return "true" if is_all else "rowid IN (SELECT place FROM temp.main.newest)"

    def _as_key(self, key: str) -> str:
        """Return what a key in the table is found by: another program spaces JSON otherwise."""
        column = f"old.{quoted(key)}"
        return f"json({column})" if self._columns.kinds[key] == "JSON" else column

    def _insert(self, staged: Staging, is_newest: str) -> None:
        own = self._metadata(staged)
        values = {
            quoted(name): own[name]
            if name in own
            else staged.value(name, kind).checked(careful=self._careful)
            for name, kind in self._columns.kinds.items()
        }
        kept = f"{own[DELETED]} IS NULL AND {is_newest}" if self._hard_delete else is_newest
        self._connection.execute(
            f"INSERT INTO {self._name} ({', '.join(values)})"
            f" SELECT {', '.join(values.values())} FROM temp.main.staged WHERE {kept}"
        )

    def _metadata(self, staged: Staging) -> dict[str, str]:
        """Return what the columns hold that are not the record's own, as SQL expressions."""
        now = datetime.now(tz=timezone.utc)
        extracted, deleted, version = (
            it.checked(careful=self._careful) for it in staged.beside.values()
        )
        return {
            "_sdc_extracted_at": extracted,
            "_sdc_received_at": _literal(now),
            "_sdc_batched_at": _literal(now),
            DELETED: deleted,
            "_sdc_sequence": str(int(now.timestamp() * 1000)),
            VERSION: version,
            "_sdc_sync_started_at": str(self._started_at),
        }

    def activate_version(self, version: int) -> None:
        """Remove or mark the rows of all versions before `version`, and those of none."""
        self._columns.fit({VERSION: "BIGINT"})
        older = f"({VERSION} < {version} OR {VERSION} IS NULL)"
        if self._hard_delete:
            self._connection.execute(f"DELETE FROM {self._name} WHERE {older}")
            return
        self._columns.fit({DELETED: "TIMESTAMP"})
        self._connection.execute(
            f"UPDATE {self._name} SET {DELETED} = {_literal(datetime.now(tz=timezone.utc))}"
            f" WHERE {older} AND {DELETED} IS NULL"
        )


def _literal(moment: datetime) -> str:
    return f"TIMESTAMP '{moment:%Y-%m-%d %H:%M:%S.%f}'"
