"""Runs the target as a user's shell would, and reads what it stored."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from tests.support import forks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Message = dict[str, Any]
# Another target to run the same tests with, to see which of them it fails.
TARGET = os.environ.get("TARGET_DUCKDB_EXECUTABLE") or str(
    Path(sys.executable).with_name("target-duckdb")
)
# Columns that hold when a record was loaded.
_MOVING = {"_sdc_batched_at", "_sdc_received_at", "_sdc_sequence", "_sdc_sync_started_at"}
_DELETED = ("_sdc_deleted_at", "TIMESTAMP")


@dataclass
class Run:
    """What one invocation wrote."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def states(self) -> list[Any]:
        return [json.loads(line) for line in self.stdout.splitlines()]

    @property
    def error(self) -> str:
        """The one line a failed invocation ends with."""
        assert self.exit_code == 1, self.stderr
        assert "Traceback" not in self.stderr, self.stderr
        (line,) = [line for line in self.stderr.splitlines() if "| ERROR" in line]
        return line.split("|", 3)[-1].strip()


class Loader:
    """The program, its settings, and its file."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        self.directory = directory
        self.file = directory / "warehouse.duckdb"
        self.settings = {"filepath": str(self.file), "default_target_schema": "raw", **settings}

    def command(self) -> list[str]:
        config = self.directory / "config.json"
        config.write_text(json.dumps(self.settings))
        return [TARGET, "--config", str(config)]

    def run(self, messages: Iterable[Message | str], **options: Any) -> Run:
        """Load `messages`, whatever comes of it; the SDK's way must come to the same.

        It is a fork of a process that has imported the program. With options, or a file of another
        name, the program is started, and takes only the short way.
        """
        messages = list(messages)
        own_file = self.settings["filepath"] != str(self.file)
        if options or own_file or "TARGET_DUCKDB_EXECUTABLE" in os.environ:
            return self.run_one_way(messages, **options)
        with tempfile.TemporaryDirectory(dir=self.directory) as name:
            twin = Loader(Path(name), **{**self.settings, "filepath": f"{name}/{self.file.name}"})
            for suffix in ("", ".wal"):
                with contextlib.suppress(FileNotFoundError):
                    shutil.copy(f"{self.file}{suffix}", f"{twin.file}{suffix}")
            run = forks.shared().run(self, messages)
            other = forks.shared().run(twin, the_long_way(messages))
            assert (run.exit_code, run.stdout) == (other.exit_code, other.stdout), other.stderr
            if run.exit_code:
                assert other.error
            assert self.contents() == twin.contents()
        return run

    def run_one_way(self, messages: Iterable[Message | str], **options: Any) -> Run:
        done = subprocess.run(
            self.command(),
            input=lines(messages),
            capture_output=True,
            check=False,
            timeout=120,
            **options,
        )
        return Run(done.returncode, done.stdout.decode(), done.stderr.decode())

    def contents(self) -> dict[str, Any]:
        """What the file holds, in every table, but for what the clock says."""
        if not self.file.exists():
            return {}
        try:
            connection = duckdb.connect(str(self.file), read_only=True)
        except duckdb.Error:
            return {"no database": self.file.read_bytes()}
        with connection:
            connection.execute("SET TimeZone = 'UTC'")
            found = {}
            for schema_name, table in connection.execute(
                "SELECT schema_name, table_name FROM duckdb_tables()"
            ).fetchall():
                place = f"{quoted(self.file.stem)}.{quoted(schema_name)}.{quoted(table)}"
                rows = connection.execute(f"FROM {place}")
                described = [(name, str(kind)) for name, kind, *_ in rows.description or ()]
                kept = [place for place, (name, _) in enumerate(described) if name not in _MOVING]
                # When a version ended is what the clock says, too.
                marked = described.index(_DELETED) if _DELETED in described else None
                values = [
                    repr([row[it] is not None if it == marked else row[it] for it in kept])
                    for row in rows.fetchall()
                ]
                found[place] = (described, sorted(values))
            return found

    def run_within(self, limit: str, size: int, messages: Iterable[Message | str]) -> Run:
        """Load `messages` where the limit of that name, as in `resource`, is so many bytes."""
        script = (
            "import os, resource, sys\n"
            # On one core: DuckDB has a thread for each, and each takes addresses.
            "if hasattr(os, 'sched_setaffinity'):\n"
            "    os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n"
            f"resource.setrlimit(resource.{limit}, ({size}, {size}))\n"
            "os.execv(sys.argv[1], sys.argv[1:])"
        )
        done = subprocess.run(
            [sys.executable, "-c", script, *self.command()],
            input=lines(messages),
            capture_output=True,
            check=False,
        )
        return Run(done.returncode, done.stdout.decode(), done.stderr.decode())

    def load(self, messages: Iterable[Message | str]) -> Run:
        """Load `messages`, which can be loaded."""
        run = self.run(messages)
        assert run.exit_code == 0, run.stderr
        return run

    def query(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.file), read_only=True) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            return connection.execute(statement, parameters).fetchall()

    def rows(self, stream: str) -> list[dict[str, Any]]:
        """What the table of `stream` holds, in the order it came; no column of the loader's own."""
        with duckdb.connect(str(self.file), read_only=True) as connection:
            found = connection.execute(f"FROM raw.{quoted(stream)} ORDER BY rowid")
            names = [column[0] for column in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def types(self, stream: str) -> dict[str, str]:
        rows = self.query(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = ?", stream
        )
        return dict(rows)


def the_long_way(messages: Iterable[Message | str]) -> list[str]:
    """`messages` as the short way does not take them: something comes before their type."""
    texts = [it if isinstance(it, str) else json.dumps(it) for it in messages]
    return [re.sub(r"^(\s*\{)(?=\s*\")", r'\1"": 0, ', text) for text in texts]


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def lines(messages: Iterable[Message | str]) -> bytes:
    texts = (it if isinstance(it, str) else json.dumps(it) for it in messages)
    return "".join(f"{text}\n" for text in texts).encode()


def schema(stream: str, properties: Mapping[str, Any], keys: Sequence[str] = ("id",)) -> Message:
    return {
        "type": "SCHEMA",
        "stream": stream,
        "schema": {"type": "object", "properties": dict(properties)},
        "key_properties": list(keys),
    }


def record(stream: str, values: Mapping[str, Any], **rest: Any) -> Message:
    return {"type": "RECORD", "stream": stream, "record": dict(values), **rest}


def state(value: Any) -> Message:
    return {"type": "STATE", "value": {"at": value}}


INTEGER = {"type": ["integer", "null"]}
NUMBER = {"type": ["number", "null"]}
TEXT = {"type": ["string", "null"]}
FLAG = {"type": ["boolean", "null"]}
OBJECT = {"type": ["object", "null"]}
ARRAY = {"type": ["array", "null"]}
TIMESTAMP = {"type": ["string", "null"], "format": "date-time"}
DATE = {"type": ["string", "null"], "format": "date"}
TIME = {"type": ["string", "null"], "format": "time"}
