"""Reads back what arrived, with none of a loader's code: files, databases, S3.

Every table comes as `tests.support.truth` writes it. A store that knows only text is read by the
tap's schemas. Of files, to which a loader appends, the last row of a key is the row.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import sqlite3
import xml.etree.ElementTree as ET
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from urllib.request import ProxyHandler, Request, build_opener

import duckdb
import psycopg

from tap_dagctl.streams import STREAMS
from tests.support.truth import KEYS, Table, as_read, json_or_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from stand_in.world import Row

Tables = dict[str, Table]
ABSENT = (duckdb.CatalogException, psycopg.errors.UndefinedTable, sqlite3.OperationalError)


def of_duckdb(path: Path, schema: str) -> Tables:
    """Read every table in a schema of a DuckDB file."""
    if not path.exists():
        return {}
    with duckdb.connect(str(path), read_only=True) as connection:
        return _of_database(connection, f"{schema}.")


def of_postgres(url: str, schema: str) -> Tables:
    """Read every table in a schema of a PostgreSQL database."""
    with psycopg.connect(url.replace("+psycopg2", ""), autocommit=True) as connection:
        return _of_database(connection, f"{schema}.")


def of_sqlite(path: Path) -> Tables:
    """Read every table of an SQLite file."""
    with closing(sqlite3.connect(path)) as connection:
        return _of_database(connection, "")


def _of_database(connection: Any, prefix: str) -> Tables:
    """Read tables, of which each may hold a key once: any other of it is a row too many."""
    found: Tables = {}
    for name in KEYS:
        with suppress(*ABSENT):
            cursor = connection.execute(f"select * from {prefix}{name}")  # noqa: S608 - names from KEYS
            columns = [column[0] for column in cursor.description]
            table: Table = {}
            for row in cursor.fetchall():
                ((key, plain),) = _table(name, [dict(zip(columns, row, strict=True))]).items()
                table[(*key, len(table)) if key in table else key] = plain
            found[name] = table
    return found


def of_json_lines(directory: Path) -> Tables:
    """Read `<stream>.jsonl` files."""
    found = {}
    for name in KEYS:
        path = directory / f"{name}.jsonl"
        if path.exists():
            found[name] = _table(name, map(json.loads, path.read_text().split("\n")[:-1]))
    return found


def of_csv(directory: Path) -> Tables:
    """Read `<stream>….csv` files, in the order of their names; an empty cell is null."""
    found = {}
    for name in KEYS:
        pattern = re.compile(rf"{name}(-[\d.T-]+)?\.csv")
        paths = sorted(path for path in directory.iterdir() if pattern.fullmatch(path.name))
        rows = (row for path in paths for row in _cells(path))
        found[name] = _table(name, (_typed(name, row) for row in rows))
    return found


def _cells(path: Path) -> Iterator[Row]:
    csv.field_size_limit(2**31 - 1)
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def _typed(stream: str, row: Row) -> Row:
    """Read the text of every cell as the schema says."""
    (schema,) = (it.schema["properties"] for it in STREAMS if it.name == stream)
    typed: Row = {}
    for name, text in row.items():
        kinds = schema.get(name, {}).get("type", ["string"])
        if text == "":
            typed[name] = None
        elif {"integer", "number", "boolean"} & set(kinds):
            typed[name] = json_or_text(text.lower() if "boolean" in kinds else text)
        else:
            typed[name] = text
    return typed


def of_s3(endpoint: str, bucket: str) -> Tables:
    """Read the objects of a bucket, oldest first, named `<stream>-….json`."""

    def get(path: str) -> bytes:
        # The stand-in looks at no signature, but wants to see one.
        credential = "made-up/20260101/made-up/s3/aws4_request"
        signed = {"Authorization": f"AWS4-HMAC-SHA256 Credential={credential}"}
        request = Request(f"{endpoint}/{bucket}{path}", headers=signed)  # noqa: S310 - loopback
        with build_opener(ProxyHandler({})).open(request, timeout=60) as reply:
            content: bytes = reply.read()
        return content

    listing = ET.fromstring(get("?list-type=2"))  # noqa: S314 - from a server of our own
    space = {"s3": "http://s3.amazonaws.com/doc/2006-03-01/"}
    objects = sorted(
        (entry.findtext("s3:LastModified", "", space), entry.findtext("s3:Key", "", space))
        for entry in listing.iterfind("s3:Contents", space)
    )
    return _of_parts((key.partition("-")[0], get(f"/{quote(key)}").decode()) for _, key in objects)


def of_staged_files(directory: Path) -> Tables:
    """Read the packed files that a loader made for Snowflake, oldest first."""
    paths = sorted(directory.rglob("*.json.gz"), key=lambda path: path.stat().st_mtime_ns)
    return _of_parts(
        (
            path.name.partition("--")[2].partition("-")[0],
            gzip.decompress(path.read_bytes()).decode(),
        )
        for path in paths
    )


def _of_parts(parts: Iterable[tuple[str, str]]) -> Tables:
    """Read the lines of a stream's parts."""
    lines: dict[str, list[Row]] = {}
    for stream, text in parts:
        lines.setdefault(stream, []).extend(map(json.loads, io.StringIO(text, "\n")))
    return {name: _table(name, rows) for name, rows in lines.items()}


def _table(stream: str, rows: Iterable[Row]) -> Table:
    plain = map(as_read, rows)
    return {tuple(row.get(key) for key in KEYS[stream]): row for row in plain}
