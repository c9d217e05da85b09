"""Where loaders write, and how it is read back with none of their code.

Each store is opened in a folder, and gives the settings that lead a loader to it, by whatever names
loaders have for them, and what reads its tables as `tests.support.truth` writes them. Of files, to
which a loader appends, the last row of a key is the row.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import boto3  # type: ignore[import-untyped]

from stand_in.world import Row
from tap_dagctl.streams import BY_NAME
from tests.support.loaders import snowflake
from tests.support.state_backends import BUCKET, s3
from tests.support.truth import KEYS, Table, as_read
from tests.support.warehouses import duckdb_at, postgres_in

_NO_TEXT = {"integer", "number", "boolean"}


class Store(NamedTuple):
    """What leads to a store, what reads it, and what is in the loader's environment."""

    settings: dict[str, Any]
    read: Callable[[], dict[str, Table]]
    variables: dict[str, str] = {}  # noqa: RUF012 - nobody changes it


@contextmanager
def duckdb_file(directory: Path) -> Iterator[Store]:
    path = directory / "warehouse.duckdb"
    settings = {"filepath": str(path), "default_target_schema": "dagctl"}
    yield Store(settings, duckdb_at(path).tables)


@contextmanager
def postgres_in_berlin(directory: Path) -> Iterator[Store]:
    """A server whose time zone is not UTC."""
    with postgres_in(directory / "postgres") as warehouse:
        warehouse.execute("alter system set timezone to 'Europe/Berlin'")
        warehouse.execute("select pg_reload_conf()")
        of_dbt = warehouse.environment
        settings = {
            "sqlalchemy_url": warehouse.target["sqlalchemy_url"].replace("psycopg2", "psycopg"),
            "host": of_dbt["TARGET_POSTGRES_HOST"],
            "port": 5432,
            "user": of_dbt["TARGET_POSTGRES_USER"],
            "password": "made up",
            "dbname": of_dbt["TARGET_POSTGRES_DATABASE"],
            "default_target_schema": "dagctl",
        }
        yield Store(settings, warehouse.tables)


@contextmanager
def json_files(directory: Path) -> Iterator[Store]:
    def rows(stream: str) -> Iterator[Row]:
        for path in directory.glob(f"{stream}.jsonl"):
            yield from map(json.loads, path.read_text().split("\n")[:-1])

    settings = {"destination_path": str(directory), "do_timestamp_file": False}
    yield Store(settings, lambda: _tables(rows))


@contextmanager
def csv_files(directory: Path) -> Iterator[Store]:
    """Read in the order of their names; an empty cell is null."""
    csv.field_size_limit(2**31 - 1)

    def rows(stream: str) -> Iterator[Row]:
        for path in sorted(directory.glob(f"{stream}[-.]*csv")):
            with path.open(newline="", encoding="utf-8") as file:
                yield from (_typed(stream, row) for row in csv.DictReader(file))

    yield Store({"output_path": str(directory)}, lambda: _tables(rows))


def _typed(stream: str, row: Row) -> Row:
    """Read the text of every cell as the schema says."""
    fields = BY_NAME[stream].schema["properties"]
    texts = {name for name in row if not _NO_TEXT & {*fields.get(name, {"type": ()})["type"]}}
    return {
        name: text if name in texts else json.loads(text.lower())
        for name, text in row.items()
        if text
    }


@contextmanager
def s3_objects(directory: Path) -> Iterator[Store]:
    """Read the oldest first."""
    with s3():
        bucket = boto3.resource("s3").Bucket(BUCKET)

        def rows(stream: str) -> Iterator[Row]:
            objects = bucket.objects.filter(Prefix=f"{stream}-")
            for it in sorted(objects, key=lambda it: (it.last_modified, it.key)):
                yield from map(json.loads, it.get()["Body"].read().splitlines())

        settings = {
            "s3_bucket": BUCKET,
            "aws_endpoint_url": os.environ["AWS_ENDPOINT_URL"],
            "work_dir": str(directory / "parts"),
        }
        yield Store(settings, lambda: _tables(rows))


@contextmanager
def snowflake_emulator(directory: Path) -> Iterator[Store]:
    """Read when the server has ended."""
    with ExitStack() as running:
        variables = running.enter_context(snowflake.served(directory))

        def read() -> dict[str, Table]:
            running.close()
            snowflake.merge(directory)
            return snowflake.warehouse(directory).tables()

        more = {"default_target_schema": "dagctl", "clean_up_batch_files": False}
        yield Store(snowflake.ACCOUNT | more, read, variables)


def _tables(rows: Callable[[str], Iterable[Row]]) -> dict[str, Table]:
    return {
        stream: {tuple(row[key] for key in keys): row for row in map(as_read, rows(stream))}
        for stream, keys in KEYS.items()
    }
