"""The bookmark: how far a stream of one project has been read for certain.

It uses the SDK's layout of state, and not its increments: the SDK would raise the bookmark with
each record, while this one is written once, when a walk is complete. Overlap and dedup of pages
are in `pagination/next_page.py` and `pagination/dedup.py`; between two syncs, the overlap is in
`Bookmark.cursor` and the dedup in `sent_records.py`.

In the SDK's partition of the project it keeps:

- `replication_key_value`: the server's clock when the last complete walk began, never a row's own
  time: rows that change while a walk goes on may lie behind the reader, and belong to the next
  sync. It is compared as an instant, never as text, and never goes back.
- `start_date`: where the history that has been read begins; null for the beginning of all.
- `sent`: digests of rows sent so late that the next sync reads them again.
- `walk`: how far a walk got that was interrupted.
- `owed`: how many rows the server counted when it did not show all of them, and since when: until
  it does, or a day has passed, the bookmark waits.
- `surplus`: how many rows more than it shows the server was found to count.
- `window_days`: how long the windows of `model_stats` were that have been read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_dagctl import timestamps
from tap_dagctl.errors import StateError
from tap_dagctl.pagination.paginator import Checkpoint

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from tap_dagctl.settings import Settings


# None is there, or not as we write it.
_UNREADABLE = (AttributeError, KeyError, OverflowError, TypeError, ValueError)

_KEPT = ("replication_key_value", "start_date", "sent", "walk", "owed", "surplus", "window_days")


@dataclass(frozen=True)
class Cursor:
    """Which rows a sync must read.

    Attributes:
        after: read the rows updated after this instant; None means all rows.
        already_read: from when to when, both included, an earlier sync has read every row.
        start: since when every row has been read once the sync is complete; None means always.
    """

    after: int | None
    already_read: tuple[int, int] | None
    start: int | None


@dataclass(frozen=True)
class Owed:
    """How many rows the server counted without showing all, and since when, by its clock."""

    counted: int
    since: int


class Bookmark:
    """Reads and writes the state of one stream and project.

    Attributes:
        value: the bookmark in nanoseconds since the epoch, or None before the first sync.
    """

    def __init__(self, state: MutableMapping[str, Any], title: str, replication_key: str) -> None:
        """Read `state`, the SDK's writable state of one partition."""
        self.title = title
        self._state = state
        self._replication_key = replication_key
        self.value: int | None = None
        # A bookmark on another key says nothing about this one (SDK: same rule).
        if state.get("replication_key") == replication_key:
            self.value = _instant(state.get("replication_key_value"), title)

    @property
    def sent(self) -> object:
        """What `SentRecords` is to know of earlier syncs."""
        is_known = self.value is not None or "owed" in self._state
        return self._state.get("sent") if is_known else None

    def cursor(self, settings: Settings) -> Cursor:
        """Return what to read: from the bookmark less the overlap, or from `start_date`.

        A row may become visible after its `updated_at`, hence the overlap. Rows stamped with the
        bound itself need not be in the answer: whether it is included is not documented. Where
        `start_date` has been moved back, the history before the bookmark is read once more, for
        the part that is new.
        """
        history = whole_history(settings)
        if self.value is None:
            return history
        after = self.value - max(settings.overlap, timestamps.TICK)
        start, read_since = history.start, self.start(default=history.start)
        if read_since is not None and (start is None or start < read_since):
            return Cursor(history.after, (read_since, after), start)
        if history.after is not None and history.after > after:
            return history
        return Cursor(after, None, read_since)

    def lies_after(self, server_time: int | None, settings: Settings) -> bool:
        """Whether the bookmark lies in the server's future, by more than the overlap."""
        if self.value is None or server_time is None:
            return False
        return self.value - settings.overlap > server_time

    def forget(self) -> None:
        """Take out everything: it cannot be right."""
        self.value = None
        for name in _KEPT:
            self._state.pop(name, None)

    @property
    def window_days(self) -> object:
        """The length of the windows that have been read, in days, if it is known."""
        return self._state.get("window_days")

    def complete(
        self,
        instant: int | None,
        start: int | None,
        sent: str,
        text: str | None = None,
        window_days: int | None = None,
    ) -> None:
        """Record that everything from `start` up to `instant` has been read; never go back.

        The state shows `instant` as `text`, or else as a timestamp.
        """
        new: dict[str, Any] = {"start_date": _text(start), "sent": sent}
        if instant is not None and (self.value is None or instant > self.value):
            self.value = instant
            new["replication_key"] = self._replication_key
            new["replication_key_value"] = text or timestamps.render(instant)
        if window_days is not None:
            new["window_days"] = window_days
        # In one step: a signal may come between any two, and the state goes out as it is.
        self._state.update(new)
        self._state.pop("walk", None)
        self._state.pop("owed", None)

    @property
    def surplus(self) -> int:
        """How many rows more than it shows the server was found to count."""
        surplus = self._state.get("surplus")
        return max(0, surplus) if isinstance(surplus, int) else 0

    @surplus.setter
    def surplus(self, rows: int) -> None:
        if rows:
            self._state["surplus"] = rows
        else:
            self._state.pop("surplus", None)

    def wait(self, cursor: Cursor, owed: Owed, sent: str) -> None:
        """Record that rows of `cursor` are owed, so that the next sync reads all of them again."""
        since = timestamps.render(owed.since)
        entry = {"updated_after": _text(cursor.after), "counted": owed.counted, "since": since}
        self._state.update({"owed": entry, "sent": sent})
        self._state.pop("walk", None)

    def owed(self, cursor: Cursor) -> Owed | None:
        """Return what an earlier sync recorded by `wait` about the rows of `cursor`."""
        entry: Any = self._state.get("owed")
        try:
            if entry["updated_after"] != _text(cursor.after):
                return None
            return Owed(int(entry["counted"]), timestamps.parse_setting(entry["since"]))
        except _UNREADABLE:
            return None

    def write_checkpoint(
        self, cursor: Cursor, checkpoint: Checkpoint, anchors: list[str], sent: str
    ) -> None:
        """Record how far a walk over the rows of `cursor` has got, in case it is interrupted."""
        self._state["walk"] = {
            "updated_after": _text(cursor.after),
            "began": timestamps.render(checkpoint.started_at),
            "end": checkpoint.end,
            "cap": checkpoint.cap,
            "counted": checkpoint.counted,
            "total": checkpoint.total,
            "anchors": anchors,
            "sent": sent,
        }

    def drop_checkpoint(self) -> None:
        """Record that an interrupted walk must begin again."""
        self._state.pop("walk", None)

    def interrupted(self, cursor: Cursor) -> tuple[Checkpoint, list[str], object] | None:
        """Return what `write_checkpoint` recorded of an interrupted walk over these rows."""
        walk: Any = self._state.get("walk")
        try:
            if walk["updated_after"] != _text(cursor.after):
                return None
            end = int(walk["end"])
            checkpoint = Checkpoint(
                started_at=timestamps.parse_setting(walk["began"]),
                end=end,
                cap=max(1, int(walk["cap"])),
                # Earlier versions did not count.
                counted=int(walk.get("counted", end)),
                total=int(walk.get("total", end)),
            )
            return checkpoint, [str(anchor) for anchor in walk["anchors"]], walk["sent"]
        except _UNREADABLE:
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


def whole_history(settings: Settings) -> Cursor:
    """Return what a sync reads that knows of none before it."""
    start = settings.start
    return Cursor(None if start is None else start - timestamps.TICK, None, start)


def _text(instant: int | None) -> str | None:
    return None if instant is None else timestamps.render(instant)


def _instant(value: object, title: str) -> int | None:
    if value is None or value == "":
        return None
    try:
        return timestamps.parse_setting(value if isinstance(value, str) else str(value))
    except (ValueError, OverflowError):
        msg = (
            f"State of {title}: replication_key_value {value!r} is not a time; write it like "
            "2026-01-31T00:00:00Z, or take the bookmark out to read everything again"
        )
        raise StateError(msg) from None
