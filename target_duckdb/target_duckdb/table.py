"""One stream's table: it follows the stream's schema, and takes batches of records."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import duckdb

from target_duckdb import column_types
from target_duckdb.errors import LoadError, first_line
from target_duckdb.staging import DELETED, VERSION, Staging
from target_duckdb.warehouse import Column, folded, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from target_duckdb.staging import Lines
    from target_duckdb.warehouse import Warehouse

# The columns that the loader fills itself.
_OWN = (
    *("_sdc_extracted_at", "_sdc_received_at", "_sdc_batched_at", DELETED),
    *("_sdc_sequence", VERSION, "_sdc_sync_started_at"),
)
# More changes of a table than these are made at once, in a new one.
_MANY = 100
_NEW = '"being made by target-duckdb"'


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
        self._careful = False
        wanted = {name: column_types.column_type(schema) for name, schema in properties.items()}
        columns = ", ".join(f"{quoted(name)} {kind}" for name, kind in wanted.items())
        self._connection.execute(f"CREATE TABLE IF NOT EXISTS {self._name} ({columns})")
        self._existing = warehouse.columns(self._name)
        self._columns: dict[str, str] = {}
        self._fit(wanted)

    def _check_names(self, properties: Mapping[str, Any]) -> None:
        seen = {name: name for name in (DELETED, VERSION)}
        for name in properties:
            other = seen.setdefault(folded(name), name)
            if other != name:
                both = (
                    f"the properties {other!r} and {name!r}"
                    if other in properties
                    else f"the property {name!r} and the loader's own column {other!r}"
                )
                raise LoadError(
                    f"{self._stream}: {both} differ only in case, and DuckDB does not tell them"
                    f" apart: rename or remove {name!r} in `stream_maps`"
                )
        for key in self._keys:
            if key not in properties or key in _OWN:
                raise LoadError(f"{self._stream}: the key {key!r} is no property of its schema")
        if not properties:
            raise LoadError(f"{self._stream}: its schema has no properties, so there is no column")

    def _fit(self, wanted: Mapping[str, str]) -> None:
        """See to it that each column is there, and takes what one of the wanted type does."""
        changes = {}
        for name, kind in wanted.items():
            column = self._existing.get(folded(name))
            self._columns[name] = column.kind if column else kind
            needed = column_types.wider(column.kind, kind) if column else kind
            if column and kind != column.kind and column.kind not in column_types.KNOWN:
                raise self._misfit(name, kind, "change one of them by hand")
            if column and needed != column.kind:
                self._check_widening(name, needed, kind)
            if column is None or needed != column.kind:
                changes[name] = needed
        self._change(changes)

    def _check_widening(self, name: str, kind: str, wanted: str) -> None:
        if name in self._keys and not column_types.keeps_keys(self._columns[name], kind):
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

    def _change(self, columns: Mapping[str, str]) -> None:
        """Add columns, or change their types."""
        existing = [self._existing.get(folded(name)) for name in columns]
        is_needed = len(columns) > _MANY or any(it and it.is_in_primary_key for it in existing)
        if is_needed and self._warehouse.is_plain(self._stream):
            self._make_again(columns)
        else:
            for name, kind in columns.items():
                self._alter(name, kind)
        self._columns.update(columns)

    def _alter(self, name: str, kind: str) -> None:
        column = self._existing.get(folded(name))
        change = f"ALTER COLUMN {quoted(name)} TYPE" if column else f"ADD COLUMN {quoted(name)}"
        try:
            self._connection.execute(f"ALTER TABLE {self._name} {change} {kind}")
        except duckdb.Error as error:
            why = f"{first_line(error)}: change it by hand"
            if indexes := ", ".join(map(quoted, self._warehouse.indexes(self._stream))):
                why = f"drop its indexes first, and make them again after the sync: {indexes}"
            raise self._misfit(name, kind, why) from error
        self._existing[folded(name)] = (column or Column(name, kind))._replace(kind=kind)

    def _make_again(self, columns: Mapping[str, str]) -> None:
        """Put a table in the place of this one that has these columns, of these types, as well.

        DuckDB cannot change the type of a primary key; and each change of a table takes as long as
        it has columns.
        """

        def replace() -> None:
            old = list(self._existing.values())
            kinds = {folded(name): kind for name, kind in columns.items()}
            parts = [
                f"{quoted(it.name)} {kinds.pop(folded(it.name), it.kind)}"
                + (f" DEFAULT {it.default}" if it.default else "")
                + (" NOT NULL" if it.is_required else "")
                for it in old
            ]
            parts += [f"{quoted(it)} {kind}" for it, kind in columns.items() if folded(it) in kinds]
            if keys := ", ".join(quoted(it.name) for it in old if it.is_in_primary_key):
                parts.append(f"PRIMARY KEY ({keys})")
            names = ", ".join(quoted(it.name) for it in old)
            place = f"{self._warehouse.place}.{_NEW}"
            for statement in (
                f"CREATE TABLE {place} ({', '.join(parts)})",
                f"INSERT INTO {place} ({names}) SELECT {names} FROM {self._name}",
                f"DROP TABLE {self._name}",
                f"ALTER TABLE {place} RENAME TO {quoted(self._stream)}",
            ):
                self._connection.execute(statement)

        try:
            self._warehouse.run_atomically(replace)
        except duckdb.ConversionException as error:
            raise LoadError(f"{self._stream}: {first_line(error)}") from error
        self._existing = self._warehouse.columns(self._name)

    def _misfit(self, name: str, wanted: str, why: str) -> LoadError:
        old = self._columns[name]
        return LoadError(f"{self._stream}: the column {name!r} is {old}, not {wanted}: {why}")

    def load(self, lines: Lines) -> None:
        """Take the RECORD messages of a file: all, or none.

        Raises:
            LoadError: a record cannot be read, has no key, or does not fit its column.
        """
        columns = {name: kind for name, kind in self._columns.items() if name not in _OWN}
        with Staging(self._connection, self._stream, columns, self._keys, lines) as staged:
            if staged.check():
                self._fit({VERSION: "BIGINT"})
            self._check_kinds_of_keys(staged)
            if self._careful:
                staged.look_again(self._columns)
            while error := self._store(staged):
                narrow = staged.too_narrow(self._columns)
                self._change(narrow)
                if not narrow and self._careful:
                    raise LoadError(f"{self._stream}: {first_line(error)}") from error
                if not narrow:
                    staged.look_again(self._columns)
                    self._careful = True

    def _check_kinds_of_keys(self, staged: Staging) -> None:
        """Check that no key of a column of text is a text in one record, and a number in another.

        Raises:
            LoadError: both come in this sync, in which 1 and "1" would be the same.
        """
        for key in self._keys:
            if self._columns[key] == "VARCHAR":
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
        values = (staged.value(key, self._columns[key]) for key in self._keys)
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
        return f"json({column})" if self._columns[key] == "JSON" else column

    def _insert(self, staged: Staging) -> None:
        own = self._metadata(staged)
        values = {
            quoted(name): own[name]
            if name in own
            else staged.value(name, kind).checked(careful=self._careful)
            for name, kind in self._columns.items()
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
        self._fit({VERSION: "BIGINT"})
        older = f"({VERSION} < {version} OR {VERSION} IS NULL)"
        if self.hard_delete:
            self._connection.execute(f"DELETE FROM {self._name} WHERE {older}")
            return
        self._fit({DELETED: "TIMESTAMP"})
        self._connection.execute(
            f"UPDATE {self._name} SET {DELETED} = {_literal(datetime.now(tz=timezone.utc))}"
            f" WHERE {older} AND {DELETED} IS NULL"
        )


def _literal(moment: datetime) -> str:
    return f"TIMESTAMP '{moment:%Y-%m-%d %H:%M:%S.%f}'"
