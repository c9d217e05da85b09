"""A wrong address or proxy is told soon, in one line; a closed connection costs nothing."""

from __future__ import annotations

from unittest.mock import Mock, patch

import pytest
from urllib3.exceptions import ProtocolError

from stand_in import faults
from stand_in.server import Api, Reply, Request
from tap_dagctl.api import retries
from tap_dagctl.api.responses import connection_error
from tap_dagctl.errors import PassingError, TapError
from tap_dagctl.settings import DEFAULT_API_URL
from tests.support import in_process
from tests.support.in_process import waiting_at_once
from tests.support.syncs import BROKEN_OFF, DIRECTLY, Tap


@pytest.mark.parametrize("include_sensitive", [False, True])
@pytest.mark.parametrize(
    ("url", "fault", "line"),
    [
        ("http://127.0.0.1:9/", "", f"{BROKEN_OFF} (4 tries); check api_url (URLapi/v1) and the"),
        ("https://nobody.invalid", "", "the host's name is not known (4 tries)"),
        ("https://localhost:SERVER", "", "the TLS connection failed (4 tries); check api_url"),
        ("http://127.0.0.1:SERVER", "no HTTP", f"{BROKEN_OFF} (4 tries)"),
    ],
)
def test_an_address_where_nobody_answers_is_one_line_within_seconds(
    tap: Tap,
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    fault: str,
    line: str,
    include_sensitive: bool,
) -> None:
    """With so many tries as there may be by default, whatever else there was to ask for."""
    monkeypatch.setattr(tap.api, "handle_error", lambda *_: None)  # which prints a traceback
    if fault:
        tap.api.misbehave = lambda request: faults.ANYWHERE[fault](tap.api, request)
    url = url.replace("SERVER", f"{tap.api.server_port}")
    with waiting_at_once() as clock:
        output = tap(environment=DIRECTLY, api_url=url, include_sensitive=include_sensitive)
    assert sum(clock.waits) < 15
    # Fewer would not outlast a network that comes up late.
    assert len(output.warnings) == len(clock.waits) == retries.FIRST_TRIES - 1
    assert "try 1 of 4, waiting" in output.stderr
    path = "/environment-protections" if include_sensitive else "/projects"
    assert output.error.startswith(f"GET {path}: {line.replace('URL', url)}")


def test_a_first_request_that_nobody_answers_in_time_is_not_asked_often(api: Api) -> None:
    api.misbehave = lambda request: faults.SLOW["silence"](api, request)
    with patch.object(retries, "FIRST_SECONDS", 0.4), pytest.raises(TapError) as caught:
        in_process.sync(api, request_timeout=0.5)

    assert "GET /projects: no answer in time (request_timeout) (1 try)" in str(caught.value)
    assert len(api.requests) == 1


def test_who_has_answered_once_is_waited_for_with_the_usual_patience(api: Api) -> None:
    def misbehave(request: Request) -> Reply | None:
        if request.number == 3:
            return Reply(503, b"{}")
        return faults.ANYWHERE["reset"](api, request) if request.number < 9 else None

    api.misbehave = misbehave
    with waiting_at_once() as clock:
        pipe = in_process.sync(api)

    assert len(clock.waits) == 7
    assert [name for name, _ in pipe.records].count("projects") == 2


def test_a_request_ahead_that_is_not_wanted_any_more_costs_no_other_its_tries() -> None:
    attempt = Mock(side_effect=connection_error(ProtocolError(), DEFAULT_API_URL))
    patient = retries.Retries(5)
    with waiting_at_once():
        for is_wanted, tries in ((lambda: False, 1), (lambda: True, retries.FIRST_TRIES)):
            attempt.reset_mock()
            with pytest.raises(TapError):
                patient.call("GET /projects", attempt, is_wanted)
            assert attempt.call_count == tries


@pytest.mark.parametrize(("closes", "connections"), [("at once", 1), ("at the next request", 4)])
def test_a_closed_connection_costs_no_try(api: Api, closes: str, connections: int) -> None:
    for number in range(60):
        api.world.put("runs", "proj_a", {"id": f"run_{number}"})
    api.world.advance(hours=1)
    undisturbed = in_process.sync(api, page_size=20)
    requests = len(api.requests)
    api.requests.clear()
    api.closes = closes
    with waiting_at_once() as clock:
        pipe = in_process.sync(api, page_size=20, max_attempts=1, max_connections=connections)

    assert clock.waits == []
    assert pipe.records == undisturbed.records
    assert len(api.requests) == requests


NAMES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY")
NO_URL = "the proxy in HTTPS_PROXY cannot be used ("
NO_SOCKS = (
    "names a SOCKS proxy, and PySocks is not here: install PySocks beside the tap, or name a proxy "
    "that speaks HTTP"
)
SOCKS = "socks5h://user:made-up-password@127.0.0.1:1"


@pytest.mark.parametrize(
    ("name", "url", "line"),
    [
        ("HTTPS_PROXY", "://", NO_URL),
        ("HTTPS_PROXY", "http://proxy:port", NO_URL),
        ("HTTPS_PROXY", "http://user:made-up-password@[x", NO_URL),
        ("https_proxy", SOCKS, f"https_proxy {NO_SOCKS}"),
        ("ALL_PROXY", SOCKS, f"ALL_PROXY {NO_SOCKS}"),
        # Nobody is there.
        ("HTTPS_PROXY", "http://127.0.0.1:9", "the proxy does not answer, or refuses (1 try)"),
    ],
)
def test_a_proxy_that_cannot_be_used_names_its_variable(
    tap: Tap, monkeypatch: pytest.MonkeyPatch, name: str, url: str, line: str
) -> None:
    for other in NAMES:
        monkeypatch.delenv(other, raising=False)
    output = tap(max_attempts=1, api_url=DEFAULT_API_URL, environment={name: url})

    assert output.error.startswith(f"GET /projects: {line}")
    assert "made-up-password" not in output.stderr


def test_the_default_host_may_have_another_name() -> None:
    error = connection_error(ProtocolError(), DEFAULT_API_URL)
    assert isinstance(error, PassingError)
    assert "newer dagctl pages name https://api.dagctl.io" in error.advice
