"""The dedup between two syncs: which records the next sync will read again, and how they were sent.

Each sync begins some seconds before the bookmark (`overlap_seconds`), so it reads records that the
sync before it has sent. The state keeps a digest of each. A record is sent again only if its
digest has changed, and so something in it.
"""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import Any

MAX_REMEMBERED = 10_000
"""Records remembered for one stream and project. If there are more, some are sent again."""

# 48 bits for a record's key: two of 10,000 records share them with a chance of 1 in 10**7, and one
# is then sent again. 48 bits for all of it: a change is overlooked with a chance of 1 in 10**14.
_KEY_BYTES, _CONTENT_BYTES = 6, 9
_KEY_LETTERS, _CONTENT_LETTERS = 8, 8
LETTERS = _KEY_LETTERS + _CONTENT_LETTERS


def digest(row: Mapping[str, Any]) -> str:
    """Return 12 letters that stand for everything in `row`."""
    text = json.dumps(row, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return _hashed(text, _CONTENT_BYTES)


def _hashed(text: str, size: int) -> str:
    hashed = hashlib.blake2b(text.encode("ascii"), digest_size=size).digest()
    return urlsafe_b64encode(hashed).decode()


class SentRecords:
    """The records that earlier syncs sent, and those that the state is to remember.

    Of a row only the version sent last counts: one that returns to what it was is sent again.
    """

    def __init__(self, keys: Sequence[str], before: object, so_far: object = None) -> None:
        """Take up what the last complete sync remembered, and an interrupted walk `so_far`."""
        self._keys = keys
        self._remembered = _entries(so_far)
        self._known = _entries(before) | self._remembered

    @property
    def remembered(self) -> str:
        """For the state, in the order of reading: `LETTERS` for each record."""
        return "".join(key + content for key, content in self._remembered.items())

    @property
    def known(self) -> str:
        """For the state where the next sync reads the same rows again: also what came before."""
        latest = list((self._known | self._remembered).items())[-MAX_REMEMBERED:]
        return "".join(key + content for key, content in latest)

    def __bool__(self) -> bool:
        return bool(self._known)

    def __contains__(self, row: Mapping[str, Any]) -> bool:
        """Return whether this very row was sent last."""
        return bool(self._known) and self._known.get(self._key(row)) == _content(row)

    def mark_sent(self, row: Mapping[str, Any], *, remember: bool) -> None:
        """Take note that a row has been sent; `remember` it if the next sync will read it again."""
        key, content = self._key(row), _content(row)
        self._remembered.pop(key, None)
        # Also if another version was sent before. After an interruption the state would else say
        # that it was sent last: a replica that lags may show the older version after the newer.
        if remember or self._known.get(key, content) != content:
            self._known[key] = self._remembered[key] = content
            if len(self._remembered) > MAX_REMEMBERED:
                # The oldest: statistics are read again from their newest days on.
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
