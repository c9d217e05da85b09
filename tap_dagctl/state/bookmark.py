"""The bookmark of a stream of one project: up to when it has been read completely.

It uses the SDK's layout of state, but does not let the SDK move the bookmark: the SDK would raise
it with each record, while the tap writes it once, when a walk is complete. The project's partition
has:

- `replication_key_value`: the server's time when the last complete walk began, never a row's
  `updated_at`: a row may change after the walk has passed it, and the next sync must read it. It is
  compared as an instant, not as text, and never goes back.
- `start_date`: the beginning of the history that has been read; null if all of it has.
- `sent`: digests of the sent rows that the next sync will read again.
- `walk`: the checkpoint of an interrupted walk.
- `owed`: the count of a list with missing rows, and since when. The bookmark waits until they come,
  or for a day.
- `surplus`: how many rows the server counts and never shows.
- `window_days`: the length of the windows of `model_stats` that have been read.
"""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from tap_dagctl import timestamps
from tap_dagctl.errors import StateError
from tap_dagctl.settings import Settings
from tap_dagctl.timestamps import Instant

_KEPT = ("replication_key_value", "start_date", "sent", "walk", "owed", "surplus", "window_days")


@dataclass(frozen=True)
class Cursor:
    """Which rows a sync must read: those updated `after` an instant, or all.

    An earlier sync has read every row between the two instants `already_read`. After this sync,
    every row since `start` has been read; None means all history.
    """

    after: int | None
    already_read: tuple[int, int] | None
    start: int | None


class Owed(msgspec.Struct, kw_only=True):
    """How many rows the server counted when some were missing, and since when, by its clock."""

    updated_after: str | None
    counted: int
    since: Instant


T = TypeVar("T")

logger = logging.getLogger("tap-dagctl.bookmark")


class Bookmark:
    """Reads and writes the state of one stream and project.

    `value` is the bookmark in nanoseconds since the epoch, or None before the first sync. Where a
    stream is read whole each time, nothing of it `is_kept` in the state.
    """

    def __init__(
        self, state: MutableMapping[str, Any] | None, title: str, replication_key: str
    ) -> None:
        """Read `state`, the SDK's writable state of one partition; None for `FULL_TABLE`."""
        self.title, self.replication_key = title, replication_key
        self.is_kept = state is not None
        self._state = state = {} if state is None else state
        self.value: int | None = None
        # A bookmark for another replication key does not apply (the SDK has the same rule).
        if state.get("replication_key") == replication_key:
            self.value = _instant(state.get("replication_key_value"), title)

    @property
    def sent(self) -> object:
        """The digests for `SentRecords`."""
        is_known = self.value is not None or "owed" in self._state
        return self._state.get("sent") if is_known else None

    def cursor(self, settings: Settings) -> Cursor:
        """Return what to read: from the bookmark less the overlap, or from `start_date`.

        The API may leave out rows updated exactly at the bound, so `after` is at least a tick
        before the bookmark. If `start_date` was moved back, all history is read once more.
        """
        start = settings.start_date
        history = Cursor(None if start is None else start - timestamps.TICK, None, start)
        if self.value is None:
            return history
        after = self.value - max(settings.overlap, timestamps.TICK)
        read_since = self.start(default=start)
        if read_since is not None and (start is None or start < read_since):
            return Cursor(history.after, (read_since, after), start)
        if history.after is not None and history.after > after:
            return history
        return Cursor(after, None, read_since)

    def drop(self, effect: str) -> None:
        """Take out everything: a bookmark in the server's future cannot be right."""
        line = "%s: the bookmark lies in the server's future, so it is dropped and %s"
        logger.warning(line, self.title, effect)
        self.value = None
        for name in _KEPT:
            self._state.pop(name, None)

    @property
    def window_days(self) -> object:
        return self._state.get("window_days")

    def complete(
        self,
        value: str,
        start: int | None,
        sent: str,
        *,
        surplus: int = 0,
        window_days: int | None = None,
    ) -> None:
        """Record that everything from `start` up to `value` has been read; never go back."""
        new: dict[str, Any] = {"start_date": timestamps.render_optional(start), "sent": sent}
        instant = timestamps.parse_setting(value)
        if self.value is None or instant > self.value:
            self.value = instant
            new |= {"replication_key": self.replication_key, "replication_key_value": value}
        if window_days is not None:
            new["window_days"] = window_days
        if surplus > 0:
            new["surplus"] = surplus
        # In one step, because a signal may write the state between any two.
        self._state.update(new)
        for name in {"walk", "owed", "surplus"} - new.keys():
            self._state.pop(name, None)

    @property
    def surplus(self) -> int:
        surplus = self._state.get("surplus")
        return max(0, surplus) if isinstance(surplus, int) else 0

    def wait(self, owed: Owed, sent: str) -> None:
        self._state.update({"owed": _to_state(owed), "sent": sent})
        self._state.pop("walk", None)

    def write_checkpoint(self, walk: msgspec.Struct | None) -> None:
        """Record how far a walk has come; None if it cannot be resumed."""
        if walk is None:
            self._state.pop("walk", None)
        else:
            self._state["walk"] = _to_state(walk)

    def entry(self, name: str, kind: type[T], cursor: Cursor) -> T | None:
        """Return an entry that is valid for `cursor`, or None."""
        entry = self._state.get(name)
        after = timestamps.render_optional(cursor.after)
        if isinstance(entry, dict) and entry.get("updated_after", "") == after:
            with suppress(msgspec.ValidationError, OverflowError):
                return msgspec.convert(entry, kind, dec_hook=_from_state)
        return None

    def start(self, default: int | None) -> int | None:
        """Return since when all has been read (None: all history), or `default` if unknown."""
        text = self._state.get("start_date", "")
        if text is None:
            return None
        try:
            return timestamps.parse_setting(text)
        except (AttributeError, ValueError):  # not recorded, or edited by hand
            return default


def _to_state(entry: msgspec.Struct) -> object:
    return msgspec.to_builtins(entry, enc_hook=timestamps.render)


def _from_state(_: type, text: object) -> Instant:
    return Instant(timestamps.parse_setting(str(text)))


def _instant(value: object, title: str) -> int | None:
    if value is None or value == "":
        return None
    try:
        return timestamps.parse_setting(str(value))
    except (ValueError, OverflowError):
        raise StateError(
            f"State of {title}: replication_key_value {value!r} is not a time; write it like "
            "2026-01-31T00:00:00Z, or take the bookmark out to read everything again"
        ) from None
