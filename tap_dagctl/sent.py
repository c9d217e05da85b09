"""What was sent so near to the next cursor that the next sync will read it again.

The overlap makes each sync read rows that the one before has sent. The state remembers them by a
digest of every field, so that a row leaves again only if something in it changed.
"""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_REMEMBERED = 10_000
"""Rows remembered for one stream and project; what is beyond may be sent again, never skipped."""

# 96 bits: among 10,000 remembered rows, one of 10**12 others is mistaken for one of them with a
# chance of 1 in 10**13.
_BYTES = 12


def digest(row: Mapping[str, Any]) -> str:
    """Return 16 letters that stand for everything in `row`."""
    text = json.dumps(row, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    hashed = hashlib.blake2b(text.encode(), digest_size=_BYTES).digest()
    return urlsafe_b64encode(hashed).decode()


class Sent:
    """The rows sent by earlier syncs, and those to remember for the next.

    Attributes:
        digests: what to remember, in the order of reading.
    """

    def __init__(self, before: object, so_far: object = None) -> None:
        """Take up what the state remembers.

        Args:
            before: what the last complete sync remembered. What cannot be read is forgotten.
            so_far: what an interrupted walk, which goes on now, had remembered.
        """
        self.digests = _texts(so_far)
        self._known = {*_texts(before), *self.digests}

    def __contains__(self, row: Mapping[str, Any]) -> bool:
        """Whether this very row was sent before."""
        return bool(self._known) and digest(row) in self._known

    def remember(self, row: Mapping[str, Any]) -> None:
        """Remember a row that has been sent, and that the next sync will read again."""
        if len(self.digests) < MOST_REMEMBERED:
            self.digests.append(digest(row))


def _texts(value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        return []
    return value[:MOST_REMEMBERED]
