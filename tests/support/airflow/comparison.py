"""Whether two schemas of a PostgreSQL database hold the same rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterable

STREAMS = ("projects", "runs", "model_executions", "daily_stats", "model_stats", "jobs", "plans")


def rows_in(url: str, schema: str) -> dict[str, int]:
    """Return how many rows each table has."""
    query = sql.SQL("select count(*) from {}")
    with psycopg.connect(url) as connection:
        return {
            table: _number(connection, query.format(sql.Identifier(schema, table)))
            for table in STREAMS
        }


def rows_of_projects(url: str, schema: str, project_ids: Iterable[str]) -> int:
    """Return how many rows of all tables belong to these projects."""
    query = sql.SQL("select count(*) from {} where {} = any({})")
    with psycopg.connect(url) as connection:
        return sum(
            _number(
                connection,
                query.format(
                    sql.Identifier(schema, table),
                    sql.Identifier("id" if table == "projects" else "project_id"),
                    list(project_ids),
                ),
            )
            for table in STREAMS
        )


def differing_rows(url: str, one: str, other: str) -> dict[str, int]:
    """Return by table how many rows are in one of the schemas only, by EXCEPT ALL both ways.

    What the loader adds, like the moment of loading, is left out.
    """
    with psycopg.connect(url) as connection:
        return {
            table: _number(
                connection,
                sql.SQL(
                    "select count(*) from ("
                    "(select {columns} from {one} except all select {columns} from {other})"
                    " union all "
                    "(select {columns} from {other} except all select {columns} from {one})"
                    ") as differing"
                ).format(
                    columns=_columns(connection, one, table),
                    one=sql.Identifier(one, table),
                    other=sql.Identifier(other, table),
                ),
            )
            for table in STREAMS
        }


def _columns(connection: psycopg.Connection, schema: str, table: str) -> sql.Composed:
    found = connection.execute(
        "select column_name, data_type from information_schema.columns "
        "where table_schema = %s and table_name = %s order by ordinal_position",
        (schema, table),
    ).fetchall()
    return sql.SQL(", ").join(
        # JSON has no order, so that it cannot be compared as it is.
        sql.SQL("{}::jsonb").format(sql.Identifier(name))
        if kind == "json"
        else sql.Identifier(name)
        for name, kind in found
        if not name.startswith("_sdc_")
    )


def _number(connection: psycopg.Connection, query: sql.Composed) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0
