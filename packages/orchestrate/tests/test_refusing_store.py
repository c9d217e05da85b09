"""An S3 that allows little, or fails: only a missing bucket is called one."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

import pytest
from typing_extensions import override

from orchestrate.errors import OrchestrateError
from orchestrate.state_backend import state_backend
from tests.support import troubleshooting

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.programs

EMPTY = (
    "<ListBucketResult><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>"
)


def error(code: str, message: str = "Access Denied") -> str:
    return f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"


@contextmanager
def store(status: int, body: str) -> Iterator[None]:
    """Answer a list of the states' own folder with this, and refuse every other request."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            (prefix,) = parse_qs(urlsplit(self.path).query).get("prefix", [""])
            is_own = prefix.startswith("states/")
            answer = (body if is_own else error("AccessDenied")).encode()
            self.send_response(status if is_own else 403)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        @override
        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with at(server.server_port):
            yield
        server.shutdown()


@contextmanager
def at(port: int) -> Iterator[None]:
    variables = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "made-up",
        "AWS_SECRET_ACCESS_KEY": "made-up",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
    }
    with patch.dict("os.environ", variables):
        yield


def test_a_bucket_that_may_not_be_listed_as_a_whole_is_used() -> None:
    with store(200, EMPTY), state_backend("s3://bucket/states", "x") as backend:
        assert backend.names() == set()


@pytest.mark.parametrize(
    ("status", "answer", "said"),
    [
        (404, error("NoSuchBucket"), "there is no bucket bucket; create it first"),
        (403, error("AccessDenied"), "The store of states cannot be used: Access Denied"),
        (500, error("InternalError", "Try again"), "cannot be used: [Errno 121] Try again"),
        (None, "", "cannot be used: Could not connect to the endpoint"),
    ],
)
def test_why_it_cannot_be_used_is_said(status: int | None, answer: str, said: str) -> None:
    if status:
        server = store(status, answer)
    else:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            server = at(closed.getsockname()[1])
    with (
        server,
        pytest.raises(OrchestrateError) as raised,
        state_backend("s3://bucket/states", "x"),
    ):
        pass
    assert said in str(raised.value)
    troubleshooting.check([str(raised.value)])
