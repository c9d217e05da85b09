"""Every loader with every setting that is compared: how it is run, and how its store is read."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import yaml

from tests.support.environments import program
from tests.support.loaders import servers, stores
from tests.support.loaders.chain import Loader
from tests.support.postgres import postgres
from tests.support.project import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.support.loaders.stores import Tables

SCHEMA = "dagctl"
BUCKET = "made-up"
DATABASE = "MADE_UP"


def stream_maps() -> dict[str, Any]:
    """Return the stream maps that docs/targets.md shows."""
    _, _, rest = (ROOT / "docs" / "targets.md").read_text().partition("## Objects as text\n")
    shown = yaml.safe_load(rest.split("```yaml\n")[1].partition("```")[0])
    (extractor,) = shown["plugins"]["extractors"]
    maps: dict[str, Any] = extractor["config"]["stream_maps"]
    return maps


@dataclass(frozen=True)
class Store:
    """A loader that is ready to be run, and what reads back what it wrote."""

    loader: Loader
    read: Callable[[], Tables]


@dataclass(frozen=True)
class Way:
    """A loader with settings.

    Attributes:
        name: by which findings.json knows it.
        environments: that must be installed.
        open: starts what it needs in a folder.
        tap_settings: beside those that every way has.
    """

    name: str
    environments: tuple[str, ...]
    open: Callable[[Path], AbstractContextManager[Store]]
    tap_settings: dict[str, Any]


@contextmanager
def _duckdb(directory: Path, environment: str = "", **settings: Any) -> Iterator[Store]:
    path = directory / "warehouse.duckdb"
    settings = {"filepath": str(path), "default_target_schema": SCHEMA, **settings}
    ours = str(Path(sys.executable).with_name("target-duckdb"))
    command = [program(environment, "target-duckdb") if environment else ours]
    yield Store(Loader(command, settings), lambda: stores.of_duckdb(path, SCHEMA))


@contextmanager
def _postgres_in_berlin(directory: Path) -> Iterator[str]:
    """Run a server whose time zone is not UTC."""
    with postgres(directory) as url:
        with psycopg.connect(url.replace("+psycopg2", ""), autocommit=True) as connection:
            connection.execute("alter system set timezone to 'Europe/Berlin'")
            connection.execute("select pg_reload_conf()")
        yield url


@contextmanager
def _postgres(directory: Path, pgtz: str | None = "UTC", **settings: Any) -> Iterator[Store]:
    with _postgres_in_berlin(directory / "postgres") as url:
        settings = {
            "sqlalchemy_url": url.replace("psycopg2", "psycopg"),
            "default_target_schema": SCHEMA,
            **settings,
        }
        command = [program("meltanolabs-target-postgres", "target-postgres")]
        environment = {"PGTZ": pgtz} if pgtz else {}
        yield Store(Loader(command, settings, environment), lambda: stores.of_postgres(url, SCHEMA))


@contextmanager
def _pipelinewise_postgres(directory: Path, **settings: Any) -> Iterator[Store]:
    with _postgres_in_berlin(directory / "postgres") as url:
        parts = urlsplit(url)
        settings = {
            "host": parse_qs(parts.query)["host"][0],
            "port": 5432,
            "user": parts.username,
            "password": parts.password or "made up",
            "dbname": parts.path.removeprefix("/"),
            "default_target_schema": SCHEMA,
            **settings,
        }
        command = [program("pipelinewise-target-postgres", "target-postgres")]
        yield Store(Loader(command, settings), lambda: stores.of_postgres(url, SCHEMA))


@contextmanager
def _jsonl(directory: Path) -> Iterator[Store]:
    settings = {"destination_path": str(directory), "do_timestamp_file": False}
    loader = Loader([program("target-jsonl", "target-jsonl")], settings)
    yield Store(loader, lambda: stores.of_json_lines(directory))


@contextmanager
def _csv(directory: Path, environment: str, where: str, **settings: Any) -> Iterator[Store]:
    files = directory / "files"
    files.mkdir()
    settings = {where: str(files), **settings}
    command = [program(environment, "target-csv")]
    yield Store(Loader(command, settings), lambda: stores.of_csv(files))


@contextmanager
def _s3_jsonl(directory: Path, **settings: Any) -> Iterator[Store]:
    with servers.s3(directory, BUCKET) as address:
        settings = {
            "s3_bucket": BUCKET,
            "aws_endpoint_url": address,
            "aws_access_key_id": "made-up",
            "aws_secret_access_key": "made-up",
            "work_dir": str(directory / "parts"),
            **settings,
        }
        loader = Loader([program("target-s3-jsonl", "target-s3-jsonl")], settings)
        yield Store(loader, lambda: stores.of_s3(address, BUCKET))


@contextmanager
def _sqlite(directory: Path) -> Iterator[Store]:
    path = directory / "warehouse.db"
    loader = Loader([program("target-sqlite", "target-sqlite")], {"database": str(path)})
    yield Store(loader, lambda: stores.of_sqlite(path))


@contextmanager
def snowflake(directory: Path, **settings: Any) -> Iterator[Store]:
    """Run what stands in for Snowflake, with the loader on it."""
    with servers.snowflake(directory) as port:
        settings = {
            "account": "made-up",
            "user": "made_up",
            "password": "made up",
            "database": DATABASE,
            "default_target_schema": SCHEMA,
            "clean_up_batch_files": False,
            **settings,
        }
        environment = {
            # The loader stages its rows in files there.
            "TMPDIR": str(directory),
            "PYTHONPATH": str(Path(__file__).parent / "snowflake_on_loopback"),
            "SNOWFLAKE_PORT": str(port),
        }
        command = [program("meltanolabs-target-snowflake", "target-snowflake")]
        yield Store(
            Loader(command, settings, environment), lambda: stores.of_staged_files(directory)
        )


def _way(
    name: str,
    environments: str,
    opened: Callable[..., AbstractContextManager[Store]],
    settings: dict[str, Any] | None = None,
    tap_settings: dict[str, Any] | None = None,
) -> Way:
    return Way(
        name, tuple(environments.split()), partial(opened, **settings or {}), tap_settings or {}
    )


_MAPS = {"stream_maps": stream_maps()}
_FLAT = {"flattening_enabled": True, "flattening_max_depth": 5}
_DUCKDB = {"flush_all_streams": True, "add_metadata_columns": True}
_OURS = "dagctl-target-duckdb"
_OLD = "target-duckdb"
_PG = "meltanolabs-target-postgres"
_PPW = "pipelinewise-target-postgres"
_CSV = "meltanolabs-target-csv"
_SNOWFLAKE = "meltanolabs-target-snowflake"
_FAST = {"validate_records": False}
_FLATTENING = {"data_flattening_max_level": 5}
_FILES = {"environment": _CSV, "where": "output_path"}
_NAMED = {**_FILES, "file_naming_scheme": "{stream_name}-{timestamp}.csv"}
_OLD_FILES = {"environment": "target-csv", "where": "destination_path", "disable_collection": True}
WAYS = [
    _way(_OURS, "", _duckdb),
    _way(f"{_OURS}, objects as text", "", _duckdb, tap_settings=_MAPS),
    _way(f"{_OURS}, tap flattens", "", _duckdb, tap_settings=_FLAT),
    _way(_OLD, _OLD, _duckdb, {"environment": _OLD, **_DUCKDB}),
    _way(f"{_OLD}, default", _OLD, _duckdb, {"environment": _OLD}),
    _way(
        f"{_OLD}, newer DuckDB",
        f"{_OLD}-newer",
        _duckdb,
        {"environment": f"{_OLD}-newer", **_DUCKDB},
    ),
    _way(_PG, _PG, _postgres, _FAST),
    _way(f"{_PG}, default", _PG, _postgres),
    _way(f"{_PG}, use_copy", _PG, _postgres, {"use_copy": True}),
    _way(f"{_PG}, use_copy, no validation", _PG, _postgres, {"use_copy": True, **_FAST}),
    _way(f"{_PG}, sanitized", _PG, _postgres, {"sanitize_null_text_characters": True, **_FAST}),
    _way(f"{_PG}, no PGTZ", _PG, _postgres, {"pgtz": None, **_FAST}),
    _way(_PPW, _PPW, _pipelinewise_postgres),
    _way(f"{_PPW}, flattening", _PPW, _pipelinewise_postgres, _FLATTENING),
    _way(f"{_PPW}, flattening, objects as text", _PPW, _pipelinewise_postgres, _FLATTENING, _MAPS),
    _way("target-jsonl", "target-jsonl", _jsonl),
    _way("target-s3-jsonl", "target-s3-jsonl moto", _s3_jsonl),
    _way(_CSV, _CSV, _csv, _FILES),
    _way(f"{_CSV}, append", _CSV, _csv, {**_FILES, "overwrite_behavior": "append_records"}),
    _way(f"{_CSV}, timestamp", _CSV, _csv, _NAMED),
    _way(f"{_CSV}, timestamp, objects as text", _CSV, _csv, _NAMED, _MAPS),
    _way(_SNOWFLAKE, f"{_SNOWFLAKE} fakesnow", snowflake),
    _way("target-sqlite", "target-sqlite", _sqlite),
    _way("target-csv", "target-csv", _csv, _OLD_FILES),
]
