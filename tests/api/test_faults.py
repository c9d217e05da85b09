"""What the network and the server can do instead of answering, each alone, and all together."""

from __future__ import annotations

import math
import re
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import urllib3

from stand_in import faults
from tap_dagctl.api import prefetch
from tap_dagctl.api.responses import connection_error
from tap_dagctl.api.retries import Retries
from tap_dagctl.errors import PassingError, TapError
from tap_dagctl.settings import DEFAULT_API_URL
from tests.support import in_process
from tests.support.storms import storm
from tests.support.syncs import BROKEN_OFF, Json
from tests.support.waiting import waiting_at_once

if TYPE_CHECKING:
    from stand_in.server import Api, Reply, Request
    from tests.support.in_process import Collector
    from tests.support.syncs import Tap

TRIES = 4
PATH = "/projects/proj_a/runs"
GROWING: list[float] = []
"""Waits that grow from 0.5 to 1 s, then 1 to 2 s, and so on."""

ASKED = [float(faults.RETRY_SECONDS)] * (TRIES - 1)
BOUND = [120.0] * (TRIES - 1)
AT_ONCE = None
"""It fails at the first try."""

AT = "check api_url"
TOO_MANY = "lower max_connections"
LATER = "the trouble is at the server: run the sync again later"
LOST = "so rows would be lost; report it to dagctl"
REFUSED = "the project is listed, and its runs are refused: ask dagctl why"
NO_TIME = "updated_at of row 'run_0' is not an RFC 3339 timestamp"
BROKEN = ("reset", "closed without an answer", "no HTTP")
NOT_JSON = ("HTML", "broken JSON", "no text", "no number", "nested without end", "empty")
NO_ROWS = ("null", "a list of lists", "rows under another name", "an error in a 200")


class Case(NamedTuple):
    waits: list[float] | None
    message: str
    advice: str = ""


CASES = {
    **dict.fromkeys(BROKEN, Case(GROWING, BROKEN_OFF, AT)),
    "body cut short": Case(GROWING, "the answer was cut short", "and the network"),
    "chunk cut short": Case(GROWING, "the answer was cut short", "and the network"),
    "not what Content-Encoding says": Case(GROWING, "the answer cannot be unpacked", AT),
    **dict.fromkeys(NOT_JSON, Case(GROWING, "the answer is not JSON", AT)),
    "204": Case(GROWING, "the server answered 204", "that is no list: check api_url"),
    **dict.fromkeys(NO_ROWS, Case(GROWING, "has no list of runs; check api_url")),
    "429": Case(GROWING, "the server answered 429 (made up)", TOO_MANY),
    "429 in seconds": Case(ASKED, "the server answered 429 (made up)", TOO_MANY),
    "429 at a time": Case(ASKED, "the server answered 429", TOO_MANY),
    "429 at no time": Case(GROWING, "the server answered 429", TOO_MANY),
    "429 for an hour": Case(BOUND, "the server answered 429", TOO_MANY),
    "503 in seconds": Case(ASKED, "the server answered 503 (made up)", LATER),
    "503 at a time": Case(ASKED, "the server answered 503", LATER),
    **{it: Case(GROWING, f"answered {it} (made up)", LATER) for it in ("408", "425", "500")},
    **{it: Case(GROWING, f"answered {it} ({TRIES} tries)", LATER) for it in ("502", "504")},
    "silence": Case(GROWING, "no answer in time (request_timeout)", "raise request_timeout"),
    "silence within the body": Case(GROWING, "no answer in time", "raise request_timeout"),
    "a row without id": Case(GROWING, "a row has no usable id", LOST),
    "a row without updated_at": Case(GROWING, NO_TIME, LOST),
    "a row with a bad time": Case(GROWING, NO_TIME, LOST),
    "no count": Case(GROWING, "the answer has no usable total", LOST),
    "400": Case(AT_ONCE, "the server answered 400 (made up)", "was not understood: check start_"),
    "401": Case(AT_ONCE, "the server answered 401 (made up)", "the token was rejected"),
    **{it: Case(AT_ONCE, f"answered {it} (made up)", REFUSED) for it in ("403", "404", "410")},
    "redirect to another host": Case(AT_ONCE, "the server answered 302", "elsewhere.example"),
    "redirect to the same host": Case(AT_ONCE, "the server answered 308", "another path"),
    "redirect to nowhere": Case(AT_ONCE, "the server answered 301", "another path"),
}
# On a connection by which an earlier answer came, this does not count as a try.
UNANSWERED = {"reset", "closed without an answer"}
FAULTS = faults.ANYWHERE | faults.SLOW | faults.IN_LISTS | faults.FOR_GOOD


