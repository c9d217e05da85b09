"""The columns of one stream's table, which follow the stream's schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from target_duckdb import column_types
from target_duckdb.errors import LoadError, first_line
from target_duckdb.own_columns import DELETED, OWN, VERSION
from target_duckdb.warehouse import Warehouse, folded, quoted

# More changes of a table than these are made at once, in a new one.
_MANY = 100
_NEW = '"being made by target-duckdb"'


class Columns:
    """The columns that a stream fills.

    Attributes:
        kinds: the type of each, by the property's name.
        mixed: the keys that may be of several types.
        hide_rowid: one has the name of DuckDB's own, which tells one row from another.
        table: the table's name in a statement.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        stream: str,
        properties: Mapping[str, Any],
        keys: Sequence[str],
    ) -> None:
        self.warehouse, self._connection = warehouse, warehouse.connection
        self.stream, self.keys = stream, list(dict.fromkeys(keys))
        self.table = warehouse.claim(stream)
        self._check_names(properties)
        wanted = {name: column_types.column_type(schema) for name, schema in properties.items()}
        columns = ", ".join(f"{quoted(name)} {kind}" for name, kind in wanted.items())
        self._connection.execute(f"CREATE TABLE IF NOT EXISTS {self.table} ({columns})")
        self._existing = warehouse.columns(self.table)
        self.hide_rowid = "rowid" in {*self._existing, *map(folded, properties)}
        self.mixed = {it for it in keys if column_types.is_mixed(properties[it])}
        self.kinds: dict[str, str] = {}
        self.fit(wanted)

    def _check_names(self, properties: Mapping[str, Any]) -> None:
        seen = {name: name for name in OWN if name in properties or name in {DELETED, VERSION}}
        for name in properties:
            other = seen.setdefault(folded(name), name)
            if other != name:
                both = (
                    f"the property {name!r} and the loader's own column {other!r}"
                    if other in OWN
                    else f"the properties {other!r} and {name!r}"
                )
                raise LoadError(
                    f"{self.stream}: {both} differ only in case, and DuckDB does not tell them"
                    f" apart: rename or remove {name!r} in `stream_maps`"
                )
        for key in self.keys:
            if key not in properties or key in OWN:
                raise LoadError(f"{self.stream}: the key {key!r} is no property of its schema")
        if not properties:
            raise LoadError(f"{self.stream}: its schema has no properties, so there is no column")

    def fit(self, wanted: Mapping[str, str]) -> None:
        """See to it that each column is there, and takes what one of the wanted type does."""
        changes = {}
        for name, kind in wanted.items():
            column = self._existing.get(folded(name))
            self.kinds[name] = column.kind if column else kind
            needed = column_types.wider(column.kind, kind) if column else kind
            if column and kind != column.kind and column.kind not in column_types.KNOWN:
                raise self._misfit(name, kind, "change one of them by hand")
            if column and needed != column.kind:
                self._check_widening(name, needed, kind)
            if column is None or needed != column.kind:
                changes[name] = needed
        self.change(changes)

    def _check_widening(self, name: str, kind: str, wanted: str) -> None:
        if name in self.keys and not column_types.keeps_keys(self.kinds[name], kind):
            why = "it is a key, and as text a new record would not find its row"
            raise self._misfit(name, wanted, why)
        double = f"CAST({quoted(name)} AS DOUBLE)"
        loses = f"CAST({double} AS HUGEINT) <> CAST({quoted(name)} AS HUGEINT)"
        query = f"SELECT 1 FROM {self.table} WHERE {loses} LIMIT 1"
        if kind == "DOUBLE" and self.warehouse.row(query):
            raise self._misfit(name, wanted, "it holds integers that a DOUBLE cannot hold exactly")

    def change(self, columns: Mapping[str, str]) -> None:
        """Add columns, or change their types."""
        existing = [self._existing.get(folded(name)) for name in columns]
        is_needed = len(columns) > _MANY or any(it and it.is_in_primary_key for it in existing)
        if is_needed and self.warehouse.is_plain(self.stream):
            self._make_again(columns)
        else:
            for name, kind in columns.items():
                self._alter(name, kind)
        if columns:
            self._existing = self.warehouse.columns(self.table)
        self.kinds.update(columns)

    def _alter(self, name: str, kind: str) -> None:
        old = f"ALTER COLUMN {quoted(name)} TYPE"
        change = old if folded(name) in self._existing else f"ADD COLUMN {quoted(name)}"
        try:
            self._connection.execute(f"ALTER TABLE {self.table} {change} {kind}")
        except duckdb.Error as error:
            why = f"{first_line(error)}: change it by hand"
            if indexes := ", ".join(map(quoted, self.warehouse.indexes(self.stream))):
                why = f"drop its indexes first, and make them again after the sync: {indexes}"
            raise self._misfit(name, kind, why) from error

    def _make_again(self, columns: Mapping[str, str]) -> None:
        """Put a table in the place of this one that has these columns, of these types, as well.

        DuckDB cannot change the type of a primary key; and each change of a table takes as long as
        it has columns.
        """
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
        new = f"{self.warehouse.place}.{_NEW}"
        statements = (
            f"CREATE TABLE {new} ({', '.join(parts)});"
            f"INSERT INTO {new} ({names}) SELECT {names} FROM {self.table};"
            f"DROP TABLE {self.table};"
            f"ALTER TABLE {new} RENAME TO {quoted(self.stream)}"
        )
        try:
            self.warehouse.run_atomically(lambda: self._connection.execute(statements))
        except duckdb.ConversionException as error:
            raise LoadError(f"{self.stream}: {first_line(error)}") from error

    def _misfit(self, name: str, wanted: str, why: str) -> LoadError:
        old = self.kinds[name]
        return LoadError(f"{self.stream}: the column {name!r} is {old}, not {wanted}: {why}")
