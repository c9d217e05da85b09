"""What the network and the server can do instead of answering, each alone, and all together."""

from __future__ import annotations

import math
import random
from collections import Counter
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from stand_in import faults
from stand_in.history import History
from stand_in.server import Api, Reply, Request, serving
from stand_in.world import World
from tap_dagctl.api import prefetch
from tap_dagctl.api.retries import Retries
from tap_dagctl.errors import PassingError, TapError
from tests.support import in_process
from tests.support.base_time import FIRST_DAY, NOW
from tests.support.in_process import waiting_at_once
from tests.support.seeded import seeds
from tests.support.syncs import BROKEN_OFF, Json, Tap
from tests.support.truth import KEYS, differences, in_messages, tables

TRIES = 4
PATH = "/projects/proj_a/runs"
Waits = list[tuple[float, float]]
# How long the waits may be.
GROWING: Waits = [(0.5, 1), (1, 2), (2, 4)]
# An answer can come a moment later than it says.
ASKED: Waits = [(faults.RETRY_SECONDS - 0.01, faults.RETRY_SECONDS)] * (TRIES - 1)
BOUND: Waits = [(120, 120)] * (TRIES - 1)
AT_ONCE: Waits = []
"""It fails at the first try."""

AT = "check api_url"
TOO_MANY = "lower max_connections"
LATER = "the trouble is at the server: run the sync again later"
LOST = "so rows would be lost; report it to dagctl"
REFUSED = "the project is listed, and its runs are refused: ask dagctl why"
WHEN = ("in seconds", "at a time")
CUT_SHORT = ("body cut short", "chunk cut short")
BROKEN = ("reset", "closed without an answer", "no HTTP")
NOT_JSON = ("HTML", "broken JSON", "no text", "no number", "nested without end", "empty")
NO_ROWS = ("null", "a list of lists", "rows under another name", "an error in a 200")


NO_TIME = (GROWING, "updated_at of row 'run_0' is not an RFC 3339 timestamp", LOST)
# How long it waits, and the message and the advice at its end.
CASES: dict[str, tuple[Waits, str, str]] = {
    **dict.fromkeys(BROKEN, (GROWING, BROKEN_OFF, AT)),
    **dict.fromkeys(CUT_SHORT, (GROWING, "the answer was cut short", "and the network")),
    "not what Content-Encoding says": (GROWING, "the answer cannot be unpacked", AT),
    **dict.fromkeys(NOT_JSON, (GROWING, "the answer is not JSON", AT)),
    "204": (GROWING, "the server answered 204", "that is no list: check api_url"),
    **dict.fromkeys(NO_ROWS, (GROWING, "has no list of runs", AT)),
    **dict.fromkeys(("429", "429 at no time"), (GROWING, "the server answered 429", TOO_MANY)),
    **{f"429 {it}": (ASKED, "the server answered 429", TOO_MANY) for it in WHEN},
    "429 for an hour": (BOUND, "the server answered 429 (made up)", TOO_MANY),
    **{f"503 {it}": (ASKED, "the server answered 503", LATER) for it in WHEN},
    **{it: (GROWING, f"answered {it} (made up)", LATER) for it in ("408", "425", "500")},
    **{it: (GROWING, f"answered {it} ({TRIES} tries)", LATER) for it in ("502", "504")},
    **dict.fromkeys(faults.SLOW, (GROWING, "no answer in time", "raise request_timeout")),
    "a row without id": (GROWING, "a row has no usable id", LOST),
    **dict.fromkeys(("a row without updated_at", "a row with a bad time"), NO_TIME),
    "no count": (GROWING, "the answer has no usable total", LOST),
    "400": (AT_ONCE, "answered 400 (made up): it asked for", "was not understood: check start_"),
    "401": (AT_ONCE, "the server answered 401 (made up)", "the token was rejected"),
    **{it: (AT_ONCE, f"answered {it} (made up)", REFUSED) for it in ("403", "404", "410")},
    "redirect to another host": (AT_ONCE, "the server answered 302", "elsewhere.example"),
    "redirect to the same host": (AT_ONCE, "the server answered 308", "another path"),
    "redirect to nowhere": (AT_ONCE, "the server answered 301", "another path"),
}
# On a connection by which an earlier answer came, this does not count as a try.
UNANSWERED = {"reset", "closed without an answer"}
FAULTS = faults.ANYWHERE | faults.SLOW | faults.IN_LISTS | faults.FOR_GOOD


