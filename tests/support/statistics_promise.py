"""What the tap owes of statistics after a sync, reckoned from the settings and the days alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

from tests.support.truth import FIRST_MONDAY

if TYPE_CHECKING:
    from stand_in.world import Row

DEFAULT_DAYS = 30
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Chosen:
    """The settings of a sync."""

    start: date | None = None
    lookback: int = 2
    length: int = 7


@dataclass
class Promise:
    """What the tap owes for a stream and a project.

    Attributes:
        bookmark: what the state says: the day of the last sync that was complete, or what somebody
            wrote there.
        last_read: that day, or one up to a midnight later where it cannot be told.
        chosen: its settings.
        read: the last days of all windows whose statistics the loader must hold.
        known: those, and what may have been read besides.
        excused: those that changed later than the look-back covers.
        sent: each row as it was sent last.
    """

    bookmark: date | None = None
    chosen: Chosen = field(default_factory=Chosen)
    read: set[date] = field(default_factory=set)
    known: set[date] = field(default_factory=set)
    excused: set[date] = field(default_factory=set)
    sent: dict[str, Row] = field(default_factory=dict)
    last_read: date | None = None

    def ends(self, stream: str, first: date, last: date) -> set[date]:
        """Return the last days of the windows from the one that holds a day to that of another."""
        length = self.chosen.length if stream == "model_stats" else 1
        end = first + (length - 1 - (first - FIRST_MONDAY).days % length) * DAY
        ends = {end}
        while end < last:
            end += length * DAY
            ends.add(end)
        return ends


@dataclass(frozen=True)
class Sync:
    """What is known of one sync before its rows are looked at.

    Attributes:
        began, ended: the server's day then.
        after_cut: whether the sync before it was cut off.
    """

    chosen: Chosen
    began: date
    ended: date
    after_cut: bool


def first_day_of(end: date, promise: Promise) -> str:
    return (end - (promise.chosen.length - 1) * DAY).isoformat()


def wanted_from(chosen: Chosen, day: date) -> date:
    return min(chosen.start or day - (DEFAULT_DAYS - 1) * DAY, day)


def begins_anew(promise: Promise, chosen: Chosen, day: date) -> bool:
    """Whether a sync on `day` has no history to go on from."""
    if promise.bookmark is None or promise.bookmark - chosen.lookback * DAY > day:
        return True
    skipped_to = promise.bookmark + 1 * DAY
    return chosen.start is not None and wanted_from(chosen, day) > skipped_to


def has_other_windows(promise: Promise, stream: str, chosen: Chosen) -> bool:
    return stream == "model_stats" and promise.chosen.length != chosen.length


def settled(promise: Promise, stream: str, sync: Sync) -> set[date]:
    """Return the ends of what was read before and can have changed no more."""
    anew = any(begins_anew(promise, sync.chosen, day) for day in (sync.began, sync.ended))
    if promise.bookmark is None or anew or has_other_windows(promise, stream, sync.chosen):
        return set()
    changing = min(promise.bookmark, sync.began) - sync.chosen.lookback * DAY
    return {end for end in promise.read if end < changing}


def must_remember(promise: Promise, stream: str, end: date, sync: Sync) -> bool:
    """Whether the state must know that the row of `end` was sent."""
    anew = any(begins_anew(promise, sync.chosen, day) for day in (sync.began, sync.ended))
    if anew or promise.last_read is None or has_other_windows(promise, stream, sync.chosen):
        return False
    return end in promise.read and end >= promise.last_read - promise.chosen.lookback * DAY


def take_up(promise: Promise, stream: str, bookmark: date, changes: list[date], sync: Sync) -> None:
    """Take up what a complete sync owes."""
    chosen, before = sync.chosen, promise.bookmark
    day = latest = bookmark
    if before is not None and before - chosen.lookback * DAY > sync.ended:
        assert bookmark < before, "a bookmark in the future was kept"
    if bookmark == before and bookmark > sync.began:
        # It lay in the future, but not so far that it was dropped. When it was read is not known.
        day, latest = max(sync.began, bookmark - chosen.lookback * DAY), sync.ended
    anew = begins_anew(promise, chosen, day)
    other_windows = has_other_windows(promise, stream, chosen)
    old_read, promise.chosen = promise.read, chosen
    first = wanted_from(chosen, latest)
    read = promise.ends(stream, first, day) if first <= day else set()
    known = promise.ends(stream, wanted_from(chosen, day), latest)
    if not anew and promise.last_read is not None:
        known |= promise.ends(stream, promise.last_read, latest)
    promise.known = known if anew or other_windows else promise.known | known
    if anew or before is None:
        promise.read, promise.excused = read, set()
    else:
        last = min(before, day)
        if chosen.start is None or not other_windows:
            read |= promise.ends(stream, last, day)
        if other_windows:
            promise.read, promise.excused = read, set()
        else:
            promise.read = old_read | read
            late = {end for one in changes for end in promise.ends(stream, one, one)} & old_read
            # Whoever wrote a later bookmark said that all before it had been read.
            last = min(before, latest)
            if promise.last_read is not None and last > promise.last_read:
                late |= promise.ends(stream, promise.last_read - chosen.lookback * DAY, last)
            changing = last - chosen.lookback * DAY
            promise.excused |= {end for end in late if end < changing}
    promise.bookmark = bookmark
    promise.last_read = min(bookmark, sync.ended)
