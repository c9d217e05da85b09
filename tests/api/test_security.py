"""Where the token goes, and where it does not."""

from __future__ import annotations

import json
import select
import socket
import socketserver
import ssl
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from typing_extensions import override

from stand_in.server import Api, Reply, serving
from tests.support.syncs import DIRECTLY, arguments, config_of, run_tap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stand_in.server import Request
    from stand_in.world import World


@pytest.fixture(autouse=True)
def rows(world: World) -> None:
    world.put("runs", "proj_a", {"id": "run"})
    world.advance(hours=1)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """A company's own certificate authority."""
    return trustme.CA()


@pytest.fixture
def bundle(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture
def tls(world: World, authority: trustme.CA) -> Iterator[Api]:
    """The API over TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with serving(world) as api:
        api.use_tls(context)
        yield api


class Proxy(socketserver.ThreadingTCPServer):
    """A proxy that passes on what it cannot read.

    Attributes:
        asked: the first lines it was sent, each with its headers.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Tunnel)
        self.asked: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class _Tunnel(socketserver.BaseRequestHandler):
    server: Proxy

    @override
    def handle(self) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            letter = self.request.recv(1)
            if not letter:
                return
            head += letter
        self.server.asked.append(head.decode())
        method, target, *_ = head.decode().split()
        if method != "CONNECT":
            self.request.sendall(b"HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n")
            return
        host, _, port = target.partition(":")
        with socket.create_connection((host, int(port))) as server:
            self.request.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            other = {self.request: server, server: self.request}
            while True:
                for ready in select.select(list(other), [], [])[0]:
                    data = ready.recv(65_536)
                    if not data:
                        return
                    other[ready].sendall(data)


@contextmanager
def proxying() -> Iterator[Proxy]:
    with Proxy() as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()


