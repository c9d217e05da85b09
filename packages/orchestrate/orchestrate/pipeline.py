"""One tap that feeds one target, as processes of their own."""

from __future__ import annotations

import json
import logging
import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import IO

SECONDS_AFTER_A_SIGNAL = 100.0
"""How long the tap and the target have to end after a signal. Then they are killed."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_SECONDS_BETWEEN_CHECKS = 5.0
_CHUNK = 65_536  # what a pipe holds


logger = logging.getLogger("orchestrate")


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
    stores what it has read and hands that state on. SIGINT after that kills both, and so does
    waiting for `SECONDS_AFTER_A_SIGNAL`. Another SIGTERM does nothing: orchestrators send it to a
    group and to its members.
    """

    def __init__(self, limit: float) -> None:
        """From now on, a signal ends this program, or the tap once that runs.

        So does the `limit`, in seconds from now on: a target that hangs would keep its locks.
        """
        self._limit, self._ends_at = limit, time.monotonic() + limit
        self._killed_at = float("inf")
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
            for line in _lines(_piped(loader.stdout), check, self._end_if_late):
                on_line(line)
            # A tap may wait for the server for long: where the target has failed, it is killed.
            return self._wait_for(loader) or self._wait_for(started)

    def _wait_for(self, process: subprocess.Popen[bytes]) -> int:
        while True:
            with suppress(subprocess.TimeoutExpired):
                return exit_code(process.wait(_SECONDS_BETWEEN_CHECKS))
            self._end_if_late()

    def _pass_on(self, signum: int, _: FrameType | None) -> None:
        is_first, self._received = self._received is None, signum
        if is_first:
            self._killed_at = time.monotonic() + SECONDS_AFTER_A_SIGNAL
        if not self._programs:
            if not self._is_starting:
                raise SystemExit(128 + signum)
        elif is_first:
            self._programs[0].send_signal(signum)
        elif signum == signal.SIGINT:
            self._kill()

    def _end_if_late(self) -> None:
        now = time.monotonic()
        if self._received is None and now >= self._ends_at:
            logger.error(
                "The sync has not ended within %g s (--limit), so it is stopped", self._limit
            )
            self._pass_on(signal.SIGTERM, None)
        if now >= self._killed_at:
            self._killed_at = float("inf")
            logger.error(
                "The sync has not ended within %g s after a signal, so it is killed; the next one "
                "goes on from the last state that the target wrote",
                SECONDS_AFTER_A_SIGNAL,
            )
            self._kill()

    def _kill(self) -> None:
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


def _lines(pipe: IO[bytes], check: Callable[[], None], look: Callable[[], None]) -> Iterator[bytes]:
    """Yield the lines, and call `check` whenever the next is waited for another few seconds.

    Call `look` then, and after each part that is read.
    """
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            look()
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
