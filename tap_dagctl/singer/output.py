"""Standard output and error that wait for their reader, however long it pauses.

Whoever starts the tap may have made them non-blocking, as event loops do. Python then fails, or
loses a part of a line, when a pipe is full. Making them blocking again would change them for every
program that shares them.
"""

from __future__ import annotations

import io
import os
import select
import sys
from typing import TextIO

from typing_extensions import Buffer, override


def write_all(descriptor: int, data: Buffer) -> None:
    """Write all of `data`; a signal, or a pipe that is full, may end each write early."""
    left = memoryview(data)
    while left:
        try:
            left = left[os.write(descriptor, left) :]
        except BlockingIOError:  # noqa: PERF203 - a write takes far longer
            select.select([], [descriptor], [])


def wait_for_readers() -> None:
    """Let all that is printed wait; what the terminal's encoding does not have is escaped."""
    # Either is None if whoever started the program closed it.
    sys.stdout = sys.stdout and _waiting(sys.stdout)
    sys.stderr = sys.stderr and _waiting(sys.stderr)


class _WaitingFile(io.FileIO):
    @override
    def write(self, data: Buffer, /) -> int:
        write_all(self.fileno(), data)
        return memoryview(data).nbytes


def _waiting(stream: TextIO) -> TextIO:
    file = io.BufferedWriter(_WaitingFile(stream.fileno(), "wb", closefd=False))
    return io.TextIOWrapper(
        file, encoding=stream.encoding, errors="backslashreplace", line_buffering=True
    )
