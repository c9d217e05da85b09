"""A history of statistics: syncs on changing days with changing settings, and what a loader holds.

The tap's real code reads over real HTTP; runs end, and midnight passes, between any two of its
requests. What must hold of every sync is reckoned here by none of the tap's code.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta, timezone
from typing import TYPE_CHECKING, Any

from tap_dagctl.tap import TapDagctl
from tests.dagctl_api import statistics
from tests.dagctl_api.world import EXECUTIONS, RUNS, Row, World, to_text
from tests.simulation import Collector, Killed, handlers_kept
from tests.syncs import config_of
from tests.truth import FIRST_MONDAY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.dagctl_api.server import Api, Request

STREAMS = ("daily_stats", "model_stats")
LAST_DAY = {"daily_stats": "date", "model_stats": "end_date"}
PROJECTS = ("proj_0", "proj_1")
DEFAULT_DAYS = 30
DAY = timedelta(days=1)
_WRITTEN = ("replication_key_value", "start_date", "sent", "window_days")

Key = tuple[str, str]
"""A stream and a project."""


@dataclass(frozen=True)
class Act:
    """What happens at once.

    Attributes:
        kind: `run` (a run and an execution of a model are there or end differently) or `midnight`.
        project: its number.
        days_ago: the day they started.
        model: the number of the model.
    """

    kind: str
    project: int = 0
    days_ago: int = 0
    model: int = 0


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
        excused: those that changed later than the look-back covers.
        sent: each row as it was sent last.
    """

    bookmark: date | None = None
    chosen: Chosen = field(default_factory=Chosen)
    read: set[date] = field(default_factory=set)
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


@dataclass
class Figures:
    """What many histories add up to."""

    histories: int = 0
    syncs: int = 0
    cut: int = 0
    records: int = 0
    checked: int = 0

    def add(self, other: Figures) -> None:
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


