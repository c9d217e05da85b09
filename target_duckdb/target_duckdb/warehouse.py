"""The DuckDB file: opened for this process alone, and what its tables are called."""

from __future__ import annotations

import contextlib
import os
import re
import string
import tempfile
from pathlib import Path

import duckdb

from target_duckdb.errors import LoadError, first_line

# What DuckDB takes for something else than a file.
_NO_FILE = (":memory:", "md:", "motherduck:")
_FOLDED = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
# Half a surrogate pair, which JSON can write, is no letter.
_NOT_IN_NAMES = re.compile("[\0\ud800-\udfff]")
# DuckDB keeps all it has read of a table, until it fills 80 % of the machine's memory. Of a large
# table that is much, and of no use: a batch looks at each key once.
_LITTLE_MEMORY = "SET memory_limit = '256MiB'"
_SETTINGS = (
    # What a timestamp without an offset means, and what one with an offset is turned into.
    "SET TimeZone = 'UTC'",
    # The newest of several records is the one that came last.
    "SET preserve_insertion_order = true",
    # What is needed is built in: nothing is fetched while a sync runs.
    "SET autoinstall_known_extensions = false",
)


class Warehouse:
    """The file, and which stream fills which table."""

    def __init__(self, path: str, schema: str) -> None:
        """Open the file or make it, and see to it that it has a schema for the tables.

        Raises:
            LoadError: it is no database, cannot be written, or another process has it open.
        """
        # As DuckDB does; unlike that of a Path, it leaves a user that is not there as it is.
        opened = os.path.expanduser(path)  # noqa: PTH111
        try:
            if not path.startswith(_NO_FILE):
                _make(Path(opened))
            self.connection = duckdb.connect(opened)
            for setting in _SETTINGS:
                self.connection.execute(setting)
            # DuckDB calls a file by its name, which may be the schema's, too.
            self._place = f"{quoted(self._told('current_database()'))}.{quoted(schema)}"
            # RESET would not do: DuckDB 1.5 then goes on with what was set.
            usual = self._told("current_setting('memory_limit')")
            self._usual_memory = f"SET memory_limit = {literal(usual)}"
            self.connection.execute(f"CREATE SCHEMA IF NOT EXISTS {self._place}")
        except (duckdb.Error, OSError, ValueError) as error:
            raise LoadError(f"{path} cannot be used: {first_line(error)}") from error
        self.schema = schema
        self._streams: dict[str, str] = {}

    def _told(self, expression: str) -> str:
        row = self.connection.execute(f"SELECT {expression}").fetchone()
        return str(row[0]) if row else ""

    def claim(self, stream: str) -> str:
        """Return the table's name in a statement.

        Raises:
            LoadError: DuckDB would take it for the table of another stream.
        """
        other = self._streams.setdefault(folded(stream), stream)
        if other != stream:
            raise LoadError(
                f"The streams {other!r} and {stream!r} differ only in case, and DuckDB does not"
                " tell them apart: rename one with `__alias__` in `stream_maps`"
            )
        return f"{self._place}.{quoted(stream)}"

    def columns(self, stream: str) -> dict[str, str]:
        """Return the type of each column of a table, by folded name; none if there is no table."""
        rows = self.connection.execute(
            "SELECT schema_name, table_name, column_name, data_type FROM duckdb_columns()"
            " WHERE database_name = current_database()"
        ).fetchall()
        table = folded(self.schema), folded(stream)
        return {
            folded(name): kind
            for schema, its_table, name, kind in rows
            if (folded(schema), folded(its_table)) == table
        }

    def together(self, *statements: str) -> None:
        """Run all of the statements, or none.

        They get as much memory as is enough for nearly any batch, and what DuckDB takes by itself
        only if it is not.
        """
        try:
            self._transaction(statements, _LITTLE_MEMORY)
        except duckdb.OutOfMemoryException:
            self._transaction(statements, self._usual_memory)

    def _transaction(self, statements: tuple[str, ...], memory: str) -> None:
        self.connection.execute(memory)
        self.connection.execute("BEGIN")
        try:
            for statement in statements:
                self.connection.execute(statement)
            # A commit that lacks memory may end the connection.
            self.connection.execute(self._usual_memory)
            self.connection.execute("COMMIT")
        except BaseException:
            # A commit that failed has left nothing to roll back, and its error is the one to tell.
            with contextlib.suppress(duckdb.Error):
                self.connection.execute("ROLLBACK")
                self.connection.execute(self._usual_memory)
            raise


def folded(name: str) -> str:
    """Return what DuckDB compares names by: only A to Z are the same as a to z."""
    return name.translate(_FOLDED)


def quoted(name: str) -> str:
    """Return `name` as a statement spells it.

    Raises:
        LoadError: nothing in DuckDB can have this name.
    """
    if not name or _NOT_IN_NAMES.search(name):
        raise LoadError(f"DuckDB has no place for the name {name!r}: rename it in `stream_maps`")
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return `text` as a statement spells it."""
    return "'" + text.replace("'", "''") + "'"


def _make(file: Path) -> None:
    """Make a database of no tables, if there is no `file`.

    DuckDB writes a new file bit by bit, and opens none that it was killed in. So it is made in a
    folder of its own beside it, and comes to its place only when it is whole. A link, unlike a new
    name, never takes the place of what another process has made.

    Raises:
        OSError: it cannot be made; the error names `file`.
    """
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        # Not `exists`: from Python 3.14 on it says no, too, of a name that no file can have.
        file.stat()
        return
    if not file.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {file.parent}")
    try:
        with tempfile.TemporaryDirectory(prefix=".target-duckdb-", dir=file.parent) as folder:
            new = Path(folder) / file.name
            duckdb.connect(str(new)).close()
            try:
                os.link(new, file)
            except FileExistsError:
                pass
            except OSError:  # a file system without links
                new.rename(file)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(file)) from error
