"""Runs the tap, in this process or as a user's shell would, and reads what it wrote."""

from __future__ import annotations

import gc
import gzip
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

from singer_sdk.metrics import METRICS_LOGGER_NAME

from stand_in.server import Api
from tap_dagctl import redaction
from tap_dagctl.__main__ import main
from tap_dagctl.api.prefetch import THREAD_NAME
from tap_dagctl.singer.state import LOGGER
from tests.support import troubleshooting

Json = dict[str, Any]
TAP = Path(sys.executable).with_name("tap-dagctl")
# An environment in which no proxy and no authority is named.
DIRECTLY = dict.fromkeys(
    ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "REQUESTS_CA_BUNDLE"), ""
)
BROKEN_OFF = "no connection, or it was broken off"


@dataclass
class Output:
    """What one invocation wrote."""

    exit_code: int
    stdout: str
    stderr: str

    def __post_init__(self) -> None:
        troubleshooting.check(troubleshooting.of_the_tap(self.stderr))
        lines = [line for line in self.stdout.splitlines() if line.startswith('{"type"')]
        self.messages: list[Json] = [json.loads(line) for line in lines]

    def records(self, stream: str) -> list[Json]:
        """Return the records of a stream, those in files included."""
        found: list[Json] = []
        for message in self.messages:
            if message.get("stream") == stream:
                found += [message["record"]] if message["type"] == "RECORD" else []
                for file in message.get("manifest", ()):
                    text = gzip.decompress(Path(urlsplit(file).path).read_bytes())
                    found += map(json.loads, text.splitlines())
        return found

    @property
    def sent(self) -> dict[str, list[Json]]:
        """The records of each stream of which any was sent, by the name it left under."""
        named = (it["stream"] for it in self.messages if {"record", "manifest"} & it.keys())
        return {stream: self.records(stream) for stream in named}

    @property
    def schemas(self) -> dict[str, Json]:
        """The message that announces each stream."""
        return {it["stream"]: it for it in self.messages if it["type"] == "SCHEMA"}

    def ids(self, stream: str) -> list[str]:
        return [row["id"] for row in self.records(stream)]

    @property
    def succeeded(self) -> Output:
        assert self.exit_code == 0, self.stderr
        return self

    @property
    def state(self) -> dict[str, Any]:
        states = [message["value"] for message in self.messages if message["type"] == "STATE"]
        return states[-1] if states else {}

    @property
    def error(self) -> str:
        """The one line a failed invocation ends with, which shows no traceback and no token."""
        assert self.exit_code == 1, self.stderr
        assert "Traceback" not in self.stderr
        assert "made_up" not in self.stdout + self.stderr
        (line,) = self.errors
        return line.split("|", 3)[-1].strip()

    @property
    def warnings(self) -> list[str]:
        """Those of the tap; the SDK has one of its own for a Python that is past its time."""
        lines = self.stderr.splitlines()
        return [line for line in lines if "| WARNING" in line and "| py.warnings " not in line]

    @property
    def errors(self) -> list[str]:
        return [line for line in self.stderr.splitlines() if "| ERROR" in line]


def config_of(api: Api, **settings: Any) -> Json:
    world = api.world
    account = {"api_token": world.token, "organization_id": world.organization_id}
    return {**account, "api_url": api.url, **settings}


def in_files(directory: Path) -> dict[str, Any]:
    """Return a `batch_config` of files in a folder."""
    encoding = {"format": "jsonl", "compression": "gzip"}
    return {"encoding": encoding, "storage": {"root": f"file://{directory}"}}


def arguments(
    directory: Path, config: Json | None = None, *options: str, **files: Any
) -> list[str]:
    """Return the command line of the installed `tap-dagctl`; its files lie in `directory`."""
    line = [str(TAP), *options]
    for name, content in {"config": config, **files}.items():
        if content is not None:
            path = directory / f"{name}.json"
            path.write_text(json.dumps(content))
            line += [f"--{name}", str(path)]
    return line


