"""The program without its start: it is imported once, and each run is a fork of that process.

A start takes a second, a run of a few records some hundredths of one. Run as a program, this reads
a job a line from standard input, and answers with the process id and then the exit code.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support import program

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.support.program import Loader, Message, Run


class Forks:
    """Runs the target many times."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def start(self, loader: Loader) -> int:
        """Begin to load `input` of the loader's directory; return the process id."""
        arguments = loader.command()[1:]
        for name in ("stdout", "stderr"):
            (loader.directory / name).write_bytes(b"")
        assert self._process.stdin
        self._process.stdin.write(json.dumps([arguments, str(loader.directory)]) + "\n")
        self._process.stdin.flush()
        process = self._answer()
        assert process > 1
        return process

    def wait(self, loader: Loader) -> Run:
        code = self._answer()
        stdout, stderr = ((loader.directory / it).read_text() for it in ("stdout", "stderr"))
        return program.Run(code, stdout, stderr)

    def run(self, loader: Loader, messages: Iterable[Message | str]) -> Run:
        if "TARGET_DUCKDB_EXECUTABLE" in os.environ:
            return loader.run_one_way(messages)
        (loader.directory / "input").write_bytes(program.lines(messages))
        self.start(loader)
        return self.wait(loader)

    def _answer(self) -> int:
        assert self._process.stdout
        return int(self._process.stdout.readline())


@cache
def shared() -> Forks:
    """Those that every test may use, until the tests end."""
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(forks())


@contextlib.contextmanager
def forks() -> Iterator[Forks]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.forks"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        yield Forks(process)


def _serve() -> None:
    from target_duckdb.target import TargetDuckDB  # noqa: PLC0415 - only here

    answers = os.fdopen(os.dup(1), "w", buffering=1)
    for job in sys.stdin:
        arguments, directory = json.loads(job)
        pid = os.fork()
        if not pid:
            _become(arguments, Path(directory), TargetDuckDB)
        answers.write(f"{pid}\n")
        answers.write(f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n")


def _become(arguments: list[str], directory: Path, target: Any) -> None:
    for number, name in enumerate(("input", "stdout", "stderr")):
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC if number else os.O_RDONLY
        os.dup2(os.open(directory / name, flags, 0o600), number)
    sys.stdin = os.fdopen(0, "r")
    # What the run puts aside goes with the directory: nothing else removes it if it is killed.
    tempfile.tempdir = str(directory)
    sys.argv = ["target-duckdb", *arguments]
    code = 1
    try:
        target.cli()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    finally:
        sys.stdout.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
