"""What is in a warehouse, read back by none of the loader's code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import duckdb
import psycopg

from stand_in.world import Row, World
from tests.support.base_time import first_day
from tests.support.postgres import postgres
from tests.support.project import ROOT
from tests.support.truth import KEYS, Table, as_read, differences, tables


@dataclass(frozen=True)
class Warehouse:
    """A database, and how the plugins of `meltano.yml` reach it."""

    kind: str
    environment: dict[str, str]
    connect: Callable[..., Any]

    def query(self, text: str) -> list[Row]:
        """Return the rows; the names of their columns are upper case in some databases."""
        with self.connect(read_only=True) as connection:
            result = connection.execute(text)
            names = [column[0].lower() for column in result.description]
            return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def execute(self, text: str) -> None:
        with self.connect(read_only=False) as connection:
            connection.execute(text)

    @property
    def program(self) -> str:
        """The loader that Meltano has installed."""
        name = f"target-{self.kind}"
        return str(ROOT / ".meltano" / "loaders" / name / "venv" / "bin" / name)

    @property
    def target(self) -> dict[str, str]:
        """The loader's own settings of it."""
        file = self.environment.get("TARGET_DUCKDB_FILEPATH")
        if file:
            return {"filepath": file}
        return {"sqlalchemy_url": self.environment["TARGET_POSTGRES_SQLALCHEMY_URL"]}

    def empty(self) -> None:
        """Remove every schema of a PostgreSQL, and what is in it."""
        schemas = self.query(
            "select schema_name from information_schema.schemata "
            "where schema_name <> 'information_schema' and schema_name not like 'pg\\_%'"
        )
        for row in schemas:
            self.execute(f'drop schema "{row["schema_name"]}" cascade')
        self.execute("create schema public")

    def tables(self, schema: str = "dagctl", prefix: str = "") -> dict[str, Table]:
        """Return every table as `tests.support.truth` writes it."""
        found = {}
        for name, keys in KEYS.items():
            text = f"select * from {schema}.{prefix}{name}"  # noqa: S608 - names from KEYS and tests
            rows = [as_read(row) for row in self.query(text)]
            found[name] = {tuple(row[key] for key in keys): row for row in rows}
            assert len(found[name]) == len(rows), f"{name} holds a key twice"
        return found

    def differences(
        self, world: World, schema: str = "dagctl", prefix: str = "", since: date | None = None
    ) -> list[str]:
        """Return what is in the tables and not in the API, and the other way round.

        Without `since`, the statistics are those of a sync without `start_date`.
        """
        first = since or first_day(world.now)
        return differences(self.tables(schema, prefix), tables(world, first))


def duckdb_at(path: Path) -> Warehouse:
    """Return the DuckDB file at `path`, which need not be there yet."""
    environment = {"TARGET_DUCKDB_FILEPATH": str(path)}
    return Warehouse("duckdb", environment, partial(duckdb.connect, str(path)))


def postgres_at(url: str) -> Warehouse:
    """Return the PostgreSQL at a SQLAlchemy URL."""
    parts = urlsplit(url)
    # If the server listens on a socket in a folder, only the URL can say so to the loader; dbt
    # takes a folder as host.
    environment = {
        "TARGET_POSTGRES_SQLALCHEMY_URL": url,
        "TARGET_POSTGRES_HOST": parts.hostname or parse_qs(parts.query)["host"][0],
        "TARGET_POSTGRES_USER": parts.username or "",
        "TARGET_POSTGRES_PASSWORD": parts.password or "",
        "TARGET_POSTGRES_DATABASE": parts.path.removeprefix("/"),
    }
    conninfo = url.replace("+psycopg2", "")
    return Warehouse(
        "postgres",
        environment,
        lambda read_only: psycopg.connect(conninfo, autocommit=True),  # noqa: ARG005 - as DuckDB has it
    )


@contextmanager
def postgres_in(directory: Path) -> Iterator[Warehouse]:
    """Run a PostgreSQL server with its files in `directory`."""
    with postgres(directory) as url:
        yield postgres_at(url)