@pytest.fixture(autouse=True)
def rows(api: Api) -> None:
    """Two runs in one project, one in the other."""
    api.world.put("runs", "proj_a", {"id": "run_a", "error_message": "content of a row"})
    api.world.put("runs", "proj_a", {"id": "run_0", "error_message": "content of a row"})
    api.world.put("runs", "proj_b", {"id": "run_b"})
    api.world.advance(hours=1)


@pytest.fixture
def state(api: Api) -> Json:
    """The state of a sync that went well; all its rows have changed since."""
    before = sync(api).states[-1]
    api.world.advance(minutes=10)
    for project, key in (("proj_a", "run_a"), ("proj_a", "run_0"), ("proj_b", "run_b")):
        api.world.change("runs", project, key, job_name="changed")
    api.world.advance(minutes=10)
    api.requests.clear()
    return before


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


def part_of(state: Json, project: str) -> Json:
    (part,) = (
        part
        for part in state["bookmarks"]["runs"]["partitions"]
        if part["context"] == {"project_id": project}
    )
    return dict(part)


def test_every_fault_has_its_case() -> None:
    assert set(CASES) == set(FAULTS)


@pytest.mark.parametrize("name", CASES)
def test_a_fault_is_one_line_or_costs_time(api: Api, state: Json, tap: Tap, name: str) -> None:
    case = CASES[name]
    tries = 1 if case.waits is AT_ONCE else TRIES
    # It runs out soon only where that is what the fault is about.
    timeout = 0.7 if name in faults.SLOW else 60.0
    settings: Any = {"max_attempts": TRIES, "request_timeout": timeout}
    meet(api, name)
    with waiting_at_once() as clock:
        output = tap(state=state, **settings)
    check_waits(clock.waits, case.waits)

    error = output.error
    assert error.startswith(f"GET {PATH}: ")
    assert case.message in error
    assert case.advice in error
    assert (f"({tries} tries)" in error) == (case.waits is not AT_ONCE)
    assert "content of a row" not in output.stderr
    assert sum(is_try(name, request) for request in api.requests) == tries
    # What failed keeps its bookmark; the others finish, unless the token was rejected.
    finished = name != "401"
    assert output.ids("runs") == ["run_b"] * finished
    assert part_of(output.state, "proj_a") == part_of(state, "proj_a")
    assert (part_of(output.state, "proj_b") != part_of(state, "proj_b")) == finished

    # The next sync brings what this one could not, though the last try alone is answered.
    meet(api, name, tries - 1)
    with waiting_at_once() as clock:
        following = in_process.sync(api, output.state, **settings).rows("runs")
    check_waits(clock.waits, case.waits)
    assert {row["id"] for row in output.records("runs") + following} == {"run_a", "run_0", "run_b"}


def test_an_answer_of_400_names_the_date_asked_for(api: Api, state: Json) -> None:
    faults_of = faults.FOR_GOOD["400"]
    api.misbehave = lambda it: None if it.path.endswith("/projects") else faults_of(api, it)
    with pytest.raises(TapError) as caught:
        sync(api, state)

    line = r"GET (/projects/.*?): .*?\(made up\): (?:it asked for (.*?), and )?the request was"
    told = dict(re.findall(line, str(caught.value)))
    dates = {"updated_after", "days", "start_date", "end_date"}
    asked = {
        request.path.removeprefix("/api/v1"): ", ".join(
            f"{name}={value}" for name, value in request.params.items() if name in dates
        )
        for request in api.requests[1:]
    }
    assert told == asked
    assert sum(map(bool, told.values())) == 2 * 4


