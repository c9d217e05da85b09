"""From the bytes of an answer to what they say, and nothing no loader could read."""

from __future__ import annotations

import json
import math
import re
from contextlib import suppress
from typing import NoReturn

import msgspec

_DECODER = msgspec.json.Decoder()
_SURROGATE = re.compile("[\ud800-\udfff]")
_MAYBE_SURROGATE = (b"\\ud", b"\\uD")


def decoded(content: bytes) -> object:
    """Return the JSON value that `content` holds.

    What JSON allows and no loader can take is kept in another form, so that one odd value does not
    hold up the rows beside it for ever: a number too large for a float becomes its text, half of a
    surrogate pair U+FFFD, the character that stands for one that cannot be read.

    Raises:
        ValueError: it is no JSON, or nested without end.
    """
    with suppress(msgspec.DecodeError, UnicodeError, RecursionError):
        return _DECODER.decode(content)
    # It is odd, or no JSON at all: the standard library takes more, and says what is left.
    try:
        value = json.loads(content, parse_constant=_refuse, parse_float=_number)
    except RecursionError:
        msg = "nested too deeply"
        raise ValueError(msg) from None
    return _repaired(value) if any(mark in content for mark in _MAYBE_SURROGATE) else value


def _refuse(constant: str) -> NoReturn:
    # Python's own addition to JSON; no loader could read it.
    raise ValueError(constant)


def _number(text: str) -> float | str:
    value = float(text)
    return value if math.isfinite(value) else text


def _repaired(value: object) -> object:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_repaired(item) for item in value]
    if isinstance(value, dict):
        return {_repaired(key): _repaired(item) for key, item in value.items()}
    return value