class StatisticsSimulation:
    """One history.

    Attributes:
        is_sound: whether no sync of it has failed.
    """

    def __init__(self, api: Api, figures: Figures) -> None:
        self.figures = figures
        self.is_sound = True
        self.chosen = Chosen()
        self.state: dict[str, Any] = {}
        self.world = api.world = World()
        for key in PROJECTS:
            self.world.add_project(key, key)
        self._api = api
        self._serial = 0
        self._was_cut = False
        self._promises = {(stream, key): Promise() for stream in STREAMS for key in PROJECTS}
        self._held: dict[Key, dict[str, Row]] = {key: {} for key in self._promises}
        # What changed since each stream and project was last read, by the day it happened on.
        self._changes: dict[Key, list[date]] = {key: [] for key in self._promises}
        figures.histories += 1

    @property
    def today(self) -> date:
        return self.world.now.date()

    def act(self, act: Act) -> None:
        if act.kind == "midnight":
            self.world.now = datetime.combine(self.today + DAY, time(), timezone.utc)
            return
        self._serial += 1
        day = self.today - act.days_ago * DAY
        project = PROJECTS[act.project % len(PROJECTS)]
        fields = {
            "start_time": to_text(datetime.combine(day, time(1), timezone.utc)),
            "duration_seconds": self._serial,
            "status": "success" if self._serial % 3 else "failed",
        }
        self.world.put(RUNS, project, {"id": f"run {day}", **fields})
        model = {"id": f"{act.model} {day}", "model_name": f"model {act.model}"}
        self.world.put(EXECUTIONS, project, {**model, **fields})
        for stream in STREAMS:
            self._changes[stream, project].append(day)

    def choose(self, **settings: Any) -> None:
        self.chosen = replace(self.chosen, **settings)

    def edit(self, days_ahead: int) -> None:
        """Let somebody write bookmarks in the future into the state."""
        ahead = self.today + days_ahead * DAY
        for stream in STREAMS:
            for part in self.state.get("bookmarks", {}).get(stream, {}).get("partitions", ()):
                if "replication_key_value" in part:
                    part["replication_key_value"] = ahead.isoformat()
                    self._promises[stream, part["context"]["project_id"]].bookmark = ahead

    def sync(
        self,
        acts: Sequence[tuple[int, Act]] = (),
        cut: int | None = None,
        *,
        stopped: bool = False,
    ) -> list[tuple[str, Row]]:
        """Sync once, and check what must hold of every sync; return what was sent.

        Args:
            acts: what happens, each just before the request of that number is answered.
            cut: after how many messages the process is killed.
            stopped: it is not killed but stopped: it still writes its state.
        """
        self.is_sound = False
        began, before = self.today, _parts(self.state)
        changes_before = {key: list(changes) for key, changes in self._changes.items()}
        asked: list[tuple[str, date]] = []
        requests = 0

        def misbehave(request: Request) -> None:
            nonlocal requests
            requests += 1
            if "end_date" in request.params:
                project = request.path.split("/")[-3]
                asked.append((project, date.fromisoformat(request.params["end_date"])))
            for number, act in acts:
                if number == requests:
                    self.act(act)

        self._api.misbehave = misbehave
        pipe = Collector(cut)
        after_cut, self._was_cut = self._was_cut, True
        with suppress(Killed):
            self._run(pipe, stopped=stopped)
            self._was_cut = False
        self._api.misbehave = lambda _: None
        for state in pipe.states:
            self._check_bookmarks(_parts(state), began)
        if pipe.states:
            self.state = pipe.states[-1]
        after = _parts(self.state)
        records = [(stream, row) for stream, row in pipe.records if stream in STREAMS]
        done = Sync(self.chosen, began, self.today, after_cut)
        for key, promise in self._promises.items():
            rows = [row for stream, row in records if (stream, row["project_id"]) == key]
            ends = [end for project, end in asked if key == ("model_stats", project)]
            ends += [date.fromisoformat(row[LAST_DAY[key[0]]]) for row in rows]
            self._check_sent(key, rows, ends, done)
            if not self._was_cut or before.get(key) != after.get(key):
                bookmark = date.fromisoformat(after[key]["replication_key_value"])
                promise_made(promise, key[0], bookmark, changes_before[key], done)
                self._changes[key] = self._changes[key][len(changes_before[key]) :]
        self.figures.syncs += 1
        self.figures.cut += self._was_cut
        self.figures.records += len(records)
        self.check()
        self.is_sound = True
        return records

    def _run(self, pipe: Collector, *, stopped: bool) -> None:
        chosen = self.chosen
        config = config_of(
            self._api,
            start_date=chosen.start and chosen.start.isoformat(),
            stats_lookback_days=chosen.lookback,
            model_stats_window_days=chosen.length,
        )
        # The tap writes into what it is given, and a killed one leaves nothing of that behind.
        given = json.loads(json.dumps(self.state))
        with handlers_kept():
            tap = TapDagctl(config=config, state=given, message_writer=pipe)
        for name, stream in tap.streams.items():
            stream.selected = name in {"projects", *STREAMS}
        if stopped:
            pipe.last_words = lambda: tap.state
        tap.sync_all()

    def _check_bookmarks(self, parts: dict[Key, Any], began: date) -> None:
        for key, part in parts.items():
            before = self._promises[key].bookmark
            bookmark = date.fromisoformat(part["replication_key_value"])
            if before is not None and bookmark < before:
                changing = before - self.chosen.lookback * DAY
                assert changing > began, f"the bookmark of {key} went back"
            assert bookmark == before or began <= bookmark <= self.today, f"{key}: {bookmark}"

    def _check_sent(self, key: Key, rows: list[Row], asked: list[date], sync: Sync) -> None:
        """Check that nothing was sent, or asked for, that did not need to be."""
        promise = self._promises[key]
        settled = promise_kept(promise, key[0], sync)
        for end in asked:
            assert end not in settled, f"{key}: what ends on {end} was read again without need"
            unknown = end not in promise.read
            if unknown and not _has_other_windows(promise, key[0], sync.chosen):
                is_wanted = sync.chosen.start is None or end >= _wanted(sync.chosen, sync.began)
                assert is_wanted, f"{key}: what ends on {end} lies before start_date"
        seen: set[str] = set()
        for row in rows:
            end = date.fromisoformat(row[LAST_DAY[key[0]]])
            name = json.dumps([row.get("start_date"), end.isoformat(), row.get("model_name")])
            assert name not in seen, f"sent twice in one sync: {row}"
            seen.add(name)
            if promise.sent.get(name) == row and not sync.after_cut:
                assert not promise_remembers(promise, key[0], end, sync), f"sent again: {row}"
            promise.sent[name] = self._held[key][name] = row

    def check(self) -> None:
        """Check that the loader holds what the API answers, wherever that is promised."""
        for key, promise in self._promises.items():
            stream, project = key
            pending: set[date] = set()
            for day in self._changes[key]:
                pending |= promise.ends(stream, day, day)
            for end in promise.read - promise.excused - pending:
                truth = [_plain(row) for row in self._truth(stream, project, end, promise)]
                start = None if stream == "daily_stats" else truth_start(end, promise)
                held = [
                    _plain(row)
                    for row in self._held[key].values()
                    if row[LAST_DAY[stream]] == end.isoformat() and row.get("start_date") == start
                ]
                assert _by_model(held) == _by_model(truth), f"{key}: {end}"
                self.figures.checked += 1

    def _truth(self, stream: str, project: str, end: date, promise: Promise) -> list[Row]:
        named = {"project_id": project}
        if stream == "daily_stats":
            rows = statistics.daily(self.world, project, (self.today - end).days + 1)
            return [row | named for row in rows if row["date"] == end.isoformat()]
        start = truth_start(end, promise)
        window = {"start_date": start, "end_date": end.isoformat()}
        rows = statistics.by_model(self.world, project, date.fromisoformat(start), end)
        return [row | named | window for row in rows]

    def end(self) -> None:
        """Let everything rest: one sync brings what is owed, and the next has nothing to send."""
        self.sync()
        assert self.sync() == [], "an idle sync sent something"


