"""Reads the answers, from DuckDB or PostgreSQL."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import psycopg

if TYPE_CHECKING:
    from collections.abc import Callable

Row = dict[str, Any]
ROOT = Path(__file__).resolve().parent.parent
LOADED = ROOT / "output" / "warehouse.duckdb"
DEMO = ROOT / "output" / "demo.duckdb"


class WarehouseError(Exception):
    """The answers cannot be read; the message says what to do."""


def answers_schema() -> str:
    """Return the schema that dbt built the answers in, by the variable that its profile reads."""
    return os.environ.get("DAGCTL_ANSWERS_SCHEMA") or "dagctl_answers"


def duckdb_file() -> Path:
    """Return the file of the loader, or the demo's where nothing else has been loaded yet.

    Raises:
        WarehouseError: there is neither.
    """
    named = os.environ.get("TARGET_DUCKDB_FILEPATH")
    for path in (Path(named),) if named else (LOADED, DEMO):
        if path.exists():
            return path
    raise WarehouseError(
        f"{named or LOADED} is not there: load it with "
        "`.tools/meltano/bin/meltano run everything`, or make one up with `make demo`"
    )


def in_duckdb(path: Path, schema: str) -> Callable[[str], list[Row]]:
    """Return what runs a query in a schema of a DuckDB file."""

    def rows(query: str) -> list[Row]:
        try:
            with duckdb.connect() as connection:
                # A file that has the name of a schema would make names ambiguous: here it has none.
                file = str(path).replace("'", "''")
                connection.execute(f"attach '{file}' as warehouse (type duckdb, read_only)")
                connection.execute(f"use warehouse.{_quoted(schema)}")
                result = connection.sql(query)
                return [dict(zip(result.columns, row, strict=True)) for row in result.fetchall()]
        except duckdb.CatalogException as error:
            raise _not_built("duckdb", schema) from error
        except duckdb.BinderException as error:
            raise _of_another_version(error) from error
        except duckdb.Error as error:
            raise WarehouseError(f"{path} cannot be read: {_first_line(error)}") from error

    return rows


def in_postgres(schema: str) -> Callable[[str], list[Row]]:
    """Return what runs a query in a schema of the PostgreSQL that the loader's variables name."""
    names = ("HOST", "PORT", "USER", "PASSWORD", "DATABASE")
    host, port, user, password, database = (
        os.environ.get(f"TARGET_POSTGRES_{name}") for name in names
    )

    def rows(query: str) -> list[Row]:
        try:
            with psycopg.connect(
                host=host,
                port=port or 5432,
                user=user,
                password=password,
                dbname=database,
            ) as connection:
                path = "select set_config('search_path', %s, false)"
                connection.execute(path, [_quoted(schema)])
                cursor = connection.execute(query.encode())
                columns = [column.name for column in cursor.description or ()]
                return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
        except psycopg.errors.UndefinedTable as error:
            raise _not_built("postgres", schema) from error
        except psycopg.errors.UndefinedColumn as error:
            raise _of_another_version(error) from error
        except psycopg.Error as error:
            raise WarehouseError(
                "PostgreSQL cannot be read; check TARGET_POSTGRES_HOST, _PORT, _USER, _PASSWORD "
                f"and _DATABASE: {_first_line(error)}"
            ) from error

    return rows


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
