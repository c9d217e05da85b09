"""Snowflake as far as fakesnow goes: a server on loopback, with its database in a DuckDB file.

It takes no files, which is how the loader brings its rows. So what the loader does with them is
left out there, and done here: each file's rows take the place of those with the same keys.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import duckdb

from tests.support.programs import program
from tests.support.truth import KEYS
from tests.support.warehouses import Warehouse, duckdb_at

DATABASE = "MADE_UP"
ACCOUNT = {"account": "made-up", "user": "made_up", "password": "made up", "database": DATABASE}
_SERVE = """
import sys
from fakesnow import server
from fakesnow.instance import FakeSnow
import fakesnow.server
fakesnow.server.shared_fs = FakeSnow(db_path=sys.argv[1])
with server() as settings:
    print(settings["port"], flush=True)
    sys.stdin.read()
"""
# Neither the loader nor dbt has a setting for the port. Python imports this as it starts.
_ON_LOOPBACK = """
from snowflake.connector.connection import SnowflakeConnection
from snowflake.connector.cursor import SnowflakeCursor
connect, execute = SnowflakeConnection.connect, SnowflakeCursor.execute
here = {{"host": "127.0.0.1", "port": {port}, "protocol": "http"}}
of_files = "put ", "merge into ", "remove ", "drop file format "
SnowflakeConnection.connect = lambda self, **settings: connect(self, **settings | here)
SnowflakeCursor.execute = lambda self, command, *rest, **options: (
    execute(self, "select 1")
    if command.lower().startswith(of_files)
    else execute(self, command, *rest, **options)
)
"""


@contextmanager
def served(directory: Path) -> Iterator[dict[str, str]]:
    """Run the server, and return the variables with which programs find it."""
    with (
        (directory / "server.log").open("ab") as log,
        subprocess.Popen(
            [program("fakesnow", "python"), "-c", _SERVE, str(directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as server,
    ):
        assert server.stdout
        (directory / "sitecustomize.py").write_text(
            _ON_LOOPBACK.format(port=int(server.stdout.readline()))
        )
        # The loader writes its files below TMPDIR.
        yield {"PYTHONPATH": str(directory), "TMPDIR": str(directory)}
        server.communicate()


def warehouse(directory: Path) -> Warehouse:
    """Return what reads the server's database while it does not run."""
    of_dbt = {f"TARGET_SNOWFLAKE_{name.upper()}": value for name, value in ACCOUNT.items()}
    file = duckdb_at(directory / f"{DATABASE}.db")
    return replace(file, kind="snowflake", environment=of_dbt)


def merge(directory: Path) -> None:
    """Do with the files what the loader asks for, oldest first."""
    with duckdb.connect(str(directory / f"{DATABASE}.db")) as connection:
        for path in sorted(directory.rglob("*.json.gz"), key=lambda path: path.stat().st_mtime_ns):
            stream = path.name.partition("--")[2].partition("-")[0]
            table, keys = f"dagctl.{stream}", ", ".join(KEYS[stream])
            described = connection.execute(f"describe {table}").fetchall()
            columns = {name.lower(): kind for name, kind, *_ in described}
            rows = f"from read_json('{path}', columns={columns})"
            connection.execute(f"create or replace temp table staged as {rows}")
            # The names are from the tap's schemas.
            same = f"({keys}) in (select ({keys}) from staged)"  # noqa: S608
            connection.execute(f"delete from {table} where {same}")  # noqa: S608
            connection.execute(f"insert into {table} by name from staged")
