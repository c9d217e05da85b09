"""The JSON files handed to the tap, in whatever encoding a text editor or a shell wrote them."""

from __future__ import annotations

import codecs
import json
from typing import Any

import msgspec

from tap_dagctl.errors import ConfigurationError

_IF_EMPTY = {
    "--state": "write the last whole state into it that the target wrote, or {} to read everything "
    "again",
    "--catalog": "make it again with `tap-dagctl --discover`",
}
# PowerShell begins even an empty file with a BOM.
_BLANK = b" \t\r\n\0" + codecs.BOM_UTF8 + codecs.BOM_UTF16


def json_object(option: str, name: str, content: bytes) -> dict[str, Any]:
    """Return the object in a file: UTF-8, UTF-16 or UTF-32, with or without a BOM.

    Raises:
        ConfigurationError: there is none, or it holds what JSON has not: `NaN`, a number beyond
            every float, half of a character.
    """
    title = f"{option} {name}"
    if option in _IF_EMPTY and not content.strip(_BLANK):
        raise ConfigurationError(f"{title} is empty: {_IF_EMPTY[option]}")
    try:
        value = json.loads(content)
        # Stricter, but its messages tell no line.
        msgspec.json.decode(content.decode(json.detect_encoding(content)))
    except (ValueError, RecursionError) as error:
        msg = f"{title} is not JSON: {error}"
        raise ConfigurationError(msg) from None
    if not isinstance(value, dict):
        msg = f"{title} is not a JSON object"
        raise ConfigurationError(msg)
    return value
