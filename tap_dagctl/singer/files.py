"""The JSON files handed to the tap, in whatever encoding a text editor or a shell wrote them."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from tap_dagctl.errors import ConfigurationError


def json_object(title: str, content: bytes) -> dict[str, Any]:
    """Return the object in `content`: UTF-8, UTF-16 or UTF-32, with or without a BOM.

    Args:
        title: what messages call the file.
        content: what is in it.

    Raises:
        ConfigurationError: there is none, or it holds what JSON has not: `NaN`, a number beyond
            every float, half of a character.
    """
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
