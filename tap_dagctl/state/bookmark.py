"""The bookmark: how far a stream of one project has been read for certain.

It uses the SDK's layout of state, and not its increments: the SDK would raise the bookmark with
each record, while this one is written once, when a walk is complete. In the SDK's partition of the
project it keeps:

- `replication_key_value`: the server's clock when the last complete walk began, never a row's own
  time: rows that change during a walk may lie behind the reader, and belong to the next
  sync. It is compared as an instant, never as text, and never goes back.
- `start_date`: where the history that has been read begins; null for the beginning of all.
- `sent`: digests of rows sent so late that the next sync reads them again.
- `walk`: the checkpoint of an interrupted walk.
- `owed`: how many rows the server counted when it did not show all of them, and since when. Until
  it does, or a day has passed, the bookmark waits.
- `surplus`: how many rows more than it shows the server was found to count.
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

    From and to the instants `already_read`, an earlier sync has read every row. Once the sync is
    complete, every row since `start` has been read; None means always.
    """

    after: int | None
    already_read: tuple[int, int] | None
    start: int | None


class Owed(msgspec.Struct, kw_only=True):
    """How many rows the server counted without showing all, and since when by its clock."""

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
        # A bookmark on another key says nothing about this one (SDK: same rule).
        if state.get("replication_key") == replication_key:
            self.value = _instant(state.get("replication_key_value"), title)

    @property
    def sent(self) -> object:
        """The digests for `SentRecords`."""
        is_known = self.value is not None or "owed" in self._state
        return self._state.get("sent") if is_known else None

    def cursor(self, settings: Settings) -> Cursor:
        """Return what to read: from the bookmark less the overlap, or from `start_date`.

        Rows stamped with the bound itself may be missing from the answer. Where `start_date` has
        been moved back, the history before the bookmark is read once more, for the new part.
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
        # In one step: a signal may come between any two, and the state goes out as it is.
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
        """Record how far a walk has got, or that it must begin again if it is interrupted."""
        if walk is None:
            self._state.pop("walk", None)
        else:
            self._state["walk"] = _to_state(walk)

    def entry(self, name: str, kind: type[T], cursor: Cursor) -> T | None:
        """Return an entry about the rows of `cursor`, if there is one that can be read."""
        entry = self._state.get(name)
        after = timestamps.render_optional(cursor.after)
        if isinstance(entry, dict) and entry.get("updated_after", "") == after:
            with suppress(msgspec.ValidationError, OverflowError):
                return msgspec.convert(entry, kind, dec_hook=_from_state)
        return None

    def start(self, default: int | None) -> int | None:
        """Return since when all has been read, where that is recorded; None means always."""
        text = self._state.get("start_date", "")
        if text is None:
            return None
        try:
            return timestamps.parse_setting(text)
        except (AttributeError, ValueError):  # not recorded, or not as we write it
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
