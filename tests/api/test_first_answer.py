"""Nobody has answered yet: a wrong address is told within seconds, a late network is waited for."""

from __future__ import annotations

import socket
import threading
import time
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
    from pathlib import Path

    from stand_in.server import Request
    from stand_in.world import World

MOST_SECONDS = 15


@pytest.fixture
def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def line_within_seconds(directory: Path, config: dict[str, Any]) -> str:
    """Return the one line a sync ends with that may try again as often as it does by default."""
    began = time.monotonic()
    output = run_tap(directory, config, environment=DIRECTLY)
    assert time.monotonic() - began < MOST_SECONDS
    # Fewer would not outlast a network that comes up late.
    assert len(output.warnings) == retries.FIRST_TRIES - 1
    assert "try 1 of 4, waiting" in output.stderr
    return output.error


@pytest.mark.parametrize("include_sensitive", [False, True])
def test_nobody_listens(tmp_path: Path, api: Api, free_port: int, include_sensitive: bool) -> None:
    url = f"http://127.0.0.1:{free_port}"
    config = config_of(api, include_sensitive=include_sensitive) | {"api_url": url}

    path = "/environment-protections" if include_sensitive else "/projects"
    assert line_within_seconds(tmp_path, config) == (
        f"GET {path}: {BROKEN_OFF} (4 tries); check api_url ({url}/api/v1) and the network"
    )


def test_a_host_nobody_knows(tmp_path: Path, api: Api) -> None:
    config = config_of(api) | {"api_url": "https://nobody.invalid"}

    line = line_within_seconds(tmp_path, config)
    assert "GET /projects: the host's name is not known (4 tries)" in line


def test_a_host_without_tls(tmp_path: Path, api: Api) -> None:
    url = api.url.replace("http://127.0.0.1", "https://localhost")

    line = line_within_seconds(tmp_path, config_of(api) | {"api_url": url})
    assert "the TLS connection failed (4 tries)" in line


@pytest.mark.parametrize("fault", ["reset", "closed without an answer", "no HTTP"])
def test_a_host_that_hangs_up(api: Api, tmp_path: Path, fault: str) -> None:
    api.misbehave = lambda request: faults.ANYWHERE[fault](api, request)

    assert f"GET /projects: {BROKEN_OFF} (4 tries)" in line_within_seconds(tmp_path, config_of(api))


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
    world: World, free_port: int, tmp_path: Path
) -> None:
    api = Api(world, server_port := free_port)
    api.server_close()
    started = threading.Event()

    def start() -> None:
        time.sleep(2.5)
        with running(Api(world, server_port)):
            started.wait(60)

    thread = threading.Thread(target=start)
    thread.start()
    try:
        output = run_tap(tmp_path, config_of(api))
    finally:
        started.set()
        thread.join()

    assert output.exit_code == 0, output.stderr
    assert len(output.records("projects")) == len(world.projects)
    assert BROKEN_OFF in output.stderr


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_is_busy_has_answered_and_is_waited_for(api: Api, status: int) -> None:
    api.misbehave = lambda request: Reply(status, b"{}") if request.number < 8 else None
    with waiting_at_once() as clock:
        pipe = in_process.sync(api)

    assert len(clock.waits) == 7
    assert [name for name, _ in pipe.records].count("projects") == 2


def test_who_has_answered_once_is_waited_for_even_within_the_first_request(api: Api) -> None:
    def misbehave(request: Request) -> Reply | None:
        if request.number == 3:
            return Reply(503, b"{}")
        return faults.ANYWHERE["reset"](api, request) if request.number < 9 else None

    api.misbehave = misbehave
    with waiting_at_once() as clock:
        in_process.sync(api)

    assert len(clock.waits) == 7


def test_after_the_first_answer_the_usual_patience_holds(api: Api) -> None:
    def misbehave(request: Request) -> Reply | None:
        is_lost = 1 < request.number < 10  # the first on a used connection is not counted
        return faults.ANYWHERE["reset"](api, request) if is_lost else None

    api.misbehave = misbehave
    with waiting_at_once() as clock:
        in_process.sync(api)

    assert len(clock.waits) == 7
