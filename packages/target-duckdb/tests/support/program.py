"""Runs the target as a user's shell would, and reads what it stored."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import duckdb

Message = dict[str, Any]
TARGET = str(Path(sys.executable).with_name("target-duckdb"))
# Columns that hold when a record was loaded.
_MOVING = {"_sdc_batched_at", "_sdc_received_at", "_sdc_sequence", "_sdc_sync_started_at"}
# A start takes a second, a run of a few records some hundredths of one: so most runs are a fork of
# a process that has imported the program, and what starts the tests.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["target_duckdb.target", "pytest"])


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
        assert "Exception ignored" not in self.stderr, self.stderr
        (line,) = [line for line in self.stderr.splitlines() if "| ERROR" in line]
        return line.split("|", 3)[-1].strip()


class Loader:
    """The program, its settings, and its file."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        self.directory = directory
        self.file = Path(settings.get("filepath") or directory / "warehouse.duckdb")
        self.settings = {"filepath": str(self.file), "default_target_schema": "raw", **settings}

    def command(self) -> list[str]:
        config = self.directory / "config.json"
        config.write_text(json.dumps(self.settings))
        return [TARGET, "--config", str(config)]

    def run(self, messages: Iterable[Message | str]) -> Run:
        """Load `messages`, whatever comes of it; the SDK's way must come to the same."""
        messages = list(messages)
        with tempfile.TemporaryDirectory(dir=self.directory) as name:
            twin = Loader(Path(name), **{**self.settings, "filepath": f"{name}/{self.file.name}"})
            for suffix in ("", ".wal"):
                with contextlib.suppress(FileNotFoundError):
                    shutil.copy(f"{self.file}{suffix}", f"{twin.file}{suffix}")
            run, other = self.run_one_way(messages), twin.run_one_way(_the_long_way(messages))
            assert (run.exit_code, run.stdout) == (other.exit_code, other.stdout), other.stderr
            if run.exit_code:
                assert other.error
            assert self.contents() == twin.contents()
        return run

    def load(self, messages: Iterable[Message | str]) -> Run:
        """Load `messages`, which can be loaded."""
        run = self.run(messages)
        assert run.exit_code == 0, run.stderr
        return run

    def run_one_way(self, messages: Iterable[Message | str]) -> Run:
        return self.end(self.start(messages))

    def start(self, messages: Iterable[Message | str]) -> BaseProcess:
        """Begin to load `messages` in a fork."""
        (self.directory / "input").write_bytes(lines(messages))
        for name in ("stdout", "stderr"):
            (self.directory / name).write_bytes(b"")
        arguments = (self.command(), str(self.directory))
        process = _FORKS.Process(target=_become_the_program, args=arguments)
        process.start()
        return process

    def end(self, process: BaseProcess) -> Run:
        process.join(120)
        stdout, stderr = ((self.directory / it).read_text() for it in ("stdout", "stderr"))
        assert process.exitcode is not None
        return Run(process.exitcode, stdout, stderr)

    def run_program(self, messages: Iterable[Message | str], *before: str, **options: Any) -> Run:
        """Load `messages` with the program itself, with `before` on its command line."""
        options = {"stdout": subprocess.PIPE, "input": lines(messages), **options}
        done = subprocess.run(
            [*before, *self.command()], stderr=subprocess.PIPE, check=False, timeout=120, **options
        )
        return Run(done.returncode, (done.stdout or b"").decode(), done.stderr.decode())

    def run_within(self, limit: int, size: int, messages: Iterable[Message | str]) -> Run:
        """Load `messages` where a limit of `resource` is so many bytes, or files."""

        def begin() -> None:
            # On one core: DuckDB has a thread for each, and each takes addresses.
            if hasattr(os, "sched_setaffinity"):
                os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
            resource.setrlimit(limit, (size, size))

        return self.run_program(messages, preexec_fn=begin)

    def contents(self) -> dict[str, Any]:
        """What the file holds, in every table, but for what the clock says."""
        if not self.file.exists():
            return {}
        found = {}
        for names in self.query("SELECT schema_name, table_name FROM duckdb_tables()"):
            place = ".".join(map(quoted, (self.file.stem, *names)))
            columns = [(name, kind) for name, kind, *_ in self.query(f"DESCRIBE {place}")]
            kept = [
                # When a version ended is what the clock says, too.
                f"{quoted(name)} IS NULL" if name == "_sdc_deleted_at" else quoted(name)
                for name, _ in columns
                if name not in _MOVING
            ]
            rows = self.query(f"SELECT {', '.join(kept)} FROM {place}")
            found[place] = columns, sorted(map(repr, rows))
        return found

    def query(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.file), read_only=True) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            return connection.execute(statement, parameters).fetchall()

    def execute(self, statement: str) -> None:
        """Do what another program does with the file."""
        with duckdb.connect(str(self.file)) as connection:
            connection.execute(statement)

    def rows(self, stream: str) -> list[dict[str, Any]]:
        """What the table of `stream` holds, in the order it came."""
        names = self.types(stream)
        found = self.query(f"FROM raw.{quoted(stream)} ORDER BY rowid")
        return [dict(zip(names, row, strict=True)) for row in found]

    def types(self, stream: str) -> dict[str, str]:
        rows = self.query(f"DESCRIBE raw.{quoted(stream)}")
        return {name: kind for name, kind, *_ in rows}


def _become_the_program(command: list[str], directory: str) -> None:
    from target_duckdb.target import TargetDuckDB  # noqa: PLC0415 - only in a fork

    for number, name in enumerate(("input", "stdout", "stderr")):
        flags = os.O_WRONLY if number else os.O_RDONLY
        os.dup2(os.open(Path(directory, name), flags), number)
    sys.stdin = os.fdopen(0, "r")
    # What the run puts aside goes with the directory: nothing else removes it if it is killed.
    tempfile.tempdir = directory
    sys.argv = command
    TargetDuckDB.cli()


def _the_long_way(messages: Iterable[Message | str]) -> list[str]:
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
