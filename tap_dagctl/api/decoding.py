"""From the bytes of an answer to what they say, and nothing no loader could take."""

from __future__ import annotations

import json
import math
import re
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

LEAST_INTEGER, MOST_INTEGER = -(2**63), 2**63 - 1
"""What 64 bits hold: the widest integer that every warehouse has."""

_DECODER = msgspec.json.Decoder()
# A NUL can only stand in JSON as this.
_NUL = b"\\u0000"
_UNLOADABLE = re.compile("[\x00\ud800-\udfff]")
_REPLACEMENT = "\ufffd"
_MOST_DIGITS = len(str(LEAST_INTEGER))


def decoded(content: bytes) -> object:
    """Return the JSON value that `content` holds.

    What JSON allows and no loader can take is kept in another form, so that one odd value does not
    hold up the rows beside it for ever: a number too large for a float, and an integer too large
    for 64 bits, becomes its text; a NUL and half of a surrogate pair become U+FFFD, the character
    that stands for one that cannot be read.

    Raises:
        ValueError: it is no JSON, or nested without end.
    """
    if not has_nul(content):
        with suppress(msgspec.DecodeError, UnicodeError, RecursionError):
            value = _DECODER.decode(content)
            if not has_huge_integer(value):
                return value
    # It is odd, or no JSON at all: the standard library takes more, and says what is left.
    try:
        return _loadable(
            json.loads(content, parse_constant=_refuse, parse_float=_float, parse_int=_integer)
        )
    except RecursionError:
        msg = "nested too deeply"
        raise ValueError(msg) from None


def has_nul(content: bytes) -> bool:
    """Whether a text in `content` may hold a NUL."""
    # The first question alone is answered at once, and mostly with no.
    return b"\\" in content and _NUL in content


def has_huge_integer(value: object) -> bool:
    """Whether an integer within `value` is too large for a loader."""
    items: Iterable[object]
    if isinstance(value, dict):
        items = value.values()
    elif isinstance(value, list):
        items = value
    else:
        return isinstance(value, int) and not LEAST_INTEGER <= value <= MOST_INTEGER
    # Most are texts, and there may be thousands: `any` would take twice as long.
    for item in items:  # noqa: SIM110
        if not isinstance(item, str) and has_huge_integer(item):
            return True
    return False


def _refuse(constant: str) -> NoReturn:
    # Python's own addition to JSON; no loader could read it.
    raise ValueError(constant)


def _float(text: str) -> float | str:
    value = float(text)
    return value if math.isfinite(value) else text


def _integer(text: str) -> int | str:
    # Python itself takes no longer than 4,300 digits, and its time with those.
    if len(text) > _MOST_DIGITS:
        return text
    value = int(text)
    return value if LEAST_INTEGER <= value <= MOST_INTEGER else text


def _loadable(value: object) -> object:
    if isinstance(value, str):
        return _UNLOADABLE.sub(_REPLACEMENT, value)
    if isinstance(value, list):
        return [_loadable(item) for item in value]
    if isinstance(value, dict):
        loadable: dict[str, object] = {}
        for name, item in value.items():
            key = _UNLOADABLE.sub(_REPLACEMENT, name)
            # Two names may come out the same, and neither value is to be lost.
            while key != name and (key in value or key in loadable):
                key += _REPLACEMENT
            loadable[key] = _loadable(item)
        return loadable
    return value