def test_a_certificate_nobody_vouches_for_gets_no_token(tls: Api, tmp_path: Path) -> None:
    output = run_tap(tmp_path, config_of(tls), environment=DIRECTLY)

    assert output.error == (
        "GET /projects: the TLS certificate of the server is not trusted: set REQUESTS_CA_BUNDLE "
        "to a bundle that holds its authority, or check api_url"
    )
    assert tls.requests == []


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_bundle_of_ones_own_is_trusted(tls: Api, tmp_path: Path, bundle: Path, name: str) -> None:
    output = run_tap(tmp_path, config_of(tls), environment={**DIRECTLY, name: str(bundle)})

    assert output.exit_code == 0, output.stderr
    assert [row["id"] for row in output.records("runs")] == ["run"]


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_a_bundle_that_is_none_is_one_line(tls: Api, tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "bundle.pem"
    if content is not None:
        path.write_text(content)
    environment = {**DIRECTLY, "REQUESTS_CA_BUNDLE": str(path)}
    output = run_tap(tmp_path, config_of(tls, max_attempts=1), environment=environment)

    assert "REQUESTS_CA_BUNDLE" in output.error
    assert tls.requests == []


def test_a_server_without_tls_where_tls_was_meant(api: Api, tmp_path: Path) -> None:
    url = api.url.replace("http://127.0.0.1", "https://localhost")
    config = config_of(api, max_attempts=2) | {"api_url": url}
    output = run_tap(tmp_path, config, environment=DIRECTLY)

    assert "the TLS connection failed (2 tries); check api_url" in output.error
    assert api.requests == []


def test_a_netrc_entry_does_not_replace_the_token(tls: Api, tmp_path: Path, bundle: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login somebody password something\n")
    netrc.chmod(0o600)
    environment = {**DIRECTLY, "REQUESTS_CA_BUNDLE": str(bundle), "NETRC": str(netrc)}
    output = run_tap(tmp_path, config_of(tls), environment=environment)

    assert output.exit_code == 0, output.stderr
    assert {request.headers["authorization"] for request in tls.requests} == {
        f"Bearer {tls.world.token}"
    }


def test_a_proxy_passes_on_what_it_cannot_read(tls: Api, tmp_path: Path, bundle: Path) -> None:
    with proxying() as proxy:
        environment = {
            "REQUESTS_CA_BUNDLE": str(bundle),
            "HTTPS_PROXY": proxy.url,
            "NO_PROXY": "",
            "no_proxy": "",
        }
        output = run_tap(tmp_path, config_of(tls), environment=environment)
        passed_by = run_tap(
            tmp_path, config_of(tls), environment={**environment, "NO_PROXY": "localhost"}
        )
        asked = list(proxy.asked)

    assert output.exit_code == passed_by.exit_code == 0, output.stderr + passed_by.stderr
    assert [row["id"] for row in output.records("runs")] == ["run"]
    assert asked
    for connect in asked:
        assert connect.startswith(f"CONNECT localhost:{tls.server_port} ")
        assert "made_up" not in connect
        assert tls.world.organization_id not in connect


def test_no_proxy_sees_what_goes_to_loopback_unencrypted(api: Api, tmp_path: Path) -> None:
    with proxying() as proxy:
        names = ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
        environment = dict.fromkeys(names, proxy.url) | {"NO_PROXY": "", "no_proxy": ""}
        output = run_tap(tmp_path, config_of(api), environment=environment)
        assert proxy.asked == []

    assert output.exit_code == 0, output.stderr


def test_a_redirect_is_not_followed(api: Api, world: World, tmp_path: Path) -> None:
    with serving(world) as elsewhere:
        api.misbehave = lambda request: Reply(307, b"", {"Location": elsewhere.url + request.path})
        output = run_tap(tmp_path, config_of(api))
        assert elsewhere.requests == []

    assert "it points to 127.0.0.1, and the token is not sent there" in output.error
    assert len(api.requests) == 1


def reflecting(status: int) -> Any:
    """Send back everything that was sent, in every place an answer has for it."""

    def misbehave(request: Request) -> Reply | None:
        if not request.path.endswith("proj_a/runs"):
            return None
        token = request.headers["authorization"]
        words = {"error": f"bad token {token}", "message": token, "headers": request.headers}
        headers = {
            "Location": f"https://{token.split()[1]}.example/{token}",
            "Retry-After": token,
            "Content-Type": token,
            "WWW-Authenticate": token,
            # What comes after it is read as no header, so the length is the connection's.
            "Connection": "close",
            "X-Broken\n  " + token: "",
        }
        return Reply(status, json.dumps(words).encode(), headers)

    return misbehave


@pytest.mark.parametrize("status", [200, 204, 302, 400, 401, 403, 404, 429, 500, 503])
def test_a_token_that_is_sent_back_is_shown_nowhere(api: Api, tmp_path: Path, status: int) -> None:
    api.misbehave = reflecting(status)
    config = config_of(api, max_attempts=2)
    output = run_tap(tmp_path, config, environment={"TAP_DAGCTL_LOGLEVEL": "DEBUG"})

    assert f"the server answered {status}" in output.error or status == 200
    assert_no_token(output.stdout + output.stderr, api.world.token)


@pytest.mark.parametrize("options", [[], ["--test"], ["--discover"], ["--about"]])
def test_a_sync_that_succeeds_shows_the_token_nowhere(
    api: Api, tmp_path: Path, options: list[str]
) -> None:
    seen: list[str] = []

    def misbehave(_: Request) -> None:
        # What any user of the machine can see of a program.
        seen.append(Path(f"/proc/{tap.pid}/cmdline").read_text())

    api.misbehave = misbehave
    environment = {"TAP_DAGCTL_LOGLEVEL": "DEBUG", "PATH": "/usr/bin:/bin"}
    with subprocess.Popen(
        arguments(tmp_path, config_of(api), *options),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env=environment,
        text=True,
    ) as tap:
        stdout, stderr = tap.communicate(timeout=60)

    assert tap.returncode == 0, stderr
    assert "DEBUG" in stderr or options == ["--about"]
    assert_no_token("".join([stdout, stderr, *seen]), api.world.token)


def test_a_token_in_the_wrong_place_is_not_shown(tmp_path: Path, api: Api) -> None:
    for change in (
        {"api_token": [api.world.token]},
        {"api_token": {"x": api.world.token}},
        {"api_token": api.world.token + "\n\x00"},
        {"api_url": f"https://{api.world.token}@localhost"},
        {"api_url": f"https://localhost/?token={api.world.token}"},
    ):
        output = run_tap(tmp_path, config_of(api) | change)
        assert output.error
        assert_no_token(output.stdout + output.stderr, api.world.token)
    assert api.requests == []


def assert_no_token(text: str, token: str) -> None:
    """Look for every piece of it that could not be there by chance."""
    pieces = {token[first : first + 8] for first in range(len(token) - 7)}
    assert not [piece for piece in pieces if piece in text]
