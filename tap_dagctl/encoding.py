"""From records to the lines of RECORD messages, a page of them at a time."""

from __future__ import annotations

import codecs
import json
from typing import TYPE_CHECKING, Any

import msgspec
from singer_sdk.singerlib.json import serialize_json

if TYPE_CHECKING:
    from datetime import datetime

_ENCODER = msgspec.json.Encoder()
_JSON_ESCAPES = "tap-dagctl.json-escapes"


def record_lines(
    stream: str, records: list[dict[str, Any]], version: int | None, extracted: datetime
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
    head = b'{"type":"RECORD","stream":%b,"record":' % _encoded(stream)
    said = b"" if version is None else b',"version":%d' % version
    tail = b'%b,"time_extracted":"%b"}\n' % (said, extracted.isoformat().encode())
    lines = head + (tail + head).join(map(_encoded, records)) + tail
    # What is not ASCII can only stand in a string.
    return lines if lines.isascii() else lines.decode().encode("ascii", _JSON_ESCAPES)


def _encoded(value: object) -> bytes:
    try:
        return _ENCODER.encode(value)
    except (OverflowError, UnicodeError):
        return serialize_json(value).encode()


def _escape(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    escaped = json.dumps(error.object[error.start : error.end])[1:-1]
    return escaped, error.end


codecs.register_error(_JSON_ESCAPES, _escape)
