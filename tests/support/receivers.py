"""Servers that receive messages, on loopback: a mail server with a password, and a webhook."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from typing import Any
from urllib.parse import parse_qsl

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from typing_extensions import override

SECRET = "made_up_3f9c71d2"  # noqa: S105 - made up, looked for by the tests


@dataclass(frozen=True)
class Received:
    """A message: the fields that a service sends, of which each has its own names for the text."""

    fields: dict[str, Any]

    @property
    def title(self) -> str:
        return str(self.fields["title"])

    @property
    def body(self) -> str:
        names = ("message", "text", "content")
        text = next(self.fields[name] for name in names if self.fields.get(name))
        return str(text["text"] if isinstance(text, dict) else text)

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
        url: of a webhook; it stands for that of any service.
        is_down: whether it refuses everything.
        refuses: a webhook refuses a text with this in it.
        before_answer: is called when a message has come, and before it is answered; a webhook only.
    """

    address: str
    url: str = ""
    received: list[Received] = field(default_factory=list)
    is_down: bool = False
    refuses: str = "\0"
    before_answer: Callable[[BufferedIOBase], None] = lambda _: None

    def take(self) -> list[Received]:
        """Return what it has taken since this was asked last."""
        taken = self.received[:]
        del self.received[: len(taken)]
        return taken


@contextmanager
def webhook() -> Iterator[Receiver]:
    """Run a server that takes JSON and forms, whose address holds a secret in its path."""

    class Handler(BaseHTTPRequestHandler):
        @override
        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            fields = json.loads(text) if text.startswith("{") else dict(parse_qsl(text))
            request = {"path": self.path, "authorization": self.headers.get("Authorization")}
            is_welcome = not receiver.is_down and receiver.refuses not in text
            if is_welcome:
                receiver.received.append(Received({**fields, **request}))
                receiver.before_answer(self.wfile)
            self.send_response((202 if "alias" in text else 200) if is_welcome else 503, SECRET)
            self.end_headers()
            self.wfile.write(b'{"requestId": "made up"}')

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        host = f"127.0.0.1:{server.server_port}"
        receiver = Receiver(f"json://{host}/{SECRET}", f"http://{host}")
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()


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
            text = mail.get_body(("plain",)).get_content().replace("\r\n", "\n")  # type: ignore[union-attr]
            receiver.received.append(Received({"title": str(mail["Subject"]), "message": text}))
            return "250 OK"

    def login(*arguments: Any) -> AuthResult:
        *_, given = arguments
        return AuthResult(success=(given.login, given.password) == (b"sender", SECRET.encode()))

    controller = Controller(
        Handler(), hostname="127.0.0.1", port=port, authenticator=login, auth_require_tls=False
    )
    controller.start()
    try:
        yield receiver
    finally:
        controller.stop()
