"""A history of statistics: syncs on changing days with changing settings, and what a loader holds.

The tap's real code reads over real HTTP; runs end, and midnight passes, between any two of its
requests. What must hold of every sync is reckoned here by none of the tap's code.
"""

from __future__ import annotations

import json
import math
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timezone
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from stand_in import statistics
from stand_in.world import EXECUTIONS, RUNS, Row, World, to_text
from tap_dagctl.api import prefetch
from tap_dagctl.tap import TapDagctl
from tests.support.in_process import Collector, Killed
from tests.support.statistics_promise import (
    DAY,
    Chosen,
    Promise,
    Sync,
    first_day_of,
    has_other_windows,
    must_remember,
    settled,
    take_up,
    wanted_from,
)
from tests.support.syncs import config_of, handlers_kept

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stand_in.server import Api, Request

STREAMS = ("daily_stats", "model_stats")
LAST_DAY = {"daily_stats": "date", "model_stats": "end_date"}
PROJECTS = ("proj_0", "proj_1")
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
            if key in before and key not in after:
                # One in the future was dropped, and the sync cut off before there was another.
                assert self._was_cut
                promise.bookmark, promise.read, promise.excused = None, set(), set()
            elif not self._was_cut or before.get(key) != after.get(key):
                bookmark = date.fromisoformat(after[key]["replication_key_value"])
                take_up(promise, key[0], bookmark, changes_before[key], done)
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
        # What is asked for is reckoned request by request: none is made ahead.
        with patch.object(prefetch, "WORTH_WAITING_SECONDS", math.inf):
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
        done, known = settled(promise, key[0], sync), promise.known
        if promise.bookmark and promise.last_read and promise.bookmark > promise.last_read:
            # Whoever wrote a later bookmark said that the days up to it had been read.
            known = known | promise.ends(key[0], promise.last_read, promise.bookmark)
        for end in asked:
            assert end not in done, f"{key}: what ends on {end} was read again without need"
            if end not in known and not has_other_windows(promise, key[0], sync.chosen):
                is_wanted = sync.chosen.start is None or end >= wanted_from(sync.chosen, sync.began)
                assert is_wanted, f"{key}: what ends on {end} lies before start_date"
        seen: set[str] = set()
        for row in rows:
            end = date.fromisoformat(row[LAST_DAY[key[0]]])
            name = json.dumps([row.get("start_date"), end.isoformat(), row.get("model_name")])
            assert name not in seen, f"sent twice in one sync: {row}"
            seen.add(name)
            if promise.sent.get(name) == row and not sync.after_cut:
                assert not must_remember(promise, key[0], end, sync), f"sent again: {row}"
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
                start = None if stream == "daily_stats" else first_day_of(end, promise)
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
        start = first_day_of(end, promise)
        window = {"start_date": start, "end_date": end.isoformat()}
        rows = statistics.by_model(self.world, project, date.fromisoformat(start), end)
        return [row | named | window for row in rows]

    def end(self) -> None:
        """Let everything rest: one sync brings what is owed, and the next has nothing to send."""
        self.sync()
        assert self.sync() == [], "an idle sync sent something"


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
