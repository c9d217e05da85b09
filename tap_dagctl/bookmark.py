"""The bookmark: how far a stream of one project has been read for certain.

It lives in the SDK's own state layout, in the partition of the project. Its value is the server's
clock when the last complete walk began, never a row's own time: rows that change while a walk goes
on may lie behind the reader, and belong to the next sync. It is compared as an instant, never as
text, and never goes back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_dagctl import timestamps
from tap_dagctl.errors import StateError

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from tap_dagctl.settings import Settings

# The finest step the API is told: `timestamps.render` writes microseconds.
_TICK = 1_000


class Bookmark:
    """Reads and advances the bookmark of one stream and project."""

    def __init__(self, state: MutableMapping[str, Any], stream: str, replication_key: str) -> None:
        """Read the bookmark out of `state`, the SDK's writable state of one partition.

        Raises:
            StateError: the state holds a value that is no instant.
        """
        self._state = state
        self._replication_key = replication_key
        self.value: int | None = None
        # A bookmark on another key says nothing about this one (SDK: same rule).
        if state.get("replication_key") == replication_key:
            self.value = _instant(state.get("replication_key_value"), stream)

    def advance(self, instant: int | None, text: str | None = None) -> None:
        """Move forward to `instant`; stay where that is unknown or earlier.

        Args:
            instant: nanoseconds since the epoch.
            text: how the state shows it, where not as a timestamp.
        """
        if instant is None or (self.value is not None and instant <= self.value):
            return
        self.value = instant
        self._state["replication_key"] = self._replication_key
        self._state["replication_key_value"] = text or timestamps.render(instant)


def updated_after(bookmark: int | None, settings: Settings) -> int | None:
    """Return the instant after which rows must be read, or None for all history.

    That is the bookmark less the overlap, because a row may become visible after its `updated_at`;
    or just before `start_date`, where that is later or there is no bookmark. Rows stamped with
    the bound itself need not be in the answer: whether it is included is not documented.
    """
    start = None if settings.start is None else settings.start - _TICK
    if bookmark is None:
        return start
    overlapped = bookmark - max(settings.overlap_seconds * timestamps.NANOSECONDS, _TICK)
    return overlapped if start is None else max(overlapped, start)


def _instant(value: object, stream: str) -> int | None:
    if value is None or value == "":
        return None
    try:
        return timestamps.parse_setting(value if isinstance(value, str) else str(value))
    except (ValueError, OverflowError):
        msg = (
            f"State of {stream}: replication_key_value {value!r} is not a time; write it like "
            "2026-01-31T00:00:00Z, or take the bookmark out to read everything again"
        )
        raise StateError(msg) from None