def truth_start(end: date, promise: Promise) -> str:
    return (end - (promise.chosen.length - 1) * DAY).isoformat()


def _wanted(chosen: Chosen, day: date) -> date:
    return min(chosen.start or day - (DEFAULT_DAYS - 1) * DAY, day)


def _begins_anew(promise: Promise, chosen: Chosen, day: date) -> bool:
    """Whether a sync on `day` has no history to go on from."""
    if promise.bookmark is None or promise.bookmark - chosen.lookback * DAY > day:
        return True
    skipped_to = promise.bookmark + 1 * DAY
    return chosen.start is not None and _wanted(chosen, day) > skipped_to


def _has_other_windows(promise: Promise, stream: str, chosen: Chosen) -> bool:
    return stream == "model_stats" and promise.chosen.length != chosen.length


def promise_kept(promise: Promise, stream: str, sync: Sync) -> set[date]:
    """Return the ends of what was read before and can have changed no more."""
    anew = any(_begins_anew(promise, sync.chosen, day) for day in (sync.began, sync.ended))
    if promise.bookmark is None or anew or _has_other_windows(promise, stream, sync.chosen):
        return set()
    changing = min(promise.bookmark, sync.began) - sync.chosen.lookback * DAY
    return {end for end in promise.read if end < changing}


def promise_remembers(promise: Promise, stream: str, end: date, sync: Sync) -> bool:
    """Whether the state must know that the row of `end` was sent."""
    anew = any(_begins_anew(promise, sync.chosen, day) for day in (sync.began, sync.ended))
    if anew or promise.last_read is None or _has_other_windows(promise, stream, sync.chosen):
        return False
    return end in promise.read and end >= promise.last_read - promise.chosen.lookback * DAY


def promise_made(
    promise: Promise, stream: str, bookmark: date, changes: list[date], sync: Sync
) -> None:
    """Take up what a complete sync owes."""
    chosen, before = sync.chosen, promise.bookmark
    day = latest = bookmark
    if before is not None and before - chosen.lookback * DAY > sync.ended:
        assert bookmark < before, "a bookmark in the future was kept"
    if bookmark == before and bookmark > sync.began:
        # It lay in the future, but not so far that it was dropped. When it was read is not known.
        day, latest = max(sync.began, bookmark - chosen.lookback * DAY), sync.ended
    anew = _begins_anew(promise, chosen, day)
    other_windows = _has_other_windows(promise, stream, chosen)
    old_read, promise.chosen = promise.read, chosen
    read = promise.ends(stream, _wanted(chosen, day), day)
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


def _parts(state: dict[str, Any]) -> dict[Key, Any]:
    """Return what the tap itself wrote for each stream and project that has a bookmark."""
    return {
        (stream, part["context"]["project_id"]): {name: part.get(name) for name in _WRITTEN}
        for stream in STREAMS
        for part in state.get("bookmarks", {}).get(stream, {}).get("partitions", ())
        if "replication_key_value" in part
    }


def _by_model(rows: list[Row]) -> dict[str, Row]:
    return {row.get("model_name", ""): row for row in rows}


def _plain(row: Row) -> Row:
    return {name: value for name, value in row.items() if value is not None}
