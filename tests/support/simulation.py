"""A history: rows that are written while they are read, and what a loader ends up with.

The tap's real code reads over HTTP; writers act between any two of its requests. After every sync
it is checked what the tap promises, and at the end the loader's tables against the truth.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from functools import partial
from types import MappingProxyType
from typing import Any
from unittest.mock import patch

from stand_in.server import Api, Reply, Request, reply_of
from stand_in.world import RUNS, Project, Row, World, from_text
from tap_dagctl import timestamps
from tap_dagctl.api import prefetch
from tap_dagctl.api.prefetch import THREAD_NAME
from tests.support import in_process
from tests.support.in_process import Collector
from tests.support.odd_servers import HIDES, TABLES, Arrangement, OddServer
from tests.support.truth import plain


@dataclass(frozen=True)
class Act:
    """What a writer does at once: `insert`, `update`, `delete`, `stamp` (update all) or `advance`.

    As many rows are inserted as there are `picks`; of the others, these are picked, modulo their
    number. They become visible `late`, by a part of the overlap.
    """

    kind: str
    project: int = 0
    stream: str = "runs"
    picks: tuple[int, ...] = ()
    late: float = 0.0
    seconds: float = 0.0


class Simulation:
    """One history, which begins with so many runs in the first project.

    Attributes:
        answer: answers for the runs of a project instead of the server, by the request and which
            of them in a sync it is, from 1.
    """

    def __init__(
        self, api: Api, arrangement: Arrangement, rows: int = 0, *, every: float = 1
    ) -> None:
        self.arrangement = arrangement
        self.answer: Callable[[Request, int], dict[str, Any]] | None = None
        self.state: dict[str, Any] = {}
        self.tables: dict[str, dict[str, Row]] = {name: {} for name in TABLES}
        self.was_cut = False
        self._serial = 0
        self._turns = threading.Condition()
        self._hidden: set[str] = set()
        self._was_cut_before = False
        self._begins_with_nothing = True
        self._bookmarks: dict[tuple[str, str], datetime] = {}
        self.world = api.world = World(order=self._position, descending=arrangement.descending)
        for number in range(arrangement.projects):
            self.world.add_project(f"proj_{number}", f"project {number}")
        self._api = api
        self._server = OddServer(api, arrangement)
        for name in vars(api).keys() & vars(arrangement).keys():
            setattr(api, name, getattr(arrangement, name))
        api.is_hidden = lambda row: row["id"] in self._hidden
        if rows:
            self.fill(rows, every)

    def _position(self, row: Row) -> Any:
        value = row[self.arrangement.order_by]
        if self.arrangement.order_by == "id":
            return value
        moment = from_text(value)
        if self.arrangement.ties != "by id":
            moment = moment.replace(minute=0, second=0, microsecond=0)
        return moment, self._server.tie_breaker(row)

    def _text(self, late: float = 0.0) -> str:
        """Write the time as this server does: so many digits, zeros at the end cut, an offset."""
        arrangement = self.arrangement
        # A row that comes late makes up the number of those that are left out.
        late = 0 if arrangement.relies_on_counts else late
        moment = self.world.now - timedelta(seconds=late * arrangement.overlap_seconds)
        local = moment.astimezone(timezone(timedelta(minutes=arrangement.offset_minutes)))
        digits = f"{local.microsecond:06}{self._serial % 1_000:03}"[: arrangement.digits]
        fraction = f".{digits}".rstrip("0").rstrip(".")
        offset = local.isoformat()[-6:] if arrangement.offset_minutes else "Z"
        return f"{local:%Y-%m-%dT%H:%M:%S}{fraction}{offset}"

    def fill(self, rows: int, every: float = 1, *, project: int = 0) -> None:
        """Add so many runs to a project, so many seconds apart, the last of them an hour ago."""
        for _ in range(rows):
            self._insert(RUNS, f"proj_{project}", Act("insert"))
            self.world.advance(seconds=every)
        self.world.advance(hours=1)

    @property
    def runs(self) -> list[Row]:
        """Those of the first project, in the order of the list."""
        return self.world.rows(RUNS, "proj_0")

    def hide(self, positions: Iterable[int]) -> set[str]:
        """Let the server leave out the runs that now stand at these positions of the list."""
        hidden = {self.runs[position]["id"] for position in positions}
        self._hidden |= hidden
        return hidden

    @property
    def part(self) -> dict[str, Any]:
        """What the state says of the runs of the first project."""
        return in_process.parts(self.state, TABLES)["runs", "proj_0"]

    @property
    def bookmark(self) -> datetime | None:
        text = self.part.get("replication_key_value")
        return from_text(text) if text else None

    @property
    def is_caught_up(self) -> bool:
        """Whether the bookmark is the server's clock when the sync began, which stood still."""
        return self.bookmark is not None and self.world.now - self.bookmark < timedelta(minutes=1)

    @property
    def missing(self) -> set[str]:
        """The runs, also hidden ones, of which the loader does not hold the newest version."""
        held = self.tables["runs"]
        return {it["id"] for it in self.runs if not _same(held.get(it["id"]), it)}

    def act(self, act: Act) -> None:
        """Let a writer act."""
        if self.arrangement.relies_on_counts:
            # Within a second of the server's clock, what came first cannot be told.
            self.world.advance(seconds=2)
        self._server.note()
        project = f"proj_{act.project % self.arrangement.projects}"
        table = TABLES[act.stream]
        keys = sorted(self.world.projects[project].tables[table])
        picked = dict.fromkeys(keys[pick % len(keys)] for pick in act.picks) if keys else {}
        match act.kind:
            case "advance":
                self.world.advance(seconds=act.seconds)
            case "insert":
                for _ in act.picks:
                    self._insert(table, project, act)
            case "delete":
                for key in picked:
                    self.world.delete(table, project, key)
            case "update" | "stamp":
                stamp = self._text(act.late)
                for key in keys if act.kind == "stamp" else picked:
                    self._update(table, project, key, stamp)

    def _insert(self, table: str, project: str, act: Act) -> None:
        self._serial += 1
        stamp = self._text(act.late)
        # Ids that are not in the order of time.
        key = f"{self._serial * 7_919 % 10_007:05}"
        row = dict.fromkeys(("created_at", "updated_at", "start_time"), stamp)
        if HIDES[self.arrangement.hides](self._serial, key):
            self._hidden.add(key)
        self.world.put(table, project, {"id": key, **row, "duration_seconds": self._serial})

    def _update(self, table: str, project: str, key: str, stamp: str) -> None:
        self._serial += 1
        # A third of the updates also moves the row where the order is by start_time.
        started = {"start_time": stamp} if self._serial % 3 == 0 else {}
        fields: dict[str, Any] = {"duration_seconds": self._serial, **started}
        # Fields come and go: a null is left out of the answer.
        fields["error_message"] = f"error {self._serial}" if self._serial % 2 else None
        self.world.change(table, project, key, updated_at=stamp, **fields)

    def sync(
        self,
        acts: Sequence[tuple[int, Act]] = (),
        cut: int | None = None,
        *,
        overtaken: Collection[int] = (),
        stopped: bool = False,
        glitches: Mapping[int, str] = MappingProxyType({}),
        **settings: Any,
    ) -> Collector:
        """Sync once, and check what must hold of every sync.

        Writers act just before the request of a number is answered. It is killed after `cut`
        messages, or `stopped`: then it still writes its state. Requests that are `overtaken`, by
        the number in which they come, are answered after another, where several are under way.
        """
        self._acts, self._overtaken, self._glitches = acts, overtaken, glitches
        self._came, self._turn, self._asked = 0, 0, Counter[str]()
        self._api.misbehave = self._answer
        before = self._server.begin()
        # Where rows were owed after it, what was sent before it was cut is still not known.
        was_cut = self.was_cut or (self._was_cut_before and bool(self._owed))
        self._was_cut_before, self.was_cut = was_cut, True
        arrangement = self.arrangement
        usual = {
            "page_size": arrangement.page_size,
            "overlap_seconds": arrangement.overlap_seconds,
            "max_connections": arrangement.connections,
        }
        # This machine's clock, which counts where the server tells no time, is ahead of it.
        seconds = self.world.now.timestamp() + 1_800
        with (
            # The server is near: nevertheless it is asked for several pages at once.
            patch.object(prefetch, "WORTH_WAITING_SECONDS", -1.0),
            patch.object(timestamps, "now", lambda: int(seconds) * timestamps.NANOSECONDS),
        ):
            given: Any = {"cut": cut, "stopped": stopped, **usual, **settings}
            pipe = in_process.sync(self._api, self.state, TABLES, **given)
        self.was_cut = pipe.is_killed
        self._check_states(pipe.states)
        self._load(pipe.records, was_cut=was_cut)
        is_lagging = was_cut and arrangement.backends == "lagging"
        if not (self.was_cut or settings or is_lagging) and self._begins_with_nothing:
            self._check_promise(before)
        return pipe

    def _answer(self, request: Request) -> Reply:
        with self._turns:
            self._came += 1
            under_way = [it for it in threading.enumerate() if it.name == THREAD_NAME]
            if self._came in self._overtaken and len(under_way) > 1:
                before = self._turn
                self._turns.wait_for(lambda: self._turn > before, timeout=0.05)
            self._turn += 1
            self._asked[request.path] += 1
            for number, act in self._acts:
                if number == self._turn:
                    self.act(act)
            glitch = self._glitches.get(self._turn)
            self._api.alter = partial(self._server.alter, request, glitch)
            moment = self.world.now
            with self._server.answering(request, self._turn) as sized:
                if self.answer and request.path.endswith("/runs"):
                    reply = reply_of(self.answer(sized, self._asked[request.path]), sized)
                else:
                    reply = self._api.true_reply(sized)
            self._turns.notify_all()
            return replace(reply, moment=moment)

    @property
    def _owed(self) -> set[tuple[str, str]]:
        """Of which streams and projects rows are owed, by the state."""
        return {key for key, part in in_process.parts(self.state, TABLES).items() if "owed" in part}

    def _check_promise(self, before: dict[str, Project]) -> None:
        """Check that the loader holds what there was when the sync began, or newer versions."""
        for stream, project, row in self._rows(before):
            now = self.world.projects[project].tables[TABLES[stream]].get(row["id"])
            # What has changed belongs to the next sync, where the count cannot tell.
            if now is None or (now != row and not self.arrangement.needs_counts):
                continue
            held = self.tables[stream].get(row["id"])
            is_held = held is not None and _number(held) >= _number(row)
            assert is_held, f"lost until the next sync: {row} of {stream}; held: {held}"

    def _rows(self, projects: dict[str, Project]) -> Iterator[tuple[str, str, Row]]:
        """Yield the rows that the server shows, unless it was said that some are owed."""
        for stream, table in TABLES.items():
            for project in projects.keys() & self.world.projects.keys():
                if (stream, project) not in self._owed:
                    for row in projects[project].tables[table].values():
                        if row["id"] not in self._hidden:
                            yield stream, project, row

    def take(self, state: dict[str, Any]) -> None:
        """Go on from a state that somebody wrote."""
        self._begins_with_nothing = not state
        self._bookmarks.clear()
        self.state, self.was_cut = state, True

    def _check_states(self, states: list[dict[str, Any]]) -> None:
        for state in states:
            given, self.state = in_process.parts(self.state, TABLES), state
            for key, part in in_process.parts(state, TABLES).items():
                text = part.get("replication_key_value")
                if text is None or text == given.get(key, {}).get("replication_key_value"):
                    continue
                value = from_text(text)
                assert value <= self.world.now, "a bookmark passed the server's clock"
                assert value >= self._bookmarks.get(key, value), "a bookmark went back"
                self._bookmarks[key] = value

    def _load(self, records: list[tuple[str, Row]], *, was_cut: bool) -> None:
        seen: set[str] = set()
        # After a sync that was cut, what it sent since its last state may come again. What one sync
        # did not show is forgotten, so it may come again with the next.
        may_come_again = was_cut or self.arrangement.relies_on_counts
        # A second walk reads its overlap in the same sync, where unknown fields have changed.
        may_come_twice = was_cut and self.arrangement.is_volatile
        for stream, record in records:
            if stream == "projects":
                continue
            key, table = record["id"], self.tables[stream]
            assert key not in self._hidden
            before, table[key] = table.get(key), record
            known = {**record, "additional_properties": None}
            version = json.dumps([stream, known], sort_keys=True)
            assert version not in seen or may_come_twice, f"sent twice in one sync: {record}"
            seen.add(version)
            assert before != record or may_come_again, f"sent again, unchanged: {record}"
            # Every write has a larger number, whatever it is stamped with.
            is_newer = _number(before or {}) <= _number(record)
            assert is_newer, f"sent as it was before: {record} of {stream}"

    def check(self) -> None:
        """Check that the loader holds the newest version of every row that still exists."""
        for stream, _, row in self._rows(self.world.projects):
            held = self.tables[stream].get(row["id"])
            assert _same(held, row), f"lost: {row} of {stream}; the loader holds {held}"

    def end(self) -> None:
        """Let the writers rest, sync, check everything; then nothing is left to send.

        Rows that are owed may come with a later sync.
        """
        for _ in range(5):
            self.sync()
            self.check()
            if not self._owed:
                break
        idle = self.sync()
        may_come_again = self.arrangement.is_volatile or self.arrangement.needs_counts
        assert idle.ids == [] or may_come_again or self._owed, "an idle sync sent something"


Maker = Callable[..., Simulation]


def _number(row: Row) -> int:
    """Return the number of the write that a row comes from."""
    return row.get("duration_seconds") or 0


def _same(held: Row | None, row: Row) -> bool:
    return held is not None and plain({name: held[name] for name in row}) == plain(row)
