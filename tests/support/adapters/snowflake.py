"""What stands in for Snowflake, loaded by the loader that people use."""

from __future__ import annotations

import gzip
import json
import subprocess
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.environments import program
from tests.support.loaders import ways
from tests.support.loaders.chain import run
from tests.support.truth import KEYS
from tests.support.warehouses import Warehouse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stand_in.world import Row
    from tests.support.awkward import SeededHistory

_READS = Path(__file__).parent / "in_environment" / "statements.py"
_ROWS_AT_ONCE = 500


@contextmanager
def loaded(history: SeededHistory, directory: Path) -> Iterator[Warehouse]:
    """Load a history as it comes into a new warehouse.

    The loader makes the schema, the tables and their columns, and the files of its rows. The server
    takes no files, so what is in them is merged into the tables here.
    """
    with ways.snowflake(directory) as store:
        chain = run(store.loader, history, directory)
        assert chain.failure is None, chain.failure
        names = ("account", "user", "password", "database")
        settings = {name: store.loader.settings[name] for name in names}
        port = int(store.loader.environment["SNOWFLAKE_PORT"])
        with _session(port, settings) as query:
            for name in KEYS:
                _fill(query, name, _merged(directory, name))
            environment = {
                **{f"TARGET_SNOWFLAKE_{name.upper()}": value for name, value in settings.items()},
                # Lets dbt find the server, as the loader does.
                **store.loader.environment,
            }

            def execute(text: str) -> None:
                query(text)

            yield Warehouse("target-snowflake", "dbt-snowflake", environment, query, execute)


@contextmanager
def _session(port: int, settings: dict[str, Any]) -> Iterator[Callable[[str], list[Row]]]:
    with subprocess.Popen(
        [program("dbt-snowflake", "python"), _READS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        statements, answers = process.stdin, process.stdout

        def send(message: Any) -> None:
            statements.write(f"{json.dumps(message)}\n")
            statements.flush()

        def query(text: str) -> list[Row]:
            send(text)
            answer = answers.readline()
            assert answer, f"the session has ended at: {text[:200]}"
            found = json.loads(answer, object_hook=_typed)
            return [dict(zip(found["columns"], row, strict=True)) for row in found["rows"]]

        send({**settings, "host": "127.0.0.1", "port": port, "protocol": "http"})
        yield query


def _typed(value: dict[str, Any]) -> Any:
    if "datetime" in value:
        return datetime.fromisoformat(value["datetime"])
    return date.fromisoformat(value["date"]) if "date" in value else value


def _merged(directory: Path, stream: str) -> list[Row]:
    """Return the newest row of each key in the files that the loader made."""
    rows: dict[tuple[Any, ...], Row] = {}
    for path in sorted(directory.rglob("*.json.gz"), key=lambda path: path.stat().st_mtime_ns):
        if path.name.partition("--")[2].partition("-")[0] == stream:
            with gzip.open(path, "rt", encoding="utf-8", newline="\n") as lines:
                for row in map(json.loads, lines):
                    rows[tuple(row[key] for key in KEYS[stream])] = row
    return list(rows.values())


def _fill(query: Callable[[str], list[Row]], stream: str, rows: list[Row]) -> None:
    """Insert rows as the loader's own statement does: each field in the type of its column."""
    table = f"{ways.SCHEMA}.{stream}"
    columns = [(row["name"].lower(), row["type"]) for row in query(f"describe table {table}")]
    fields = ", ".join(f"line:{name}::{kind.partition('(')[0]}" for name, kind in columns)
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        lines = ", ".join(f"({_quoted(row)})" for row in rows[start : start + _ROWS_AT_ONCE])
        query(
            f"insert into {table} select {fields} "  # noqa: S608 - from the tap's schemas
            f"from (select parse_json(column1) as line from values {lines})"
        )


def _quoted(row: Row) -> str:
    """Write a row as text in SQL."""
    return "'" + json.dumps(row).replace("\\", "\\\\").replace("'", "\\'") + "'"
