"""Where the token goes, and where it does not."""

from __future__ import annotations

import json
import os
import re
import select
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

import pytest
import trustme
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from stand_in.server import Api, Reply, Request, serving, without_nulls
from stand_in.world import World
from tests.support.at_request import instead
from tests.support.base_time import NOW
from tests.support.syncs import DIRECTLY, Json, Tap, arguments, config_of, in_files

# An environment in which a company's own certificate authority is named.
TRUSTING = {**DIRECTLY, "REQUESTS_CA_BUNDLE": "authority.pem"}


@pytest.fixture
def tls_tap(world: World, tmp_path: Path) -> Iterator[Tap]:
    """The tap beside the API over TLS."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    authority.issue_cert("localhost").configure_cert(context)
    with serving(world) as api:
        api.use_tls(context)
        yield Tap(api, tmp_path)


@pytest.fixture(autouse=True)
def rows(world: World) -> None:
    world.put("runs", "proj_a", {"id": "run"})
    world.advance(hours=1)


@pytest.mark.parametrize(
    ("bundle", "line"),
    [
        ("", "certificate of the server is not trusted: set REQUESTS_CA_BUNDLE to a bundle"),
        ("nowhere.pem", "check REQUESTS_CA_BUNDLE"),
        ("empty.pem", "REQUESTS_CA_BUNDLE"),
    ],
)
def test_a_server_nobody_vouches_for_gets_no_token(tls_tap: Tap, bundle: str, line: str) -> None:
    (tls_tap.directory / "empty.pem").write_text("")
    output = tls_tap(environment={**DIRECTLY, "REQUESTS_CA_BUNDLE": bundle}, max_attempts=1)

    assert line in output.error
    assert tls_tap.api.requests == []


def test_a_bundle_is_trusted_and_a_netrc_entry_does_not_replace_the_token(tls_tap: Tap) -> None:
    netrc = tls_tap.directory / "netrc"
    netrc.write_text("machine localhost login somebody password something\n")
    netrc.chmod(0o600)
    # That costs no try, also with TLS.
    tls_tap.api.closes = "at the next request"
    output = tls_tap(environment={**TRUSTING, "NETRC": "netrc"}, max_attempts=1).succeeded

    assert (output.ids("runs"), output.warnings) == (["run"], [])
    sent = {request.headers["authorization"] for request in tls_tap.api.requests}
    assert sent == {f"Bearer {tls_tap.api.world.token}"}


def test_what_is_unencrypted_or_excepted_goes_to_no_proxy(tap: Tap, tls_tap: Tap) -> None:
    # Nobody is there.
    names = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
    proxies = dict.fromkeys(names, "http://127.0.0.1:9")
    for there, passed_by in ((tap, ""), (tls_tap, "localhost")):
        environment = {**TRUSTING, **proxies, "NO_PROXY": passed_by, "no_proxy": passed_by}
        assert there(environment=environment).succeeded.ids("runs") == ["run"]


class Proxy(BaseHTTPRequestHandler):
    """Passes on what it cannot read, and keeps what it was told."""

    told: ClassVar[list[str]] = []

    def do_CONNECT(self) -> None:
        self.told.append(f"{self.requestline} {self.headers}")
        host, _, port = self.path.partition(":")
        with socket.create_connection((host, int(port))) as server:
            self.send_response(200)
            self.end_headers()
            other = {self.connection: server, server: self.connection}
            while True:
                for ready in select.select(list(other), [], [])[0]:
                    if not (data := ready.recv(65_536)):
                        return
                    other[ready].sendall(data)


def test_a_proxy_passes_on_what_it_cannot_read(tls_tap: Tap) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        variables = {"https_proxy": f"http://127.0.0.1:{server.server_port}", "NO_PROXY": ""}
        output = tls_tap(environment={**TRUSTING, **variables, "no_proxy": ""})
        server.shutdown()

    assert output.succeeded.ids("runs") == ["run"]
    assert Proxy.told
    for told in Proxy.told:
        assert told.startswith(f"CONNECT localhost:{tls_tap.api.server_port} ")
        assert "made_up" not in told


PASSWORD, KEY = "h%40lf-a-password", "another/secret+key"
ROOT = f"ftp://somebody:{PASSWORD}@localhost"
PARAMS = {"client_kwargs": {"aws_secret": KEY}, "region": "eu-central-1"}
# That of another organization, or one that is not used any more.
OTHER = "dctl_0123456789abcdefghij"


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"api_token": {"x": ["TOKEN"]}}, "api_token is not a non-empty string; "),
        ({"api_token": "TOKEN\n\x00"}, "api_token is empty or has characters no HTTP header can"),
        ({"api_url": "https://TOKEN@localhost"}, "api_url holds the API token: write that into"),
        ({"project_ids": ["sales", "x TOKEN"]}, "project_ids holds the API token"),
        ({"stream_maps": {"runs": {"x": "'TOKEN'"}}}, "stream_maps holds the API token"),
        ({"page_size": "TOKEN"}, "'***' is not of type 'integer'"),
        ({"start_date": "x TOK"}, "start_date 'x ***' is not a date"),
        ({"start_date": OTHER}, "start_date '***' is not a date"),
        ({"storage": {"root": ROOT}}, "storage.root holds credentials: write"),
        ({"storage": {"root": ROOT, "prefix": 1}}, "1 is not of type 'string'"),
        ({"storage": {"root": [ROOT]}}, "localhost'] is not of type 'string'"),
        ({"storage": {"root": "x", "params": [KEY]}}, "Expected `object`, got `array`"),
        ({"storage": ROOT}, "'***' is not of type 'object'"),
        ({"batch_config": [ROOT]}, "['***'] is not of type 'object'"),
        ({"storage": {"root": "nope://x", "params": PARAMS}}, "no file can be written to nope://x"),
    ],
)
def test_a_misplaced_secret_is_hidden(tap: Tap, tmp_path: Path, change: Json, line: str) -> None:
    token = tap.api.world.token
    text = json.dumps(change).replace("TOKEN", token).replace("TOK", token[3:14])
    given = json.loads(text)
    if "storage" in given:
        given = {"batch_config": {**in_files(tmp_path), **given}}
    output = tap(**given)

    assert line in output.error
    outputs = [output]
    if batch := given.get("batch_config"):
        variable = {"TAP_DAGCTL_BATCH_CONFIG": json.dumps(batch)}
        outputs.append(tap("--config=ENV", environment=variable))
        assert "nope" not in text or line in outputs[-1].error
    for secret in (token, OTHER, PASSWORD, "h@lf-a-password", KEY, "somebody:"):
        for shown in outputs:
            assert_hidden(secret, shown.stdout + shown.stderr)
    assert tap.api.requests == [] or "nope" in text


ENDINGS = ("/projects", "/runs", "/model-executions", "/jobs", "/plans", "/daily-stats")
SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in a sentence": lambda token: f"bad token: Bearer {token}, sorry",
    "in a URL": lambda token: f"https://localhost/?q={quote(token, safe='')}&x",
    "in JSON": lambda token: json.dumps({"token": token}),
    "cut": lambda token: token[:14],
    "in upper case": str.upper,
}


@settings(suppress_health_check=list(HealthCheck))
@given(
    ending=st.sampled_from(ENDINGS),
    spelling=st.sampled_from(sorted(SPELLINGS)),
    number=st.integers(0, 200),
    is_escaped=st.booleans(),
    status=st.sampled_from([200, 200, 200, 204, 302, 401, 500]),
)
@example(ending="/runs", spelling="cut", number=0, is_escaped=False, status=302)
@example(ending="/runs", spelling="cut", number=0, is_escaped=False, status=401)
def test_wherever_a_server_reflects_the_token_it_leaves_nowhere(
    api: Api, tap: Tap, ending: str, spelling: str, number: int, is_escaped: bool, status: int
) -> None:
    """Somewhere in a body, and in every header there is for it."""
    token = api.world.token = 'dctl_made_up/"0123456789abcdef\\'  # noqa: S105 - made up
    for table in ("runs", "executions", "jobs", "plans"):
        api.world.put(table, "proj_a", {"id": "row", "unknown": {"list": [{"field": 1}]}})
    api.world.now = NOW

    def reflect(request: Request) -> Reply:
        body = json.dumps(without_nulls(api.answer(request)))
        # A name, a text or a number.
        there_are = list(re.finditer(r'"[^"]*"|\b[0-9]+\b', body))
        place = there_are[number % len(there_are)]
        text = json.dumps(SPELLINGS[spelling](token))
        body = body[: place.start()] + text + body[place.end() :]
        if is_escaped:
            body = body.replace("dctl", "\\u0064ctl").replace("/", "\\/")
        if status == 200:
            return Reply(200, body.encode())
        headers = {
            **dict.fromkeys(["Retry-After", "Content-Type", "WWW-Authenticate"], token),
            "Location": f"https://{token}.example/{token}",
            # What comes after it is read as no header, so the length is the connection's.
            "Connection": "close",
            "X-Broken\n  " + token: "",
        }
        words = {"error": f"bad token {token}", "message": body, "headers": request.headers}
        return Reply(status, json.dumps(words).encode(), headers)

    instead(api, ending, reflect)
    output = tap(environment={"TAP_DAGCTL_LOGLEVEL": "DEBUG"}, max_attempts=1, max_connections=1)

    assert "Traceback" not in output.stderr
    for shown in (token, json.dumps(token)[1:-1], quote(token, safe="")):
        assert shown not in output.stdout
    assert_hidden(token, output.stderr)
    if status != 200 or spelling not in {"cut", "in upper case"}:
        said = "the answer holds the API token, so it is not loaded"
        assert (said if status == 200 else f"the server answered {status}") in output.stderr
        assert output.exit_code == 1
        # It keeps nothing else from coming.
        if status != 401 and ending not in {"/projects", "/plans"}:
            assert output.ids("plans") == ["row"]


def test_a_state_that_holds_the_token_does_not_go_out(api: Api, tap: Tap) -> None:
    partition = {"context": {"project_id": api.world.token}}
    output = tap(state={"bookmarks": {"runs": {"partitions": [partition]}}})

    assert output.error.startswith("A message would hold the API token, so it is not written: take")
    assert_hidden(api.world.token, output.stdout + output.stderr)


def test_whatever_logs_the_token_it_is_masked(api: Api, tmp_path: Path) -> None:
    """Also in a user's own configuration, and in a traceback."""
    (tmp_path / "logging.yml").write_text(
        """
version: 1
disable_existing_loggers: false
formatters: {json: {(): singer_sdk.logging.StructuredFormatter}}
handlers: {file: {class: logging.FileHandler, formatter: json, filename: tap.log}}
loggers: {some.library: {handlers: [file], level: DEBUG}}
"""
    )
    script = """
import logging
from tap_dagctl.tap import TapDagctl

def get_records(self, context):
    token = self.config["api_token"]
    logging.getLogger("some.library").debug("sent %s", {"Authorization": "Bearer " + token})
    raise RuntimeError("no luck with " + token)

TapDagctl.cli  # the command is made once
TapDagctl.discover_streams.__globals__["streams"].Projects.record_pages = get_records
TapDagctl.cli()
"""
    _, *options = arguments(tmp_path, config_of(api))
    environment = {**os.environ, "SINGER_SDK_LOG_CONFIG": "logging.yml"}
    line = [sys.executable, "-c", script, *options]
    given: Any = {"cwd": tmp_path, "env": environment, "capture_output": True, "text": True}
    done = subprocess.run(line, check=False, **given)
    logged = (tmp_path / "tap.log").read_text()

    assert "RuntimeError: no luck with ***" in done.stderr
    assert "'Authorization': 'Bearer ***'" in logged
    assert_hidden(api.world.token, done.stdout + done.stderr + logged)


def assert_hidden(secret: str, text: str) -> None:
    """Look for every piece of it that could not be there by chance."""
    pieces = {secret[first : first + 8] for first in range(len(secret) - 7)}
    assert not [piece for piece in pieces if piece in text]