RUNS = (("proj_a", "run_a"), ("proj_a", "run_0"), ("proj_b", "run_b"))


@pytest.fixture(autouse=True)
def rows(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    for project, key in RUNS:
        api.world.put("runs", project, {"id": key, "error_message": "content of a row"})
    api.world.advance(hours=1)
    # Waits and tries are counted: no request is made ahead, however slow this machine is.
    monkeypatch.setattr(prefetch, "WORTH_WAITING_SECONDS", math.inf)


def is_try(name: str, request: Request) -> bool:
    """Say whether `request` for the runs of `proj_a`, which met a fault, counts as a try."""
    return request.path.endswith(PATH) and not (name in UNANSWERED and request.is_reuse)


def meet(api: Api, name: str, times: float = math.inf) -> None:
    """Let so many tries to read the runs of `proj_a` meet a fault."""
    met = count()

    def misbehave(request: Request) -> Reply | None:
        if not request.path.endswith(PATH) or (is_try(name, request) and next(met) >= times):
            return None
        return FAULTS[name](api, request)

    api.misbehave = misbehave


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_one_line_or_costs_time(api: Api, tap: Tap, name: str) -> None:
    waits, message, advice = CASES[name]
    tries = len(waits) + 1
    state = in_process.sync(api).states[-1]
    api.world.advance(minutes=10)
    for project, key in RUNS:
        api.world.change("runs", project, key, job_name="changed")
    api.world.advance(minutes=10)
    api.requests.clear()
    # It runs out soon only where that is what the fault is about.
    timeout = 0.7 if name in faults.SLOW else 60.0
    settings: Any = {"max_attempts": TRIES, "request_timeout": timeout}
    meet(api, name)
    with waiting_at_once() as clock:
        output = tap(state=state, **settings)
    check_waits(clock.waits, waits)

    error = output.error
    assert error.startswith(f"GET {PATH}: ")
    assert message in error
    assert advice in error
    assert (f"({tries} tries)" in error) == (tries > 1)
    assert "content of a row" not in output.stderr
    assert sum(is_try(name, request) for request in api.requests) == tries
    # What failed keeps its bookmark; the others finish, unless the token was rejected.
    finished = name != "401"
    assert output.ids("runs") == ["run_b"] * finished
    before, after = (it["bookmarks"]["runs"]["partitions"] for it in (state, output.state))
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, not finished]

    # The next sync brings what this one could not, though the last try alone is answered.
    meet(api, name, tries - 1)
    with waiting_at_once() as clock:
        following = in_process.sync(api, output.state, **settings).rows("runs")
    check_waits(clock.waits, waits)
    assert {row["id"] for row in output.records("runs") + following} == {"run_a", "run_0", "run_b"}


def check_waits(waits: list[float], expected: Waits) -> None:
    for wait, (least, most) in zip(waits, expected, strict=True):
        assert least <= wait <= most


def test_waits_have_a_bound(api: Api) -> None:
    meet(api, "no count")
    with waiting_at_once() as clock, pytest.raises(TapError):
        in_process.sync(api, max_attempts=12)

    assert max(clock.waits) <= 120
    assert min(clock.waits[-3:]) >= 60


@pytest.mark.parametrize(("worth_waiting", "connections"), [(math.inf, 1), (-1.0, 4)])
def test_when_nobody_is_there_any_more_only_the_first_requests_wait_for_it(
    api: Api, monkeypatch: pytest.MonkeyPatch, worth_waiting: float, connections: int
) -> None:
    """An account of many projects would wait for hours."""
    monkeypatch.setattr(prefetch, "WORTH_WAITING_SECONDS", worth_waiting)

    def misbehave(request: Request) -> Reply | None:
        is_gone = not request.path.endswith("/projects")
        return FAULTS["closed without an answer"](api, request) if is_gone else None

    api.misbehave = misbehave
    with waiting_at_once() as clock, pytest.raises(TapError) as caught:
        in_process.sync(api, max_attempts=TRIES)

    # Those that were under way wait at the same time.
    assert TRIES - 1 <= len(clock.waits) <= connections * (TRIES - 1)
    lines = str(caught.value).splitlines()
    # Six streams of each of the two projects.
    assert len(lines) == 6 * 2
    assert any(f"({TRIES} tries)" in line for line in lines[:connections])
    assert all("(1 try)" in line for line in lines[connections:])


