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
from contextlib import suppress
from datetime import datetime, timezone
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from urllib.request import ProxyHandler, Request, build_opener

import duckdb
import psycopg

from tests.support.project import ROOT
from tests.support.truth import KEYS, OBJECTS, TIMES, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from stand_in.world import Row

Tables = dict[str, Table]


def of_duckdb(path: Path, schema: str) -> Tables:
    """Read every table in a schema of a DuckDB file."""
    if not path.exists():
        return {}
    with duckdb.connect(str(path), read_only=True) as connection:

        def rows(name: str) -> list[Row]:
            result = connection.sql(f"select * from {schema}.{name}")  # noqa: S608 - names from KEYS
            return [dict(zip(result.columns, row, strict=True)) for row in result.fetchall()]

        return _all(rows, duckdb.CatalogException)


def of_postgres(url: str, schema: str) -> Tables:
    """Read every table in a schema of a PostgreSQL database."""
    with psycopg.connect(url.replace("+psycopg2", ""), autocommit=True) as connection:

        def rows(name: str) -> list[Row]:
            cursor = connection.execute(f"select * from {schema}.{name}".encode())  # noqa: S608 - names from KEYS
            columns = [column.name for column in cursor.description or ()]
            return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]

        return _all(rows, psycopg.errors.UndefinedTable)


def of_sqlite(path: Path) -> Tables:
    """Read every table of an SQLite file."""
    connection = sqlite3.connect(path)

    def rows(name: str) -> list[Row]:
        cursor = connection.execute(f"select * from {name}")  # noqa: S608 - names from KEYS
        columns = [column[0] for column in cursor.description]
        return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]

    try:
        return _all(rows, sqlite3.OperationalError)
    finally:
        connection.close()


def _all(rows: Callable[[str], list[Row]], absent: type[Exception]) -> Tables:
    found = {}
    for name in KEYS:
        with suppress(absent):
            found[name] = _with_repeats(name, rows(name))
    return found


def _with_repeats(stream: str, rows: Iterable[Row]) -> Table:
    """Return a database's table, which may hold a key once: any other of it is a row too many."""
    found: Table = {}
    for row in rows:
        ((key, plain),) = _table(stream, [row]).items()
        found[(*key, len(found)) if key in found else key] = plain
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
    schema = _schema(stream)
    typed: Row = {}
    for name, text in row.items():
        kinds = schema.get(name, {}).get("type", ["string"])
        if text == "":
            typed[name] = None
        elif {"integer", "number", "boolean"} & set(kinds):
            typed[name] = _json_or_text(text.lower() if "boolean" in kinds else text)
        else:
            typed[name] = text
    return typed


@cache
def _schema(stream: str) -> dict[str, Any]:
    entry = json.loads((ROOT / "tests" / "catalog" / f"{stream}.json").read_text())
    properties: dict[str, Any] = entry["schema"]["properties"]
    return properties


def of_s3(endpoint: str, bucket: str) -> Tables:
    """Read the objects of a bucket, oldest first, named `<stream>-….json`."""

    def get(path: str) -> bytes:
        # The stand-in looks at no signature, but wants to see one.
        credential = "made-up/20260101/made-up/s3/aws4_request"
        request = Request(  # noqa: S310 - on loopback
            f"{endpoint}/{bucket}{path}",
            headers={"Authorization": f"AWS4-HMAC-SHA256 Credential={credential}"},
        )
        with build_opener(ProxyHandler({})).open(request, timeout=60) as reply:
            content: bytes = reply.read()
        return content

    listing = ET.fromstring(get("?list-type=2"))  # noqa: S314 - from a server of our own
    space = {"s3": "http://s3.amazonaws.com/doc/2006-03-01/"}
    objects = sorted(
        (entry.findtext("s3:LastModified", "", space), entry.findtext("s3:Key", "", space))
        for entry in listing.iterfind("s3:Contents", space)
    )
    lines: dict[str, list[Row]] = {}
    for _, key in objects:
        text = get(f"/{quote(key)}").decode()
        lines.setdefault(key.partition("-")[0], []).extend(map(json.loads, io.StringIO(text, "\n")))
    return {name: _table(name, rows) for name, rows in lines.items()}


def of_staged_files(directory: Path) -> Tables:
    """Read the packed files that a loader made for Snowflake, oldest first."""
    lines: dict[str, list[Row]] = {}
    for path in sorted(directory.rglob("*.json.gz"), key=lambda path: path.stat().st_mtime_ns):
        stream = path.name.partition("--")[2].partition("-")[0]
        with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
            lines.setdefault(stream, []).extend(map(json.loads, file))
    return {name: _table(name, rows) for name, rows in lines.items()}


def _table(stream: str, rows: Iterable[Row]) -> Table:
    found = {}
    for row in rows:
        plain = {
            name: _plain(name, value)
            for name, value in row.items()
            if value is not None and not name.startswith(("_sdc_", "__loaded"))
        }
        found[tuple(plain.get(key) for key in KEYS[stream])] = plain
    return found


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).replace(tzinfo=None) if value.tzinfo else value
    if isinstance(value, str) and name in TIMES:
        return _moment(value)
    if isinstance(value, str) and name in OBJECTS:
        return _json_or_text(value)
    return value.isoformat() if hasattr(value, "isoformat") else value


def _moment(text: str) -> datetime | str:
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return text
    return moment.astimezone(timezone.utc).replace(tzinfo=None) if moment.tzinfo else moment


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
