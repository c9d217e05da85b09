"""The stand-in API over HTTP: headers demanded, null fields left out, `limit` capped."""

from __future__ import annotations

import gzip
import json
import operator
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from typing_extensions import override

from stand_in import statistics
from stand_in.world import EXECUTIONS, PLANS, RUNS, Row, World, from_text

PREFIX = "/api/v1"
MOST_ROWS = 500
_GZIP_FROM_BYTES = 1_000
_CONTROL = "/stand-in/advance"


@dataclass
class Request:
    """One request as the tests count it.

    Attributes:
        number: which one it is, from 1. Several are answered at once, so how many have come says
            nothing about this one.
        is_reuse: whether an earlier answer came by the same connection.
    """

    path: str
    params: dict[str, str]
    headers: dict[str, str]
    is_reuse: bool = False
    number: int = 0


@dataclass
class Reply:
    """What goes out instead of the true answer when the server misbehaves.

    Attributes:
        length: the `Content-Length` claimed, where it is not the truth.
        moment: the server's clock when it was made, where other answers may go out before it.
        instead: does with the connection what no HTTP server does, instead of an answer.
    """

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    moment: datetime | None = None
    instead: Callable[[socket.socket], None] | None = None


class Refusal(Exception):  # noqa: N818 - an answer, not a fault
    """An answer that is not 200, in the documented shape."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Api(ThreadingHTTPServer):
    """A running stand-in.

    Attributes:
        requests: every request so far, in order.
        misbehave: called before each answer, so that writers can act between two requests; a
            `Reply` replaces the answer, None lets it through.
        alter: called with each good answer, which it may change in place.
        tells_limit: what answers say of `limit` where it was capped: `right`, `asked` or `not`.
        inclusive: whether `updated_after` is `>=`, which the API page leaves open.
        tells_time: whether answers carry a `Date`.
        tells_pages: whether answers carry `total_pages`.
        is_hidden: whether a row is left out of a page after paging, as by a permission: the page is
            then short.
        counts_hidden: whether `total` and `total_pages` count such rows: `yes`, `no`, or `pages`,
            where only `total_pages` does.
        empty_list: how a list without rows is written: `[]`, `null`, or `left out`.
        closes: whether a connection is closed after each answer, which none announces: `never`,
            `at once`, or `at the next request`, which then gets no answer.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, world: World, port: int = 0, most_rows: int = MOST_ROWS) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.world = world
        self.most_rows = most_rows
        self.requests: list[Request] = []
        self.misbehave: Callable[[Request], Reply | None] = lambda _: None
        self.alter: Callable[[dict[str, Any]], None] = lambda _: None
        self.tells_limit = "right"
        self.inclusive = False
        self.tells_time = True
        self.tells_pages = True
        self.is_hidden: Callable[[Row], bool] = lambda _: False
        self.counts_hidden = "yes"
        self.empty_list = "[]"
        self.closes = "never"
        self._tls: ssl.SSLContext | None = None
        self._arriving = threading.Lock()
        self.advance: Callable[[timedelta], None] = lambda by: world.advance(
            seconds=by.total_seconds(),
        )

    @property
    def url(self) -> str:
        """Its origin, without the path that the API begins with."""
        if self._tls:
            return f"https://localhost:{self.server_port}"
        return f"http://127.0.0.1:{self.server_port}"

    def use_tls(self, context: ssl.SSLContext) -> None:
        """Speak TLS on every connection from now on."""
        self._tls = context

    @override
    def finish_request(self, request: Any, client_address: Any) -> None:
        # In the connection's own thread: a handshake that fails is the client's affair.
        if self._tls:
            with suppress(OSError), self._tls.wrap_socket(request, server_side=True) as wrapped:
                super().finish_request(wrapped, client_address)
        else:
            super().finish_request(request, client_address)

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that is killed breaks its connections: no fault of the server's.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def receive(self, request: Request) -> None:
        """Note that a request has come, and give it its number."""
        with self._arriving:
            self.requests.append(request)
            request.number = len(self.requests)

    def answer(self, request: Request) -> dict[str, Any]:
        """Return the true answer, which is of one moment: writers wait until it is made."""
        with self.world.lock:
            return self._answer(request)

    def _answer(self, request: Request) -> dict[str, Any]:
        world = self.world
        if request.headers.get("authorization") != f"Bearer {world.token}":
            raise Refusal(401, "invalid token")
        if request.headers.get("x-organization-id") != world.organization_id:
            raise Refusal(403, "not a member of this organization")
        if not request.path.startswith(PREFIX + "/"):
            raise Refusal(404, "not found")
        match request.path[len(PREFIX) + 1 :].split("/"):
            case ["projects"]:
                rows = [dict(project.row) for project in world.projects.values()]
                return {"projects": rows, "total": len(rows)}
            case ["projects", project_id, *rest] if unquote(project_id) in world.projects:
                return self._of_project(unquote(project_id), rest, request.params)
            case [name] | ["organizations", name]:
                return self._of_organization(name)
            case _:
                raise Refusal(404, "not found")

    def _of_organization(self, name: str) -> dict[str, Any]:
        world = self.world
        if name == "environment-protections":
            if "manage_secrets" not in world.permissions:
                raise Refusal(403, "manage_secrets is needed")
            name = "protections"
        table = name.replace("-", "_")
        if table not in world.organization:
            raise Refusal(404, "not found")
        hidden = {"value": "***"}
        rows = world.organization[table].values()
        return _whole(
            table, ({**row, **hidden} if row.get("is_sensitive") else row for row in rows)
        )

    def _of_project(
        self, project_id: str, rest: list[str], params: dict[str, str]
    ) -> dict[str, Any]:
        world = self.world
        match rest:
            case []:
                return dict(world.projects[project_id].row)
            case ["runs"]:
                answer = self._page(world.rows(RUNS, project_id), RUNS, params)
                if params.get("include_stats", "true") != "false":
                    answer["stats"] = {"total_runs": answer["total"]}
                return answer
            case ["model-executions"]:
                return self._page(world.rows(EXECUTIONS, project_id), EXECUTIONS, params)
            case ["plans"]:
                # It knows no `updated_after` for plans, whatever is asked.
                asked = {name: value for name, value in params.items() if name != "updated_after"}
                return self._page(world.rows(PLANS, project_id), PLANS, {"limit": "25", **asked})
            case [name] if (table := name.replace("-", "_")) in world.projects[project_id].tables:
                return _whole(table, world.rows(table, project_id))
            case [_, _]:
                return self._statistics(project_id, rest, params)
            case _:
                raise Refusal(404, "not found")

    def _statistics(
        self, project_id: str, rest: list[str], params: dict[str, str]
    ) -> dict[str, Any]:
        match rest:
            case ["runs", "daily-stats"]:
                days = int(params.get("days", "30"))
                return {"daily_stats": statistics.daily(self.world, project_id, days)}
            case ["model-executions", "stats"]:
                start = date.fromisoformat(params["start_date"])
                end = date.fromisoformat(params["end_date"])
                return {"stats": statistics.by_model(self.world, project_id, start, end)}
            case _:
                raise Refusal(404, "not found")

    def _page(self, rows: list[Row], key: str, params: dict[str, str]) -> dict[str, Any]:
        page = int(params.get("page", "1"))
        asked = int(params.get("limit", "50"))
        limit = min(asked, self.most_rows)
        if page < 1 or limit < 1:
            raise Refusal(400, "page and limit begin at 1")
        for name in ("status", "job_type", "cronjob_name"):
            if name in params:
                rows = [row for row in rows if row.get(name) == params[name]]
        if after := params.get("updated_after"):
            try:
                bound: datetime = from_text(after)
            except ValueError:
                raise Refusal(400, "updated_after is not RFC 3339") from None
            is_after = operator.ge if self.inclusive else operator.gt
            rows = [row for row in rows if is_after(from_text(row["updated_at"]), bound)]
        first = (page - 1) * limit
        told = {"right": limit, "asked": asked, "not": None}[self.tells_limit]
        seen = [row for row in rows if not self.is_hidden(row)]
        total = len(rows if self.counts_hidden == "yes" else seen)
        in_pages = len(seen if self.counts_hidden == "no" else rows)
        return {
            key: [row for row in rows[first : first + limit] if not self.is_hidden(row)],
            "total": total,
            "page": page,
            "limit": told,
            "total_pages": -(-in_pages // limit) if self.tells_pages else None,
        }

    def true_reply(self, request: Request) -> Reply:
        """Return the true answer as it goes out."""
        try:
            status, answer = 200, self.answer(request)
            self.alter(answer)
        except Refusal as refusal:
            status, answer = refusal.status, {"error": str(refusal)}
        except (KeyError, ValueError):
            status, answer = 400, {"error": "bad parameter"}
        # Where rows are counted there is a list, however many of its rows are hidden.
        first = (answer.get("page", 1) - 1) * (answer.get("limit") or 0)
        is_empty = first >= answer.get("total", 0)
        return reply_of(answer, request, status, self.empty_list if is_empty else "[]")


def _whole(key: str, rows: Iterable[Row]) -> dict[str, Any]:
    listed = list(rows)
    return {key: listed, "total": len(listed)}


def without_nulls(value: Any) -> Any:
    """Leave null fields out, as the API does at every depth."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def reply_of(answer: Any, request: Request, status: int = 200, empty_list: str = "[]") -> Reply:
    """Write an answer as JSON, packed if it is large and the client can unpack it."""
    written = without_nulls(answer)
    if empty_list != "[]":
        instead = [(key, None) for key, value in written.items() if value == []]
        written = {key: value for key, value in written.items() if value != []}
        written |= dict(instead) if empty_list == "null" else {}
    body = json.dumps(written).encode()
    headers = {"Content-Type": "application/json"}
    accepted = request.headers.get("accept-encoding", "")
    if len(body) >= _GZIP_FROM_BYTES and "gzip" in accepted:
        body = gzip.compress(body, compresslevel=1)
        headers["Content-Encoding"] = "gzip"
    return Reply(status, body, headers)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Without this each small answer waits for the client's delayed acknowledgement.
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Api
    _moment: datetime
    _has_answered = False

    @override
    def log_message(self, format: str, *args: object) -> None:
        pass

    @override
    def date_time_string(self, timestamp: float | None = None) -> str:
        return format_datetime(self._moment, usegmt=True)

    def do_POST(self) -> None:
        """Move the clock: what the demo does between its two runs. Not part of the API."""
        url = urlsplit(self.path)
        self._moment = self.server.world.now
        if url.path != _CONTROL:
            self._send(Reply(404, b"{}"))
            return
        self.server.advance(timedelta(seconds=float(dict(parse_qsl(url.query))["seconds"])))
        self._send(Reply(200, b"{}"))

    def do_GET(self) -> None:
        if self._has_answered and self.server.closes == "at the next request":
            self.close_connection = True
            return
        url = urlsplit(self.path)
        request = Request(
            url.path,
            dict(parse_qsl(url.query)),
            {name.lower(): value for name, value in self.headers.items()},
            self._has_answered,
        )
        self._has_answered = True
        self.server.receive(request)
        reply = self.server.misbehave(request)
        # No clock jumps while a request is answered, as the clock here could when another does.
        self._moment = (reply and reply.moment) or self.server.world.now
        self._send(reply or self.server.true_reply(request))

    def _send(self, reply: Reply) -> None:
        if reply.instead:
            self.close_connection = True
            # The client may go at any moment.
            with suppress(OSError):
                reply.instead(self.connection)
            return
        if self.server.tells_time:
            self.send_response(reply.status)
        else:
            self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        claimed = len(reply.body) if reply.length is None else reply.length
        self.send_header("Content-Length", str(claimed))
        self.end_headers()
        self.wfile.write(reply.body)
        self.wfile.flush()
        if claimed != len(reply.body) or self.server.closes == "at once":
            self.close_connection = True


@contextmanager
def running(api: Api) -> Iterator[Api]:
    """Let `api` answer on loopback until the block ends."""
    with api:
        thread = threading.Thread(target=api.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield api
        finally:
            api.shutdown()
            thread.join()


@contextmanager
def serving(world: World, port: int = 0, most_rows: int = MOST_ROWS) -> Iterator[Api]:
    """Serve `world` on loopback until the block ends."""
    with running(Api(world, port, most_rows)) as api:
        yield api
