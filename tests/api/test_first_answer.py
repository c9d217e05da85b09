"""Nobody has answered yet: a wrong address is told within seconds, a late network is waited for."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING
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


def line_within_seconds(tap: Tap, url: str, *, include_sensitive: bool = False) -> str:
    """Return the one line a sync ends with that may try again as often as it does by default."""
    config = config_of(tap.api, include_sensitive=include_sensitive) | {"api_url": url}
    with waiting_at_once() as clock:
        output = run_tap(tap.directory, config, environment=DIRECTLY)
    assert sum(clock.waits) < MOST_SECONDS
    # Fewer would not outlast a network that comes up late.
    assert len(output.warnings) == len(clock.waits) == retries.FIRST_TRIES - 1
    assert "try 1 of 4, waiting" in output.stderr
    return output.error


@pytest.mark.parametrize("include_sensitive", [False, True])
def test_nobody_listens(tap: Tap, free_port: int, include_sensitive: bool) -> None:
    url = f"http://127.0.0.1:{free_port}"

    path = "/environment-protections" if include_sensitive else "/projects"
    assert line_within_seconds(tap, url, include_sensitive=include_sensitive) == (
        f"GET {path}: {BROKEN_OFF} (4 tries); check api_url ({url}/api/v1) and the network"
    )


def test_a_host_nobody_knows(tap: Tap) -> None:
    line = line_within_seconds(tap, "https://nobody.invalid")
    assert "GET /projects: the host's name is not known (4 tries)" in line


def test_a_host_without_tls(tap: Tap, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tap.api, "handle_error", lambda *_: None)  # which prints a traceback
    line = line_within_seconds(tap, tap.api.url.replace("http://127.0.0.1", "https://localhost"))
    assert "the TLS connection failed (4 tries); check api_url" in line
    assert tap.api.requests == []


@pytest.mark.parametrize("fault", ["reset", "closed without an answer", "no HTTP"])
def test_a_host_that_hangs_up(tap: Tap, fault: str) -> None:
    tap.api.misbehave = lambda request: faults.ANYWHERE[fault](tap.api, request)
    assert f"GET /projects: {BROKEN_OFF} (4 tries)" in line_within_seconds(tap, tap.api.url)


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


def busy(api: Api, request: Request) -> Reply | None:
    """Be busy seven times."""
    del api
    return Reply(503, b"{}") if request.number < 8 else None


def busy_then_gone(api: Api, request: Request) -> Reply | None:
    if request.number == 3:
        return Reply(503, b"{}")
    return faults.ANYWHERE["reset"](api, request) if request.number < 9 else None


def gone_after_an_answer(api: Api, request: Request) -> Reply | None:
    # The first on a used connection is not counted.
    return faults.ANYWHERE["reset"](api, request) if 1 < request.number < 10 else None


@pytest.mark.parametrize("misbehave", [busy, busy_then_gone, gone_after_an_answer])
def test_who_has_answered_once_is_waited_for_with_the_usual_patience(
    api: Api, misbehave: object
) -> None:
    api.misbehave = lambda request: misbehave(api, request)  # type: ignore[operator]  # one of those
    with waiting_at_once() as clock:
        pipe = in_process.sync(api)

    assert len(clock.waits) == 7
    assert [name for name, _ in pipe.records].count("projects") == 2
