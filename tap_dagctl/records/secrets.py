"""Secrets in fields that no schema names; their names give them away."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

_NAME = re.compile(
    "token|secret|passw|passphrase|credential|authorization|(private|api|access|signing)[_-]?key|"
    "(webhook|database|connection)[_-]?(ur[il]|string)|dsn$",
    re.IGNORECASE,
)


@lru_cache(maxsize=1_000)
def _is_secret(name: str) -> bool:
    return _NAME.search(name) is not None


def remove_secrets(fields: dict[str, Any]) -> list[str]:
    """Take secrets out of `fields`, however deep they are; return their names, with the path.

    Numbers, booleans and null stay: `has_token` is not a secret.
    """
    removed: list[str] = []
    # A loop, because a value may be nested deeper than Python can call.
    left: list[tuple[str, Any]] = [("", fields)]
    while left:
        path, value = left.pop()
        if isinstance(value, list):
            left += [(path, item) for item in value if isinstance(item, (dict, list))]
            continue
        for name, item in list(value.items()):
            if item and isinstance(item, (str, dict, list)) and _is_secret(name):
                del value[name]
                removed.append(f"{path}{name}")
            elif isinstance(item, (dict, list)):
                left.append((f"{path}{name}.", item))
    return removed
