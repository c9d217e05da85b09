"""Servers that receive messages, on loopback: a mail server with a password, and a webhook."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from io import BufferedIOBase

SECRET = "made_up_3f9c71d2"  # noqa: S105 - made up, looked for by the tests


@dataclass(frozen=True)
class Received:
    """A message, as whoever gets it reads it."""

    title: str
    body: str

    @property
    def sections(self) -> dict[str, list[str]]:
        """The lines under each title, without the dash before them."""
        parts = [part.split("\n") for part in self.body.strip().split("\n\n")]
        return {title: [line.removeprefix("- ") for line in lines] for title, *lines in parts}


@dataclass
class Receiver:
    """What a server has received.

    Attributes:
        address: as apprise takes it, a secret included.
        is_down: whether it refuses everything.
        before_answer: is called when a message has come, and before it is answered; a webhook only.
    """

    address: str
    received: list[Received] = field(default_factory=list)
    is_down: bool = False
    before_answer: Callable[[BufferedIOBase], None] = lambda _: None

    def take(self) -> list[Received]:
        """Return what has come since this was asked last."""
        taken = self.received[:]
        del self.received[: len(taken)]
        return taken


class _Quiet(BaseHTTPRequestHandler):
    @override
    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """Run a server until the block ends, however it does, and return its port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def webhook() -> Iterator[Receiver]:
    """Run a webhook, whose address holds a secret in its path."""

    class Handler(_Quiet):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            is_welcome = self.path.partition("?")[0] == f"/{SECRET}" and not receiver.is_down
            if is_welcome:
                # Telegram has one text.
                title, text = body.get("title", ""), body.get("message") or body["text"]
                receiver.received.append(Received(title, text))
                receiver.before_answer(self.wfile)
            self.send_response(200 if is_welcome else 503, SECRET)
            self.end_headers()

    with _serving(Handler) as port:
        receiver = Receiver(f"json://127.0.0.1:{port}/{SECRET}")
        yield receiver


@dataclass
class Requests:
    """What came to a server that stands for that of any service.

    Attributes:
        refuses: what it does not take: a text with one of these in it.
    """

    url: str
    bodies: list[dict[str, Any]] = field(default_factory=list)
    refuses: set[str] = field(default_factory=set)
    is_down: bool = False
    authorization: str = ""

    def take(self) -> list[dict[str, Any]]:
        """Return what has come since this was asked last, refused or not, each with its path."""
        taken, self.bodies = self.bodies, []
        return taken


@contextmanager
def web_server() -> Iterator[Requests]:
    """Run a server that takes JSON and forms."""

    class Handler(_Quiet):
        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            is_json = text.startswith("{")
            body = json.loads(text) if is_json else dict(parse_qsl(text))
            requests.bodies.append({**body, "path": self.path})
            requests.authorization = self.headers.get("Authorization", "")
            is_refused = requests.is_down or any(word in text for word in requests.refuses)
            self.send_response(400 if is_refused else 202 if "alias" in text else 200)
            self.end_headers()
            self.wfile.write(b'{"requestId": "made up"}')

    with _serving(Handler) as port:
        requests = Requests(f"http://127.0.0.1:{port}")
        yield requests


@contextmanager
def mail_server() -> Iterator[Receiver]:
    """Run a mail server, at which only one user with a password may send."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    receiver = Receiver(
        f"mailto://sender:{SECRET}@127.0.0.1:{port}?from=dagctl@example.com&to=team@example.com"
    )

    class Handler:
        async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - its name
            if receiver.is_down:
                return f"451 {SECRET} is away"
            mail = message_from_bytes(envelope.content, policy=policy.default)
            part = mail.get_body(("plain",))
            assert part is not None
            text = part.get_content().replace("\r\n", "\n")
            receiver.received.append(Received(str(mail["Subject"]), text))
            return "250 OK"

    def login(*arguments: Any) -> AuthResult:
        *_, given = arguments
        assert isinstance(given, LoginPassword)
        return AuthResult(success=(given.login, given.password) == (b"sender", SECRET.encode()))

    controller = Controller(
        Handler(), hostname="127.0.0.1", port=port, authenticator=login, auth_require_tls=False
    )
    controller.start()
    try:
        yield receiver
    finally:
        controller.stop()