@pytest.fixture(autouse=True)
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits and tries are counted: no request is made ahead, however slow this machine is."""
    monkeypatch.setattr(prefetch, "WORTH_WAITING_SECONDS", math.inf)


def sync(api: Api, state: Json | None = None) -> Collector:
    return in_process.sync(api, state, max_attempts=TRIES)


def check_waits(waits: list[float], expected: list[float] | None) -> None:
    if expected is AT_ONCE:
        assert waits == []
    elif expected is GROWING:
        assert len(waits) == TRIES - 1
        for number, wait in enumerate(waits):
            assert 2**number / 2 <= wait <= 2**number
    else:
        # An answer can come a moment later than it says.
        assert waits == pytest.approx(expected, abs=0.01)


def test_waits_have_a_bound(api: Api) -> None:
    meet(api, "500")
    with waiting_at_once() as clock, pytest.raises(TapError):
        in_process.sync(api, max_attempts=12)

    assert max(clock.waits) <= 120
    assert min(clock.waits[-3:]) >= 60


@pytest.mark.parametrize("worth_waiting", [math.inf, -1.0], ids=["one by one", "ahead"])
def test_when_nobody_is_there_any_more_only_the_first_requests_wait_for_it(
    api: Api, monkeypatch: pytest.MonkeyPatch, worth_waiting: float
) -> None:
    """An account of many projects would wait for hours."""
    monkeypatch.setattr(prefetch, "WORTH_WAITING_SECONDS", worth_waiting)
    connections = 1 if worth_waiting == math.inf else 4

    def misbehave(request: Request) -> Reply | None:
        is_gone = not request.path.endswith("/projects")
        return faults.ANYWHERE["closed without an answer"](api, request) if is_gone else None

    api.misbehave = misbehave
    with waiting_at_once() as clock, pytest.raises(TapError) as caught:
        sync(api)

    # Those that were under way wait at the same time.
    assert TRIES - 1 <= len(clock.waits) <= connections * (TRIES - 1)
    lines = str(caught.value).splitlines()
    # Six streams of each of the two projects.
    assert len(lines) == 6 * 2
    assert any(f"({TRIES} tries)" in line for line in lines[:connections])
    assert all("(1 try)" in line for line in lines[connections:])


def test_when_somebody_is_there_again_requests_wait_again(api: Api) -> None:
    of_a = 0

    def misbehave(request: Request) -> Reply | None:
        nonlocal of_a
        if request.path.endswith(PATH):
            return faults.ANYWHERE["reset"](api, request)
        of_a += request.path.endswith("proj_b/runs")
        return faults.ANYWHERE["reset"](api, request) if of_a == 1 else None

    api.misbehave = misbehave
    with waiting_at_once(), pytest.raises(TapError) as caught:
        sync(api)

    # Only the requests for the runs of proj_a, and what came right after them, have failed.
    assert str(caught.value).count("\n") == 0
    assert f"GET {PATH}" in str(caught.value)


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


def test_the_default_host_may_have_another_name(tap: Tap) -> None:
    # A proxy that is not there: nothing leaves this machine.
    nowhere = dict.fromkeys(("HTTPS_PROXY", "https_proxy"), "http://127.0.0.1:9")
    environment = nowhere | {"NO_PROXY": "", "no_proxy": ""}
    output = tap(max_attempts=1, api_url=DEFAULT_API_URL, environment=environment)
    assert "the proxy does not answer, or refuses (1 try); check HTTPS_PROXY" in output.error

    error = connection_error(urllib3.exceptions.ProtocolError(), DEFAULT_API_URL)
    assert isinstance(error, PassingError)
    assert "newer dagctl pages name https://api.dagctl.io" in error.advice


@pytest.mark.parametrize("seed", range(3))
def test_a_storm_of_faults_loses_and_repeats_nothing(seed: int) -> None:
    figures = storm(seed)

    assert figures["faults"] >= 0.15 * figures["requests"]
    assert figures["retries"] >= 0.9 * figures["faults"]
