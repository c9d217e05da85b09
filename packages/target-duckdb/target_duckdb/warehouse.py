"""The DuckDB file: opened for this process alone, and what its tables are called."""

from __future__ import annotations

import contextlib
import os
import re
import string
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from target_duckdb.errors import LoadError, first_line
from target_duckdb.locked_folder import LockedFolder, remove_abandoned

# What DuckDB takes for something else than a file.
_NO_FILE = (":memory:", "md:", "motherduck:")
_FOLDED = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
# Half a surrogate pair, which JSON can write, is no letter.
_NOT_IN_NAMES = re.compile("[\0\ud800-\udfff]")
# DuckDB keeps all it has read of a table, until it fills 80 % of the machine's memory. Of a large
# table that is much, and of no use: a batch looks at each key once.
_LITTLE_MEMORY = "SET memory_limit = '256MiB'"
_MAKING = ".target-duckdb-"
# What is needed is built in: nothing is fetched, not even where the file is another program's.
_OFFLINE: dict[str, Any] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
_SETTINGS = (
    # What a timestamp without an offset means, and what one with an offset is turned into.
    "SET TimeZone = 'UTC'",
    # The newest of several records is the one that came last.
    "SET preserve_insertion_order = true",
    # Where Python runs no file, DuckDB draws it into the states, on standard output.
    "SET enable_progress_bar = false",
)


class Column(NamedTuple):
    """A column, as DuckDB describes it."""

    name: str
    kind: str
    is_required: bool
    default: str | None
    is_in_primary_key: bool


class Warehouse:
    """The file, and which stream fills which table."""

    def __init__(self, path: str, schema: str) -> None:
        # Unlike that of a Path, it leaves a user that is not there as it is.
        opened = os.path.expanduser(path)  # noqa: PTH111
        try:
            if path.startswith(_NO_FILE):
                self.connection = duckdb.connect(path)
            else:
                # A name that begins with `sqlite:` is one, too.
                file = Path(opened).absolute()
                _make(file)
                _check(file)
                self.connection = duckdb.connect(str(file), config=_OFFLINE)
                _remove_spilled(file)
            for setting in _SETTINGS:
                self.connection.execute(setting)
            # DuckDB calls a file by its name, which may be the schema's, too.
            self.place = f"{quoted(self.row('SELECT current_database()')[0])}.{quoted(schema)}"
            # RESET would not do: DuckDB 1.5 then goes on with what was set.
            (usual,) = self.row("SELECT current_setting('memory_limit')")
            self._usual_memory = f"SET memory_limit = {literal(usual)}"
            self.connection.execute(f"CREATE SCHEMA IF NOT EXISTS {self.place}")
        except (duckdb.Error, OSError, ValueError) as error:
            raise LoadError(f"{path} cannot be used: {first_line(error)}") from error
        self.schema = schema
        # How the keys that are text came in this sync, by stream and key.
        self.kinds_of_keys: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        self._streams: dict[str, str] = {}

    def row(self, query: str) -> tuple[Any, ...]:
        """Return the first row of what a query finds; it is empty if there is none."""
        return self.connection.execute(query).fetchone() or ()

    def claim(self, stream: str) -> str:
        """Return the table's name in a statement."""
        other = self._streams.setdefault(folded(stream), stream)
        if other != stream:
            raise LoadError(
                f"The streams {other!r} and {stream!r} differ only in case, and DuckDB does not"
                " tell them apart: rename one with `__alias__` in `stream_maps`"
            )
        return f"{self.place}.{quoted(stream)}"

    def columns(self, table: str) -> dict[str, Column]:
        """Return the columns of a table, by folded name; `table` is its name in a statement."""
        # Not `PRAGMA table_info`: DuckDB 1.5 finds no table there with a quote in its name.
        rows = self.connection.execute(f"DESCRIBE {table}").fetchall()
        return {
            folded(name): Column(name, kind, null == "NO", default, "PRI" in (key or ""))
            for name, kind, null, key, default, _ in rows
        }

    def indexes(self, stream: str) -> list[str]:
        """Return the names of the indexes that somebody made of the table of a stream."""
        rows = self._of_table("index_name", "duckdb_indexes()", stream)
        return [name for (name,) in rows]

    def is_plain(self, stream: str) -> bool:
        """Return whether the table has no index and no constraint but a primary key, or nulls."""
        found = "index_count = has_primary_key::INT AND check_constraint_count = 0"
        return self._of_table(found, "duckdb_tables()", stream) == [(True,)]

    def _of_table(self, expression: str, function: str, stream: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(
            f"SELECT {expression} FROM {function} WHERE database_name = current_database()"
            " AND lower(schema_name) = lower(?) AND lower(table_name) = lower(?)",
            [self.schema, stream],
        ).fetchall()

    def run_atomically(self, action: Callable[[], object]) -> None:
        """Run what `action` does, or nothing of it.

        It gets as much memory as is enough for nearly any batch, and what DuckDB takes by itself
        only if it is not.
        """
        try:
            self._transaction(action, _LITTLE_MEMORY)
        except duckdb.OutOfMemoryException:
            self._transaction(action, self._usual_memory)

    def _transaction(self, action: Callable[[], object], memory: str) -> None:
        self.connection.execute(memory)
        self.connection.execute("BEGIN")
        try:
            action()
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
    """Return `name` as a statement spells it."""
    if not name or _NOT_IN_NAMES.search(name):
        raise LoadError(f"DuckDB has no place for the name {name!r}: rename it in `stream_maps`")
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return `text` as a statement spells it."""
    return "'" + text.replace("'", "''") + "'"


def _check(file: Path) -> None:
    """Check that `file` is DuckDB's, which takes others for SQLite's, say, and looks for help."""
    with file.open("rb") as opened:
        begin = opened.read(12)
    if begin and begin[8:] != b"DUCK":
        raise ValueError("it is not a valid DuckDB database file")


def _remove_spilled(file: Path) -> None:
    """Remove the rows that DuckDB put aside for a killed process: only one has the file open."""
    folder = file.with_name(f"{file.name}.tmp")
    for left in folder.glob("duckdb_temp_*"):
        left.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        folder.rmdir()


def _make(file: Path) -> None:
    """Make a database of no tables, if there is no `file`.

    DuckDB writes a new file bit by bit, and opens none that it was killed in. So it is made in a
    folder of its own beside it, and comes to its place only when it is whole. A link, unlike a new
    name, never takes the place of what another process has made.
    """
    remove_abandoned(_MAKING, file.parent)
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        # Not `exists`: from Python 3.14 on it says no, too, of a name that no file can have.
        file.stat()
        return
    if not file.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {file.parent}")
    try:
        with LockedFolder(_MAKING, file.parent) as folder:
            new = folder / file.name
            duckdb.connect(str(new), config=_OFFLINE).close()
            try:
                os.link(new, file)
            except FileExistsError:
                pass
            except OSError:  # a file system without links
                new.rename(file)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(file)) from error
