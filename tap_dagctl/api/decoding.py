"""Decodes the JSON of an answer, and makes odd values loadable."""

from __future__ import annotations

import json
import math
import re
from contextlib import suppress
from typing import NoReturn

import msgspec

# The bounds of 64 bits, the widest integers that every warehouse has.
MIN_INTEGER, MAX_INTEGER = -(2**63), 2**63 - 1
_MAX_DIGITS = len(str(MIN_INTEGER))

_DECODER = msgspec.json.Decoder()
_UNLOADABLE = re.compile("[\x00\ud800-\udfff]")
_REPLACEMENT = "\ufffd"


def decode_json(content: bytes) -> object:
    """Return the JSON value that `content` holds, or raise a ValueError.

    No loader takes certain valid values, and one of them would stop all rows for ever. So a number
    too large for a float and an integer of more than 64 bits become text, and a NUL and half of a
    surrogate pair become U+FFFD, the replacement character.
    """
    if not has_nul(content):
        with suppress(msgspec.DecodeError, UnicodeError, RecursionError):
            value = _DECODER.decode(content)
            if not has_huge_integer(value):
                return value
    # It has an odd value, or is not JSON. The standard library lets us parse the numbers.
    try:
        return _make_loadable(
            json.loads(content, parse_constant=_refuse, parse_float=_float, parse_int=_integer)
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None


def has_nul(content: bytes) -> bool:
    """Return whether a text in `content` may hold a NUL, which JSON can write in one way only."""
    # Few answers have a backslash, and searching for a single byte is fastest.
    return b"\\" in content and b"\\u0000" in content


def has_huge_integer(value: object) -> bool:
    """Return whether an integer within `value` is too large for a loader."""
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        return isinstance(value, int) and not MIN_INTEGER <= value <= MAX_INTEGER
    # There may be thousands of items, mostly texts: `any` would take twice as long.
    for item in value:  # noqa: SIM110
        if not isinstance(item, str) and has_huge_integer(item):
            return True
    return False


def _refuse(constant: str) -> NoReturn:
    # The standard library accepts NaN and Infinity, which are not JSON.
    raise ValueError(constant)


def _float(text: str) -> float | str:
    value = float(text)
    return value if math.isfinite(value) else text


def _integer(text: str) -> int | str:
    # `int` is slow with many digits, and refuses more than 4,300.
    value = int(text) if len(text) <= _MAX_DIGITS else MAX_INTEGER + 1
    return value if MIN_INTEGER <= value <= MAX_INTEGER else text


def _make_loadable(value: object) -> object:
    if isinstance(value, str):
        return _UNLOADABLE.sub(_REPLACEMENT, value)
    if isinstance(value, list):
        return [_make_loadable(item) for item in value]
    if not isinstance(value, dict):
        return value
    loadable: dict[str, object] = {}
    for name, item in value.items():
        key = _UNLOADABLE.sub(_REPLACEMENT, name)
        # Two names may have become the same; keep both values.
        while key != name and (key in value or key in loadable):
            key += _REPLACEMENT
        loadable[key] = _make_loadable(item)
    return loadable
