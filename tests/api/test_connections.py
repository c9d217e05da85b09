"""A wrong address is told soon, a late network waited for; a closed connection costs nothing."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest

from stand_in import faults
from stand_in.server import Api, Reply, running
from tap_dagctl.api import retries
from tap_dagctl.errors import TapError
from tests.support import in_process
from tests.support.syncs import BROKEN_OFF, DIRECTLY, config_of, run_tap
from tests.support.waiting import waiting_at_once

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from stand_in.server import Request
    from stand_in.world import World
    from tests.support.syncs import Tap

MOST_SECONDS = 15


@pytest.fixture
def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.mark.parametrize(
    ("url", "fault", "line"),
    [
        (
            "http://127.0.0.1:PORT",
            "",
            f"{BROKEN_OFF} (4 tries); check api_url (URL/api/v1) and the",
        ),
        ("https://nobody.invalid", "", "the host's name is not known (4 tries)"),
        ("https://localhost:SERVER", "", "the TLS connection failed (4 tries); check api_url"),
        *(
            ("http://127.0.0.1:SERVER", fault, f"{BROKEN_OFF} (4 tries)")
            for fault in ("reset", "closed without an answer", "no HTTP")
        ),
    ],
)
@pytest.mark.parametrize("include_sensitive", [False, True])
def test_an_address_where_nobody_answers_is_one_line_within_seconds(
    tap: Tap,
    free_port: int,
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    fault: str,
    line: str,
    *,
    include_sensitive: bool,
) -> None:
    """With so many tries as there may be by default."""
    monkeypatch.setattr(tap.api, "handle_error", lambda *_: None)  # which prints a traceback
    if fault:
        tap.api.misbehave = lambda request: faults.ANYWHERE[fault](tap.api, request)
    url = url.replace("PORT", f"{free_port}").replace("SERVER", f"{tap.api.server_port}")
    settings: Any = {"api_url": url, "include_sensitive": include_sensitive}
    with waiting_at_once() as clock:
        output = tap(environment=DIRECTLY, **settings)
    assert sum(clock.waits) < MOST_SECONDS
    # Fewer would not outlast a network that comes up late.
    assert len(output.warnings) == len(clock.waits) == retries.FIRST_TRIES - 1
    assert "try 1 of 4, waiting" in output.stderr
    path = "/environment-protections" if include_sensitive else "/projects"
    assert output.error.startswith(f"GET {path}: {line.replace('URL', url)}")


def test_max_attempts_may_be_fewer(api: Api) -> None:
    api.misbehave = lambda request: faults.ANYWHERE["reset"](api, request)
    with waiting_at_once(), pytest.raises(TapError, match=r"\(2 tries\)"):
        in_process.sync(api, max_attempts=2)


def test_a_first_request_that_nobody_answers_in_time_is_not_asked_often(api: Api) -> None:
    """With the default settings, eight times a minute."""
    api.misbehave = lambda request: faults.SLOW["silence"](api, request)
    with patch.object(retries, "FIRST_SECONDS", 0.4), pytest.raises(TapError) as caught:
        in_process.sync(api, request_timeout=0.5)

    assert "GET /projects: no answer in time (request_timeout) (1 try)" in str(caught.value)
    assert len(api.requests) == 1


def test_a_network_that_comes_up_late_is_waited_for(
    world: World, free_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = Api(world, free_port)
    api.server_close()
    with ExitStack() as stack, waiting_at_once() as clock:
        wait = clock.sleep

        def come_up(seconds: float) -> None:
            wait(seconds)
            if len(clock.waits) == retries.FIRST_TRIES - 1:
                stack.enter_context(running(Api(world, free_port)))

        monkeypatch.setattr(clock, "sleep", come_up)
        output = run_tap(tmp_path, config_of(api))

    assert output.exit_code == 0, output.stderr
    assert len(output.records("projects")) == len(world.projects)
    assert BROKEN_OFF in output.stderr


@pytest.mark.parametrize(
    ("busy", "gone"),
    # Of a connection that was used, the first that is gone is not counted.
    [(range(1, 8), ()), ((3,), (1, 2, *range(4, 9))), ((), range(2, 10))],
)
def test_who_has_answered_once_is_waited_for_with_the_usual_patience(
    api: Api, busy: Collection[int], gone: Collection[int]
) -> None:
    def misbehave(request: Request) -> Reply | None:
        if request.number in busy:
            return Reply(503, b"{}")
        return faults.ANYWHERE["reset"](api, request) if request.number in gone else None

    api.misbehave = misbehave
    with waiting_at_once() as clock:
        pipe = in_process.sync(api)

    assert len(clock.waits) == 7
    assert [name for name, _ in pipe.records].count("projects") == 2


@pytest.fixture
def sixty(world: World) -> None:
    for number in range(60):
        world.put("runs", "proj_a", {"id": f"run_{number}"})
    world.advance(hours=1)


@pytest.mark.usefixtures("sixty")
@pytest.mark.parametrize(
    ("closes", "connections"),
    [("at once", 1), ("at the next request", 1), ("at the next request", 4)],
)
def test_a_closed_connection_costs_no_try(api: Api, closes: str, connections: int) -> None:
    undisturbed = in_process.sync(api, page_size=20)
    requests = len(api.requests)
    api.requests.clear()
    api.closes = closes
    with waiting_at_once() as clock:
        pipe = in_process.sync(api, page_size=20, max_attempts=1, max_connections=connections)

    assert clock.waits == []
    assert pipe.records == undisturbed.records
    assert len(api.requests) == requests


@pytest.mark.usefixtures("sixty")
def test_nor_is_it_a_warning_with_tls(tls_tap: Tap, trusting: dict[str, str]) -> None:
    tls_tap.api.closes = "at the next request"
    output = tls_tap(environment=trusting, max_attempts=1, page_size=20).succeeded

    # A connection that the server closed after its last answer costs nothing but a new one.
    assert output.warnings == []
    assert len(output.records("runs")) == 60
