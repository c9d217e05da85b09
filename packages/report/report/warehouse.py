"""The answers' warehouse, DuckDB or PostgreSQL."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import duckdb
import psycopg
from dotenv import load_dotenv

Row = dict[str, Any]
# The checkout that this is installed from, or else the working folder.
ROOT = next(
    (it for it in Path(__file__).resolve().parents if (it / "meltano.yml").is_file()), Path.cwd()
)
LOADED = ROOT / "output" / "warehouse.duckdb"
DEMO = ROOT / "output" / "demo.duckdb"
SANDBOX = ROOT / "output" / "sandbox.duckdb"
_WAREHOUSES = ("duckdb", "postgres")


class Query(Protocol):
    """Runs a statement, with `$1` and so on for its parameters, and returns its rows."""

    def __call__(self, query: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Run it."""


class WarehouseError(Exception):
    """The answers cannot be read; the message says what to do."""


def read_variables() -> None:
    """Take from `.env` what the environment does not say.

    Raises:
        WarehouseError: the file cannot be read.
    """
    file = ROOT / ".env"
    try:
        load_dotenv(file)
    except UnicodeDecodeError as error:
        raise WarehouseError(f"{file} is not UTF-8: save it as UTF-8") from error


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where the answers are."""
    parser.add_argument(
        "--warehouse", type=_warehouse_name, default="duckdb", metavar="|".join(_WAREHOUSES)
    )
    parser.add_argument("--schema", help="the schema that dbt built the answers in")


def answers_of(options: argparse.Namespace) -> tuple[str, Query]:
    """Return where the answers are by these options, and what runs a query on them.

    Raises:
        WarehouseError: there are none.
    """
    schema = options.schema or answers_schema()
    if options.warehouse == "postgres":
        return "PostgreSQL", in_postgres(schema)
    file = duckdb_file()
    return str(file), in_duckdb(file, schema)


def _warehouse_name(text: str) -> str:
    """Return what `--warehouse` names.

    Raises:
        ArgumentTypeError: it is not read here.
    """
    if text in _WAREHOUSES:
        return text
    raise argparse.ArgumentTypeError(
        f"{text!r} is none of {', '.join(_WAREHOUSES)}, which are read here; elsewhere, such as in "
        f"Snowflake, the answers are tables in the schema {answers_schema()}: query them there"
    )


def answers_schema() -> str:
    """Return the schema that dbt built the answers in, by the variable that its profile reads."""
    return os.environ.get("DAGCTL_ANSWERS_SCHEMA") or "dagctl_answers"


def duckdb_file(*, made_up: bool = True) -> Path:
    """Return the file that the loader fills, which may be `made_up` by the demo.

    Raises:
        WarehouseError: it is not there.
    """
    named, project = (
        os.environ.get(it) for it in ("TARGET_DUCKDB_FILEPATH", "MELTANO_PROJECT_ROOT")
    )
    # Meltano may run another project than this one.
    loaded = Path(project, *LOADED.parts[-2:]) if project else LOADED
    if named:
        # As the loader and dbt take it. That of a Path raises where there is no such user.
        loaded = Path(os.path.expanduser(named))  # noqa: PTH111
    if not loaded.exists():
        demo = f"TARGET_DUCKDB_FILEPATH={DEMO} make report" if DEMO.exists() else "make demo"
        raise WarehouseError(
            f"{loaded} is not there: load it with `.tools/meltano/bin/meltano run everything`"
            + (f", or look at a made-up one with `{demo}`" if made_up else "")
        )
    if not made_up and loaded.resolve() in {DEMO, SANDBOX}:
        raise WarehouseError(f"{loaded} holds a made-up account, so no alerts are sent about it")
    return loaded


def in_duckdb(path: Path, schema: str) -> Query:
    """Return what runs a query in a schema of a DuckDB file."""

    def rows(query: str, parameters: Sequence[Any] = ()) -> list[Row]:
        with open_duckdb(path, schema) as ask:
            return ask(query, parameters)

    return rows


def in_postgres(schema: str) -> Query:
    """Return what runs a query in a schema of the PostgreSQL that the loader's variables name."""

    def rows(query: str, parameters: Sequence[Any] = ()) -> list[Row]:
        with open_postgres(schema) as ask:
            return ask(query, parameters)

    return rows


@contextmanager
def open_duckdb(path: Path, schema: str, *, writable: bool = False) -> Iterator[Query]:
    """Keep a DuckDB file open, in which no other program can write meanwhile.

    Raises:
        WarehouseError: it cannot be opened, or what is done with it fails.
    """
    try:
        with duckdb.connect() as connection:
            # A file that has the name of a schema would make names ambiguous: here it has none.
            file = str(path).replace("'", "''")
            mode = "read_write" if writable else "read_only"
            connection.execute(f"attach '{file}' as warehouse (type duckdb, {mode})")
            connection.execute(f"use warehouse.{_quoted(schema)}")

            def rows(query: str, parameters: Sequence[Any] = ()) -> list[Row]:
                result = connection.execute(query, list(parameters))
                columns = [column[0] for column in result.description or ()]
                return [dict(zip(columns, row, strict=True)) for row in result.fetchall()]

            yield rows
    except duckdb.CatalogException as error:
        raise _not_built("duckdb", schema) from error
    except duckdb.BinderException as error:
        raise _of_another_version(error) from error
    except duckdb.Error as error:
        if "Could not set lock" in str(error):
            raise WarehouseError(
                f"{path} is in use by another program, and DuckDB takes one at a time: try again"
            ) from error
        raise WarehouseError(f"{path} cannot be read: {_first_line(error)}") from error


@contextmanager
def open_postgres(schema: str) -> Iterator[Query]:
    """Keep a connection to PostgreSQL open; each statement is a transaction of its own.

    Raises:
        WarehouseError: there is no connection, or what is done with it fails.
    """
    names = ("HOST", "PORT", "USER", "PASSWORD", "DATABASE")
    host, port, user, password, database = (
        os.environ.get(f"TARGET_POSTGRES_{name}") for name in names
    )
    try:
        with psycopg.connect(
            host=host,
            port=port or 5432,
            user=user,
            password=password,
            dbname=database,
            autocommit=True,
            # Its parameters are written as DuckDB's are.
            cursor_factory=psycopg.RawCursor,
        ) as connection:

            def rows(query: str, parameters: Sequence[Any] = ()) -> list[Row]:
                cursor = connection.execute(query.encode(), list(parameters) or None)
                if cursor.description is None:
                    return []
                columns = [column.name for column in cursor.description]
                return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]

            rows("select set_config('search_path', $1, false)", [_quoted(schema)])
            yield rows
    except psycopg.errors.UndefinedTable as error:
        raise _not_built("postgres", schema) from error
    except psycopg.errors.UndefinedColumn as error:
        raise _of_another_version(error) from error
    except psycopg.Error as error:
        raise WarehouseError(
            "PostgreSQL cannot be read; check TARGET_POSTGRES_HOST, _PORT, _USER, _PASSWORD "
            f"and _DATABASE: {_first_line(error)}"
        ) from error


def _not_built(warehouse: str, schema: str) -> WarehouseError:
    return WarehouseError(
        f"the answers are not built yet in the schema {schema}: run "
        f"`.tools/meltano/bin/meltano invoke dbt-{warehouse}:build`, or name their schema with "
        "--schema"
    )


def _of_another_version(error: Exception) -> WarehouseError:
    return WarehouseError(
        f"the answers were built by another version: build them again ({_first_line(error)})"
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