@contextmanager
def program(
    directory: Path,
    config: Json | None = None,
    *options: str,
    environment: dict[str, str] | None = None,
    **files: Any,
) -> Iterator[subprocess.Popen[str]]:
    """Run the tap as a program: for signals, pipes, and what an interpreter does."""
    with subprocess.Popen(
        arguments(directory, config, *options, **files),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=directory,
        env={**os.environ, **(environment or {})},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def ended(process: subprocess.Popen[str]) -> Output:
    """Wait until a program ends, and return what it wrote."""
    stdout, stderr = process.communicate(timeout=300)
    if process.returncode < 0:
        # What a killed program had half written never reaches a table.
        stdout = stdout.rpartition("\n")[0]
    return Output(process.returncode, stdout, stderr)


def run_program(*arguments: Any, **more: Any) -> Output:
    with program(*arguments, **more) as process:
        return ended(process)


def run_here(
    main: Callable[[], object],
    line: list[str],
    directory: Path,
    environment: dict[str, str],
    stdin: str = "",
) -> tuple[int, str, str]:
    """Run a program in this process, without the half second in which it starts.

    Return its exit code, and what it wrote.
    """
    exit_code: Any = 0
    here = Path.cwd()
    with (
        TemporaryFile("w+", buffering=1) as stdout,
        TemporaryFile("w+", buffering=1) as stderr,
        redirect_stdout(stdout),
        redirect_stderr(stderr),
        patch.dict(os.environ, environment, clear=True),
        patch.object(sys, "argv", line),
        patch.object(sys, "stdin", StringIO(stdin)),
        # It begins as a program that has just started, and leaves behind what was before.
        patch.object(sys, "excepthook", sys.excepthook),
        patch.object(sys, "unraisablehook", sys.unraisablehook),
        # These are for a process that ends soon.
        patch.object(gc, "disable"),
        patch.object(gc, "freeze"),
        loggers_kept(),
        handlers_kept(),
    ):
        logging.root.handlers.clear()
        os.chdir(directory)
        try:
            main()
        except SystemExit as end:
            exit_code = end.code
            if isinstance(exit_code, str):
                print(exit_code, file=sys.stderr)  # noqa: T201 - as the interpreter does
                exit_code = 1
        finally:
            os.chdir(here)
            join_prefetch()
        for file in (stdout, stderr):
            file.seek(0)
        return int(exit_code or 0), stdout.read(), stderr.read()


def run_tap(
    directory: Path,
    config: Json | None = None,
    *options: str,
    environment: dict[str, str] | None = None,
    **files: Any,
) -> Output:
    """Run the command line in this process. Its `files` are a state and a catalog."""
    line = arguments(directory, config, *options, **files)
    with patch.object(redaction, "_pieces", {}), patch.object(redaction, "_patterns", {}):
        return Output(*run_here(main, line, directory, {**os.environ, **(environment or {})}))


@dataclass
class Tap:
    """Runs the tap beside an API, in this process."""

    api: Api
    directory: Path

    def __call__(
        self,
        *options: str,
        state: Json | None = None,
        catalog: Json | None = None,
        environment: dict[str, str] | None = None,
        **settings: Any,
    ) -> Output:
        files: Any = {"state": state, "catalog": catalog, "environment": environment}
        return run_tap(self.directory, config_of(self.api, **settings), *options, **files)

    def refused(self, *options: str, **given: Any) -> str:
        """Return the one line about what is refused before any request."""
        output = self(*options, **given)
        assert (self.api.requests, output.messages) == ([], [])
        return output.error


@contextmanager
def handlers_kept() -> Iterator[None]:
    """Keep signals for whoever runs the tests: a tap takes them as soon as there is one."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def join_prefetch() -> None:
    """Wait for the requests made ahead, which a program that ends takes with it."""
    for thread in threading.enumerate():
        if thread.name == THREAD_NAME:
            thread.join()


@contextmanager
def loggers_kept() -> Iterator[None]:
    """Leave every logger as it was."""
    # Also if nobody has asked for them yet: else they would keep what the first sync sets.
    quiet = [logging.getLogger(name) for name in (METRICS_LOGGER_NAME, LOGGER)]
    names = [name for name, it in logging.root.manager.loggerDict.items() if vars(it).get("name")]
    loggers = [logging.root, *map(logging.getLogger, names)]
    before = [(it.level, it.handlers[:], it.filters[:], it.disabled) for it in loggers]
    for logger in quiet:
        logger.setLevel(logging.NOTSET)
    try:
        yield
    finally:
        logging.captureWarnings(capture=False)
        for logger, (level, handlers, filters, is_disabled) in zip(loggers, before, strict=True):
            logger.setLevel(level)
            logger.handlers, logger.filters, logger.disabled = handlers, filters, is_disabled