def test_when_somebody_is_there_again_requests_wait_again(api: Api) -> None:
    of_b = count()

    def misbehave(request: Request) -> Reply | None:
        is_met = request.path.endswith(PATH)
        # On the connection that was used before, the first is no try.
        is_met |= request.path.endswith("proj_b/runs") and next(of_b) < 2
        return faults.ANYWHERE["reset"](api, request) if is_met else None

    api.misbehave = misbehave
    with waiting_at_once(), pytest.raises(TapError, match=f"^GET {PATH}[^\n]*$"):
        in_process.sync(api, max_attempts=TRIES)


def test_a_busy_server_is_waited_for_by_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks on another connection, while one waits, does not ask before the wait is over."""
    retries = Retries(most=2)
    asked: list[tuple[str, float]] = []
    with waiting_at_once() as clock:
        wait = clock.sleep

        def ask(name: str) -> None:
            asked.append((name, clock.monotonic()))
            if len(asked) == 1:
                raise PassingError(name, "", retry_after=30, status=429)

        def sleep(seconds: float) -> None:
            monkeypatch.setattr(clock, "sleep", wait)
            # On another connection, while the first waits.
            retries.call("other", lambda: ask("other"))
            wait(seconds)

        monkeypatch.setattr(clock, "sleep", sleep)
        retries.call("limited", lambda: ask("limited"))

    assert [name for name, _ in asked] == ["limited", "other", "limited"]
    assert asked[1][1] - asked[0][1] == pytest.approx(30, abs=0.1)


@pytest.mark.parametrize("seed", seeds(3))
def test_a_storm_loses_and_repeats_nothing(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an account: at first, after a day, and when there is nothing new."""
    monkeypatch.setattr(prefetch, "WORTH_WAITING_SECONDS", -1.0)
    history, luck = History(World(now=NOW), seed=seed, days=10), random.Random(seed)
    state: dict[str, Any] = {}
    held: dict[str, Any] = {name: {} for name in KEYS}

    def misbehave(request: Request) -> Reply | None:
        if luck.random() >= 0.2:
            return None
        kinds = faults.ANYWHERE
        if request.path.endswith(("/runs", "/model-executions")):
            kinds = kinds | faults.IN_LISTS
        # They take their time, so they are rarer than the others.
        if luck.random() < 0.01:
            kinds = faults.SLOW
        return kinds[luck.choice(sorted(kinds))](api, request)

    def alter(answer: Json) -> None:
        if luck.random() < 0.2:
            faults.count_differently(answer, luck.random())

    with serving(history.world) as api, waiting_at_once() as clock:
        api.misbehave, api.alter = misbehave, alter
        for pause in (timedelta(), timedelta(days=1), timedelta()):
            history.advance(pause)
            # As many tries as make it improbable that one request meets nothing but faults.
            settings: Any = {"page_size": 20, "max_attempts": 16, "request_timeout": 0.2}
            pipe = in_process.sync(api, state, **settings)
            state = pipe.states[-1]
            sent = Counter((name, *(row[key] for key in KEYS[name])) for name, row in pipe.records)
            assert [key for key, times in sent.items() if times > 1] == [], "sent twice"
            for name, table in in_messages(pipe.records).items():
                held[name] |= table
            assert differences(held, tables(history.world, FIRST_DAY)) == []
        # Whole lists are sent each time.
        idle = {name for name, _ in pipe.records} - {"projects", "jobs"}
        assert idle == set(), "an idle sync sent something"
        assert len(clock.waits) > 0.1 * len(api.requests)
