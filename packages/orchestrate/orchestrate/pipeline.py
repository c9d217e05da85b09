"""One tap that feeds one target, as processes of their own."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import tempfile
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_SECONDS_BETWEEN_CHECKS = 5.0
_CHUNK = 65_536  # what a pipe holds


@dataclass(frozen=True)
class Program:
    """How to start a program.

    Attributes:
        command: its command line.
        environment: all of its variables.
        files: JSON that it reads, by option.
    """

    command: Sequence[str]
    environment: Mapping[str, str]
    files: Mapping[str, object] = field(default_factory=dict)


class Pipeline:
    """Runs `tap | target`.

    Each gets a session of its own, so that a signal to this program's group, or Ctrl-C, reaches
    this program alone. It goes on to the tap only: the tap ends with a last state, and the target
    stores what it has read and hands that state on. SIGINT after that kills both. Another SIGTERM
    does nothing: orchestrators send it to a group and to its members.
    """

    def __init__(self) -> None:
        """From now on, a signal ends this program, or the tap once that runs."""
        self._received: int | None = None
        self._is_starting = False
        self._programs: list[subprocess.Popen[bytes]] = []
        for signum in _SIGNALS:
            signal.signal(signum, self._pass_on)

    def run(
        self,
        tap: Program,
        target: Program,
        on_line: Callable[[bytes], None],
        check: Callable[[], None],
        inherited: Sequence[int] = (),
    ) -> int:
        """Run it to its end, and return the exit code: the target's, or else the tap's.

        Args:
            tap: what writes messages.
            target: what reads them.
            on_line: called with each line that the target writes. If it raises, both are killed.
            check: the same, called every few seconds while the target writes none.
            inherited: descriptors that both keep open.

        Raises:
            OSError: one of them does not start.
        """
        self._is_starting = True
        with ExitStack() as stack:
            started = _started(stack, tap, subprocess.DEVNULL, inherited)
            loader = _started(stack, target, _piped(started.stdout), inherited)
            _piped(started.stdout).close()
            self._programs = [started, loader]
            if self._received is not None:
                started.send_signal(self._received)
            for line in _lines(_piped(loader.stdout), check):
                on_line(line)
            # A tap may wait for the server for long: where the target has failed, it is killed.
            return exit_code(loader.wait()) or exit_code(started.wait())

    def _pass_on(self, signum: int, _: FrameType | None) -> None:
        is_first, self._received = self._received is None, signum
        if not self._programs:
            if not self._is_starting:
                raise SystemExit(128 + signum)
        elif is_first:
            self._programs[0].send_signal(signum)
        elif signum == signal.SIGINT:
            for program in self._programs:
                _kill(program)


def _started(
    stack: ExitStack, program: Program, stdin: int | IO[bytes], inherited: Sequence[int]
) -> subprocess.Popen[bytes]:
    """Start a program, which does not run any more when `stack` ends, whatever happens."""
    command, descriptors = list(program.command), list(inherited)
    for option, content in program.files.items():
        # Without a name, so that it goes with the last program that reads it.
        file = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
        file.write(json.dumps(content).encode())
        file.flush()
        file.seek(0)
        descriptors.append(file.fileno())
        command += [option, f"/dev/fd/{file.fileno()}"]
    process = stack.enter_context(
        subprocess.Popen(
            command,
            stdin=stdin,
            stdout=subprocess.PIPE,
            env=program.environment,
            pass_fds=descriptors,
            start_new_session=True,
        )
    )
    stack.callback(_kill, process)
    return process


def _lines(pipe: IO[bytes], check: Callable[[], None]) -> Iterator[bytes]:
    """Yield the lines, and call `check` whenever the next is waited for another few seconds."""
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            if not selector.select(_SECONDS_BETWEEN_CHECKS):
                check()
            elif chunk := os.read(pipe.fileno(), _CHUNK):
                *lines, rest = (rest + chunk).split(b"\n")
                yield from lines
            else:
                break
    if rest:
        yield rest


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill it and what it has started, unless it has ended."""
    # Until it is waited for, no other process has its number.
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _piped(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None  # noqa: S101 - for the types: it was asked for
    return pipe


def exit_code(code: int) -> int:
    """Return the code as shells have it: 128 and the number of the signal that ended it."""
    return 128 - code if code < 0 else code
