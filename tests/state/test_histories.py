"""No made-up history of statistics loses or repeats one: runs end late, settings change.

Runs end, and midnight passes, between any two requests. After every sync the loader must hold what
the API answers for every day and window that was read, but for what changed later than the
look-back covers.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta, timezone
from itertools import count
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from typing_extensions import override

from stand_in import statistics
from stand_in.server import Api, Request
from stand_in.world import EXECUTIONS, RUNS, Row, World, to_text
from tap_dagctl.api import prefetch
from tests.support import in_process
from tests.support.seeded import run_seeded, seeds
from tests.support.truth import FIRST_MONDAY, difference, plain

DAY = timedelta(days=1)
PROJECTS = ("proj_0", "proj_1")
LAST_DAY = {"daily_stats": "date", "model_stats": "end_date"}

# The number of the project, how many days ago, and the number of the model; None is a midnight.
Act = tuple[int, int, int] | None
_LATE = st.tuples(st.integers(0, 1), st.sampled_from([0, 0, 1, 2, 3, 6]), st.integers(0, 1))
_ANY_DAY = st.tuples(st.integers(0, 1), st.integers(0, 75), st.integers(0, 1))
_WHEN = st.integers(1, 30) | st.integers(1, 5)


@dataclass(frozen=True)
class Chosen:
    """The settings of a sync."""

    start: date | None = None
    lookback: int = 2
    length: int = 7


@dataclass
class Promise:
    """What the tap owes for a stream and a project."""

    # The day of the last sync that was complete, and its settings.
    bookmark: date | None = None
    chosen: Chosen = field(default_factory=Chosen)
    # The last days of all windows whose statistics the loader must hold, and those of them that
    # changed later than the look-back covers.
    read: set[date] = field(default_factory=set)
    excused: set[date] = field(default_factory=set)
    # The days on which something has changed since.
    changes: list[date] = field(default_factory=list)
    # What the loader holds.
    held: dict[tuple[Any, ...], Row] = field(default_factory=dict)


class Histories(RuleBasedStateMachine):
    api: Api
    figures: Counter[str]

    @initialize(before=st.lists(_ANY_DAY, max_size=12))
    def begin(self, before: list[Act]) -> None:
        self.chosen, self.state, self.serial = Chosen(), dict[str, Any](), 0
        self.was_cut = self.has_failed = False
        self.world = self.api.world = World()
        for key in PROJECTS:
            self.world.add_project(key, key)
        self.promises = {(stream, key): Promise() for stream in LAST_DAY for key in PROJECTS}
        self.run(before)

    @property
    def today(self) -> date:
        return self.world.now.date()

    @rule(acts=st.lists(_LATE | _LATE | _ANY_DAY, min_size=1, max_size=4))
    def run(self, acts: list[Act]) -> None:
        for act in acts:
            if act is None:
                self.world.now = datetime.combine(self.today + DAY, time(), timezone.utc)
                continue
            project, days_ago, model = act
            self.serial += 1
            day = self.today - days_ago * DAY
            fields = {
                "start_time": to_text(datetime.combine(day, time(1), timezone.utc)),
                "duration_seconds": self.serial,
                "status": "success" if self.serial % 3 else "failed",
            }
            self.world.put(RUNS, PROJECTS[project], {"id": f"run {day}", **fields})
            named = {"id": f"{model} {day}", "model_name": f"model {model}"}
            self.world.put(EXECUTIONS, PROJECTS[project], {**named, **fields})
            for stream in LAST_DAY:
                self.promises[stream, PROJECTS[project]].changes.append(day)

    @rule(days=st.sampled_from([1, 1, 1, 2, 3, 8, 45]))
    def rest(self, days: int) -> None:
        self.run([None] * days)

    @rule(ago=st.none() | st.sampled_from([-3, 0, 1, 2, 4, 9, 29, 31, 40, 70]))
    def choose_start(self, ago: int | None) -> None:
        self.chosen = replace(self.chosen, start=None if ago is None else self.today - ago * DAY)

    @rule(lookback=st.sampled_from([0, 1, 2, 2, 5, 20]), length=st.sampled_from([1, 3, 7, 7, 10]))
    def choose(self, lookback: int, length: int) -> None:
        self.chosen = replace(self.chosen, lookback=lookback, length=length)

    @rule(
        acts=st.lists(st.tuples(_WHEN, st.none() | _LATE), max_size=4),
        cut=st.none() | st.integers(0, 60) | st.integers(0, 12),
        stopped=st.booleans(),
    )
    def sync(self, acts: list[tuple[int, Act]], cut: int | None, *, stopped: bool) -> None:
        """Sync once, with acts before the requests of these numbers."""
        self.has_failed = True
        began, requests = self.today, count(1)
        known = {key: len(promise.changes) for key, promise in self.promises.items()}
        before, after_cut = self.bookmarks, self.was_cut

        def misbehave(_: Request) -> None:
            now = next(requests)
            self.run([act for number, act in acts if number == now])

        self.api.misbehave = misbehave
        settings = {
            "start_date": self.chosen.start and self.chosen.start.isoformat(),
            "stats_lookback_days": self.chosen.lookback,
            "model_stats_window_days": self.chosen.length,
        }
        given: Any = {"cut": cut, "stopped": stopped, **settings}
        # Requests are counted in their order: none is made ahead.
        with patch.object(prefetch, "WORTH_WAITING_SECONDS", math.inf):
            pipe = in_process.sync(self.api, self.state, LAST_DAY, **given)
        self.api.misbehave = lambda _: None
        self.was_cut = pipe.is_killed
        self.state = pipe.states[-1] if pipe.states else self.state
        self.sent: list[Row] = []
        for (stream, project), promise in self.promises.items():
            rows = [row for row in pipe.rows(stream) if row["project_id"] == project]
            self.load(promise, rows, may_repeat=after_cut or promise.chosen != self.chosen)
            bookmark = self.bookmarks.get((stream, project))
            if bookmark and (not self.was_cut or bookmark != before.get((stream, project))):
                day = date.fromisoformat(bookmark["replication_key_value"])
                assert max(began, promise.bookmark or began) <= day <= self.today
                self.take_up(promise, stream, day, known[stream, project])
            self.check(stream, project, promise)
            self.sent += rows
        self.figures["cut off"] += self.was_cut
        self.has_failed = False

    @property
    def bookmarks(self) -> dict[tuple[str, str], Row]:
        """What the state says of each stream and project that has a bookmark."""
        names = ("replication_key_value", "start_date", "sent", "window_days")
        return {
            key: {name: part.get(name) for name in names}
            for key, part in in_process.parts(self.state, LAST_DAY).items()
            if "replication_key_value" in part
        }

    def load(self, promise: Promise, rows: list[Row], *, may_repeat: bool) -> None:
        seen = set[tuple[Any, ...]]()
        for row in rows:
            keys = ("date", "model_name", "start_date", "end_date")
            key = tuple(row.get(name) for name in keys)
            assert key not in seen, f"sent twice in one sync: {row}"
            assert may_repeat or promise.held.get(key) != row, f"sent again, unchanged: {row}"
            seen.add(key)
            promise.held[key] = row

    def take_up(self, promise: Promise, stream: str, day: date, known: int) -> None:
        """Take up what a complete sync owes."""
        chosen, before = self.chosen, promise.bookmark
        length = chosen.length if stream == "model_stats" else 1
        changed, promise.changes = promise.changes[:known], promise.changes[known:]
        first = min(chosen.start or before or day, chosen.start or day - 29 * DAY, day)
        has_other_windows = stream == "model_stats" and promise.chosen.length != length
        if before is None or has_other_windows or (chosen.start and first > before + DAY):
            # A history that is new.
            promise.read, promise.excused = set(), set()
        else:
            late = {end for one in changed for end in ends_of(length, one, one)}
            changing = before - chosen.lookback * DAY
            promise.excused |= {end for end in late & promise.read if end < changing}
        promise.bookmark, promise.chosen = day, chosen
        promise.read |= ends_of(length, first, day)

    def check(self, stream: str, project: str, promise: Promise) -> None:
        """Check that the loader holds what the API answers, wherever that is promised."""
        length = promise.chosen.length if stream == "model_stats" else 1
        pending = {end for day in promise.changes for end in ends_of(length, day, day)}
        for end in promise.read - promise.excused - pending:
            start = end - (length - 1) * DAY
            named: Row = {LAST_DAY[stream]: end.isoformat()}
            if stream == "daily_stats":
                days = statistics.daily(self.world, project, (self.today - end).days + 1)
                rows = [row for row in days if row["date"] == end.isoformat()]
            else:
                named["start_date"] = start.isoformat()
                rows = statistics.by_model(self.world, project, start, end)
            held = [row for row in promise.held.values() if named.items() <= row.items()]
            truth = [{**row, **named, "project_id": project} for row in rows]
            found, expected = (
                {(row.get("model_name"),): plain(row) for row in them} for them in (held, truth)
            )
            assert difference(f"{stream}: {end}", found, expected) == []
            self.figures["checked"] += 1

    @override
    def teardown(self) -> None:
        # Hypothesis also tears down what failed, even before it began.
        if hasattr(self, "has_failed") and not self.has_failed:
            self.sync([], None, stopped=False)
            self.sync([], None, stopped=False)
            assert self.sent == [], "an idle sync sent something"


def ends_of(length: int, first: date, last: date) -> set[date]:
    """Return the last days of the windows from the one that holds a day to that of another."""
    end = first + (length - 1 - (first - FIRST_MONDAY).days % length) * DAY
    ends = {end}
    while end < last:
        end += length * DAY
        ends.add(end)
    return ends


@pytest.mark.parametrize("seed", seeds(2))
def test_no_made_up_history_loses_or_repeats_statistics(seed: int) -> None:
    figures = run_seeded(Histories, 40, seed, steps=12)

    assert figures["cut off"]
    assert figures["checked"] > 2_000
