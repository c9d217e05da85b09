"""Drops the records that an earlier sync has sent and that have not changed.

Each sync begins `overlap_seconds` before the bookmark, so it reads records that the sync before has
sent. The state keeps a digest of each. A record is sent again only if its digest has changed.
"""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import Any

MAX_REMEMBERED = 10_000
"""How many records to remember for each stream and project. Further ones may be sent again."""

# 48 bits for the key: the chance that two of 10,000 records share it is 1 in 10**7, and then one is
# sent again. 48 bits for the content: the chance of overlooking a change is 1 in 10**14.
_KEY_BYTES, _CONTENT_BYTES = 6, 9
_KEY_LETTERS, _CONTENT_LETTERS = 8, 8
LETTERS = _KEY_LETTERS + _CONTENT_LETTERS


def digest(row: Mapping[str, Any]) -> str:
    """Return a digest of everything in `row`, as 12 letters."""
    text = json.dumps(row, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return _hashed(text, _CONTENT_BYTES)


def _hashed(text: str, size: int) -> str:
    hashed = hashlib.blake2b(text.encode("ascii"), digest_size=size).digest()
    return urlsafe_b64encode(hashed).decode()


class SentRecords:
    """The records that earlier syncs sent, and those that the state will remember.

    Only the version sent last is kept: a row that returns to an earlier version is sent again.
    """

    def __init__(self, keys: Sequence[str], before: object, so_far: object = None) -> None:
        """Read the digests of the last complete sync, and of an interrupted walk (`so_far`)."""
        self._keys = keys
        self._remembered = _entries(so_far)
        self._known = _entries(before) | self._remembered

    @property
    def remembered(self) -> str:
        """The digests for the state, in the order of reading: `LETTERS` letters a record."""
        return "".join(key + content for key, content in self._remembered.items())

    @property
    def known(self) -> str:
        """The digests for the state if the bookmark waits: also those from before this sync."""
        latest = list((self._known | self._remembered).items())[-MAX_REMEMBERED:]
        return "".join(key + content for key, content in latest)

    def __bool__(self) -> bool:
        return bool(self._known)

    def __contains__(self, row: Mapping[str, Any]) -> bool:
        """Return whether this version of the row was the last one sent."""
        return bool(self._known) and self._known.get(self._key(row)) == _content(row)

    def mark_sent(self, row: Mapping[str, Any], *, remember: bool) -> None:
        """Record that a row was sent; with `remember`, the next sync will read it again."""
        key, content = self._key(row), _content(row)
        self._remembered.pop(key, None)
        # Also if another version was sent before: otherwise, after an interruption, the state would
        # name that one as sent last. (A lagging replica may show an older version after a newer
        # one.)
        if remember or self._known.get(key, content) != content:
            self._known[key] = self._remembered[key] = content
            if len(self._remembered) > MAX_REMEMBERED:
                # Drop the oldest, because only the newest days of statistics are read again.
                oldest = next(iter(self._remembered))
                del self._remembered[oldest], self._known[oldest]

    def _key(self, row: Mapping[str, Any]) -> str:
        return _hashed(json.dumps([row.get(key) for key in self._keys]), _KEY_BYTES)


def _content(row: Mapping[str, Any]) -> str:
    return digest(row)[:_CONTENT_LETTERS]


def _entries(value: object) -> dict[str, str]:
    text = value if isinstance(value, str) else ""
    places = range(0, len(text) // LETTERS * LETTERS, LETTERS)
    entries = (text[at : at + LETTERS] for at in places)
    return {entry[:_KEY_LETTERS]: entry[_KEY_LETTERS:] for entry in entries}
