"""What leaves the tap: whole lines only, whatever interrupts it."""

from __future__ import annotations

import io
import os
import sys
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from singer_sdk.io_base import SingerWriter

from tap_dagctl.encoding import record_lines
from tap_dagctl.errors import OutputError

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from singer_sdk.singerlib.encoding.simple import Message

    from tap_dagctl.records import Record


class Output(SingerWriter):
    """Standard output, for one message a line."""

    def __init__(self) -> None:
        """Begin with nothing written."""
        self._writing = False
        self._waiting: Callable[[], None] | None = None

    @override
    def write_message(self, message: Message) -> None:
        """Write a line.

        Raises:
            OutputError: nobody reads it, or there is no room for it.
        """
        self._write(self.format_message(message).encode("ascii") + b"\n")

    def write_records(self, stream: str, records: Sequence[Record], version: int | None) -> None:
        """Write a RECORD message for each of `records`, as `write_message` would.

        Raises:
            OutputError: nobody reads it, or there is no room for it.
        """
        if records:
            self._write(record_lines(stream, records, version, datetime.now(tz=timezone.utc)))

    def _write(self, lines: bytes) -> None:
        self._writing = True
        try:
            _to_the_end(lines)
        except OSError as error:
            abandon()
            raise OutputError(advice(error)) from None
        finally:
            self._writing = False
        action, self._waiting = self._waiting, None
        if action:
            action()

    def between_lines(self, action: Callable[[], None]) -> None:
        """Call `action` now or, from a signal that arrived within a line, when that is written."""
        if self._writing:
            self._waiting = action
        else:
            action()


def _to_the_end(lines: bytes) -> None:
    """Write all of `lines` to standard output.

    Where that is unbuffered (`PYTHONUNBUFFERED`, usual in containers), a write that a signal
    interrupts may end early, and Python's own layers above it would not write the rest.
    """
    try:
        descriptor = sys.stdout.fileno()
    except io.UnsupportedOperation:  # no file, but a test's
        sys.stdout.write(lines.decode("ascii"))
        return
    left = memoryview(lines)
    while left:
        left = left[os.write(descriptor, left) :]


def check() -> None:
    """Check that there is a standard output.

    Raises:
        OutputError: whoever started the program closed it.
    """
    if sys.stdout is None:
        msg = "There is no standard output to write to; start the tap with one"
        raise OutputError(msg)


def abandon() -> None:
    """Send what is still buffered nowhere: Python would try once more to write it as it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def advice(error: OSError) -> str:
    """Return what to do about an output that cannot be written."""
    if isinstance(error, BrokenPipeError):
        return (
            "The target stopped reading: its own messages say why; run the sync again, it goes on "
            "from the last state the target passed on"
        )
    return (
        f"The output cannot be written: {error.strerror}; mend that and run the sync again, it "
        "goes on from the last state that was stored"
    )
