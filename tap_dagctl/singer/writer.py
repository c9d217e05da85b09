"""Writes messages: whole lines only, whatever interrupts it, and a page of records at a time."""

from __future__ import annotations

import codecs
import io
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone

import msgspec
from singer_sdk.io_base import SingerWriter
from singer_sdk.singerlib.encoding.simple import Message, RecordMessage
from singer_sdk.singerlib.json import serialize_json
from typing_extensions import override

from tap_dagctl.errors import OutputError, TapError
from tap_dagctl.records.record import Record, as_dict
from tap_dagctl.redaction import holds
from tap_dagctl.singer.output import write_all

_ENCODER = msgspec.json.Encoder()
_JSON_ESCAPES = "tap-dagctl.json-escapes"


class Writer(SingerWriter):
    """Standard output, for one message a line, none of which may hold `token`."""

    token = ""

    def __init__(self) -> None:
        self.record_bytes = 0
        self._is_within_lines = False
        self._waiting: Callable[[], None] | None = None

    @override
    def write_message(self, message: Message) -> None:
        line = self.format_message(message).encode("ascii") + b"\n"
        self._write(line)
        if isinstance(message, RecordMessage):
            self.record_bytes += len(line)

    def write_records(self, stream: str, records: Sequence[Record]) -> None:
        """Write a RECORD message for each of `records`, as `write_message` would.

        Like the SDK's, the lines are ASCII: a target reads them right whatever encoding it takes
        its input for.
        """
        if not records:
            return
        extracted = datetime.now(tz=timezone.utc).isoformat()
        head = b'{"type":"RECORD","stream":%b,"record":' % _ENCODER.encode(stream)
        tail = b',"time_extracted":"%b"}\n' % extracted.encode()
        try:
            lines = head + (tail + head).join(map(_ENCODER.encode, records)) + tail
        except (OverflowError, UnicodeError):
            lines = head + (tail + head).join(map(_encoded, records)) + tail
        if not lines.isascii():
            # Other letters can only stand in a string.
            lines = lines.decode().encode("ascii", _JSON_ESCAPES)
        self._write(lines)
        self.record_bytes += len(lines)

    def _write(self, lines: bytes) -> None:
        if holds(lines, self.token):
            raise TapError(
                "A message would hold the API token, so it is not written: take the token out of "
                "the state, catalog or stream maps, or make a new one in dagctl and revoke this one"
            )
        with self.uninterrupted():
            try:
                # Past Python's buffer, which a signal may cut.
                write_all(sys.stdout.fileno(), lines)
            except io.UnsupportedOperation:  # no file, but a test's
                sys.stdout.write(lines.decode("ascii"))
            except OSError as error:
                self.abandon()
                raise OutputError.of(error) from None

    def between_lines(self, action: Callable[[], None]) -> None:
        """Call `action` now or, from a signal that arrived within a line, when that is written."""
        self._waiting = action
        self._act()

    @contextmanager
    def uninterrupted(self) -> Iterator[None]:
        """Write all lines of the block as if they were one."""
        is_inner, self._is_within_lines = self._is_within_lines, True
        try:
            yield
        finally:
            self._is_within_lines = is_inner
        self._act()

    def _act(self) -> None:
        if self._waiting and not self._is_within_lines:
            action, self._waiting = self._waiting, None
            action()

    @staticmethod
    def abandon() -> None:
        """Throw away what is still buffered: Python would try to write it once more as it ends."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _encoded(record: Record) -> bytes:
    try:
        return _ENCODER.encode(record)
    except (OverflowError, UnicodeError):
        return serialize_json(as_dict(record)).encode()


def _escape(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


codecs.register_error(_JSON_ESCAPES, _escape)
