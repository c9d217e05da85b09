"""From records to the lines of RECORD messages, a page of them at a time."""

from __future__ import annotations

import codecs
import json
from typing import TYPE_CHECKING

import msgspec
from singer_sdk.singerlib.json import serialize_json

from tap_dagctl.records import as_dict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tap_dagctl.records import Record

_ENCODER = msgspec.json.Encoder()
_JSON_ESCAPES = "tap-dagctl.json-escapes"


def record_lines(
    stream: str, records: Sequence[Record], version: int | None, extracted: datetime
) -> bytes:
    """Return a line for each record, with what the SDK's own writer would say in it.

    Like that writer's, the lines are ASCII: a target reads them right whatever encoding it takes
    its input for.

    Args:
        stream: the name the messages go out under.
        records: at least one.
        version: of the stream, where it has one.
        extracted: when the records were read, the same for all of them.
    """
    head = b'{"type":"RECORD","stream":%b,"record":' % _ENCODER.encode(stream)
    said = b"" if version is None else b',"version":%d' % version
    tail = b'%b,"time_extracted":"%b"}\n' % (said, extracted.isoformat().encode())
    try:
        lines = head + (tail + head).join(map(_ENCODER.encode, records)) + tail
    except (OverflowError, UnicodeError):
        lines = head + (tail + head).join(map(_encoded, records)) + tail
    # What is not ASCII can only stand in a string.
    return lines if lines.isascii() else lines.decode().encode("ascii", _JSON_ESCAPES)


def _encoded(record: Record) -> bytes:
    try:
        return _ENCODER.encode(record)
    except (OverflowError, UnicodeError):
        return serialize_json(as_dict(record)).encode()


def _escape(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    escaped = json.dumps(error.object[error.start : error.end])[1:-1]
    return escaped, error.end


codecs.register_error(_JSON_ESCAPES, _escape)
