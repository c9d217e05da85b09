"""Everything that can come instead of a good answer, by name."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

from stand_in.server import Api, Reply, Request, reply_of

Fault = Callable[[Api, Request], Reply]

HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
RETRY_SECONDS = 7


def _plain(status: int, body: bytes = b'{"error": "made up"}', **headers: str) -> Fault:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _api, _request: Reply(status, body, named)


def _instead(act: Callable[[socket.socket], None]) -> Fault:
    return lambda _api, _request: Reply(0, b"", instead=act)


def _reset(connection: socket.socket) -> None:
    # No time to linger: what goes out is a reset, not an end.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def _close(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def _silence(connection: socket.socket) -> None:
    # Until the client has had enough.
    while connection.recv(1_024):
        pass


def _silence_within_the_body(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
    _silence(connection)


def _unfinished_chunk(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{")
    _close(connection)


def _no_http(connection: socket.socket) -> None:
    connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")
    _close(connection)


def _cut(api: Api, request: Request) -> Reply:
    whole = reply_of(api.answer(request), request)
    return Reply(200, whole.body[: len(whole.body) // 2], whole.headers, len(whole.body))


def _cut_json(api: Api, request: Request) -> Reply:
    body = reply_of(api.answer(request), type(request)("", {}, {})).body
    return Reply(200, body[: len(body) // 2])


def _as_a_list(api: Api, request: Request) -> Reply:
    rows = next(value for value in api.answer(request).values() if isinstance(value, list))
    return reply_of([rows], request)


def _under_another_name(api: Api, request: Request) -> Reply:
    # Statistics carry no count: left out altogether, rows and no rows would look the same.
    answer = api.answer(request)
    renamed = {"items" if isinstance(v, list) else k: v for k, v in answer.items()}
    return reply_of(renamed, request)


def _without(field: str) -> Fault:
    def fault(api: Api, request: Request) -> Reply:
        answer = api.answer(request)
        for rows in answer.values():
            if isinstance(rows, list) and rows:
                rows[-1] = {k: v for k, v in rows[-1].items() if k != field}
        return reply_of(answer, request)

    return fault


def _with_a_bad_time(api: Api, request: Request) -> Reply:
    answer = api.answer(request)
    for rows in answer.values():
        if isinstance(rows, list) and rows:
            rows[-1] = {**rows[-1], "updated_at": "yesterday, about noon"}
    return reply_of(answer, request)


def _without_a_count(api: Api, request: Request) -> Reply:
    return reply_of({k: v for k, v in api.answer(request).items() if k != "total"}, request)


def _retry_at(status: int) -> Fault:
    def fault(api: Api, _request: Request) -> Reply:
        moment = api.world.now + timedelta(seconds=RETRY_SECONDS)
        return Reply(status, b"{}", {"Retry-After": format_datetime(moment, usegmt=True)})

    return fault


ANYWHERE: dict[str, Fault] = {
    "reset": _instead(_reset),
    "closed without an answer": _instead(_close),
    "no HTTP": _instead(_no_http),
    "body cut short": _cut,
    "chunk cut short": _instead(_unfinished_chunk),
    "not what Content-Encoding says": _plain(200, b'{"projects": []}', Content_Encoding="gzip"),
    "HTML": _plain(200, HTML, Content_Type="text/html"),
    "broken JSON": _cut_json,
    "no text": _plain(200, b"\xff\xfe\xfd" * 99),
    "no number": _plain(200, b'{"runs": [], "total": NaN}'),
    "nested without end": _plain(200, b"[" * 200_000),
    "empty": _plain(200, b""),
    "204": _plain(204, b""),
    "null": _plain(200, b"null"),
    "a list of lists": _as_a_list,
    "rows under another name": _under_another_name,
    "an error in a 200": _plain(200, b'{"error": "made up"}'),
    "429": _plain(429),
    "429 in seconds": _plain(429, Retry_After=str(RETRY_SECONDS)),
    "429 at a time": _retry_at(429),
    "429 at no time": _plain(429, Retry_After="soon"),
    "429 for an hour": _plain(429, Retry_After="3600"),
    "503 in seconds": _plain(503, Retry_After=str(RETRY_SECONDS)),
    "503 at a time": _retry_at(503),
    "408": _plain(408),
    "425": _plain(425),
    "500": _plain(500),
    "502": _plain(502, HTML),
    "504": _plain(504, HTML),
}
"""What can pass by itself, whatever is asked."""

SLOW: dict[str, Fault] = {
    "silence": _instead(_silence),
    "silence within the body": _instead(_silence_within_the_body),
}
"""What takes as long as the client waits, and then can pass by itself."""

IN_LISTS: dict[str, Fault] = {
    "a row without id": _without("id"),
    "a row without updated_at": _without("updated_at"),
    "a row with a bad time": _with_a_bad_time,
    "no count": _without_a_count,
}
"""What can pass by itself, in a list of pages that has a row."""

FOR_GOOD: dict[str, Fault] = {
    "400": _plain(400),
    "401": _plain(401),
    "403": _plain(403),
    "404": _plain(404),
    "410": _plain(410),
    "redirect to another host": _plain(302, b"", Location="https://elsewhere.example/api/v1/runs"),
    "redirect to the same host": _plain(308, b"", Location="/api/v2/runs"),
    "redirect to nowhere": _plain(301, b"", Location="http://["),
}
"""What cannot pass by itself."""


def count_differently(answer: dict[str, Any], luck: float) -> None:
    """Let `total_pages` lie: too many, too few, or none at all."""
    if "total_pages" in answer:
        answer["total_pages"] = [0, answer["total_pages"] + 3, None, 1][int(luck * 4)]
