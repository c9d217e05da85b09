"""A server that means harm: memory, time and output keep their bounds."""

from __future__ import annotations

import gzip
import json
import time
import zlib
from functools import lru_cache, partial
from itertools import chain, count, repeat
from typing import TYPE_CHECKING, Any

import pytest
from typing_extensions import override

from stand_in.server import Api, Reply, running
from tests.support.at_request import instead
from tests.support.memory import LargeApi, run_and_measure
from tests.support.syncs import Tap, config_of, run_tap

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from pathlib import Path

    from stand_in.server import Request

HEAD = b"HTTP/1.1 200 OK\r\n"
MEGABYTE = 1024 * 1024
# An ordinary sync takes about 80; an answer may have 64, once as it comes and once as bytes.
MOST_MEGABYTES = 250


@lru_cache
def bomb(layers: int, compress: Callable[[bytes], bytes]) -> bytes:
    """Far more zeros than may be unpacked, packed so often."""
    packer = zlib.compressobj(9, wbits=31 if compress is gzip.compress else 15)
    block = bytes(MEGABYTE)
    packed = b"".join(packer.compress(block) for _ in range(300)) + packer.flush()
    for _ in range(layers - 1):
        packed = compress(packed)
    return packed


def packed(layers: int = 1, encoding: str = "gzip", status: int = 200) -> Reply:
    body = bomb(layers, gzip.compress if encoding == "gzip" else zlib.compress)
    headers = {"Content-Encoding": ", ".join([encoding] * layers), "Location": "/elsewhere"}
    return Reply(status, body, headers)


def endless(head: bytes, before: bytes = b"", after: bytes = b"") -> Reply:
    """Send megabytes without end, each with something before and after it."""

    def send(connection: socket.socket) -> None:
        connection.sendall(HEAD + head + b"\r\n\r\n")
        while True:
            connection.sendall(before + b" " * MEGABYTE + after)

    return Reply(0, b"", instead=send)


LARGER = "the answer is larger than 64 MB (1 try); lower page_size"


@pytest.mark.parametrize(
    ("reply", "line", "most"),
    [
        (packed, LARGER, MOST_MEGABYTES),
        (partial(packed, 2), LARGER, MOST_MEGABYTES),
        (partial(packed, 5, "deflate"), LARGER, MOST_MEGABYTES),
        # An error is read as far as it is shown.
        (partial(packed, status=302), "the server answered 302", MOST_MEGABYTES / 2),
        (partial(packed, status=500), "the server answered 500", MOST_MEGABYTES / 2),
        (partial(endless, b"Content-Type: application/json"), LARGER, MOST_MEGABYTES),
        (
            partial(endless, b"Transfer-Encoding: chunked", b"100000\r\n", b"\r\n"),
            LARGER,
            MOST_MEGABYTES,
        ),
        (partial(endless, b"Content-Length: 1000000000000000"), LARGER, MOST_MEGABYTES),
        (
            lambda: Reply(200, b'{"total": 1, "runs": [' + b"{}," * 20_000_000 + b"0]}"),
            "the answer holds more than 2,000,000 values (1 try); lower page_size",
            MOST_MEGABYTES,
        ),
    ],
)
def test_what_is_too_large_is_one_line_and_takes_little_memory(
    api: Api, tmp_path: Path, reply: Callable[[], Reply], line: str, most: float
) -> None:
    instead(api, "proj_a/runs", reply())
    output, megabytes = run_and_measure(tmp_path, config_of(api, max_attempts=1))

    assert line in output.error
    assert megabytes < most


# How each begins, and what comes then, again and again.
TRICKLES = {
    "status line": (b"H", b"T"),
    "headers": (HEAD, b"X: y\r\n"),
    "one header": (HEAD + b"X: ", b"y"),
    "100 Continue": (b"HTTP/1.1 ", b"100 Continue\r\n\r\nHTTP/1.1 "),
    "body": (HEAD + b"\r\n", b" "),
    "chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "chunk size": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "error": (b"HTTP/1.1 404 No\r\nContent-Length: 9999\r\n\r\n", b" "),
}


@pytest.mark.parametrize("name", TRICKLES)
def test_what_trickles_in_without_end_ends_at_the_deadline(api: Api, tap: Tap, name: str) -> None:
    def trickle(connection: socket.socket) -> None:
        first, then = TRICKLES[name]
        for piece in chain([first], repeat(then)):
            connection.sendall(piece)
            time.sleep(0.05)

    instead(api, "proj_a/runs", Reply(0, b"", instead=trickle))
    # Each part comes well within it.
    error = tap(max_attempts=1, request_timeout=0.3).error
    # A hundred headers are more than http.client reads; that is an end as well.
    ends = ["did not end within 10 times request_timeout (1 try)"]
    # Where this machine is busy, a part may come too late.
    ends += ["no answer in time (request_timeout)"]
    ends += ["no connection, or it was broken off"] * (name == "headers")
    assert any(end in error for end in ends)


class EndlessApi(LargeApi):
    """Each page is full, and there is always another; or always the same."""

    repeats = False

    @override
    def _page(self, rows: list[Any], key: str, params: dict[str, str]) -> dict[str, Any]:
        page, limit = int(params["page"]), int(params["limit"])
        self._rows = 10**15 if self.repeats else (page + 1) * limit
        if not self.repeats:
            return super()._page(rows, key, params)
        answer = super()._page(rows, key, {**params, "page": "1"})
        return {**answer, "page": page}


@pytest.mark.parametrize("repeats", [False, True])
def test_endless_pages_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repeats: bool) -> None:
    monkeypatch.setattr("tap_dagctl.pagination.paginator.MAX_NEW_ROWS", 5_000)
    api = EndlessApi(1)
    api.repeats = repeats
    with running(api):
        output = run_tap(tmp_path, config_of(api, max_attempts=1, max_connections=1))

    if repeats:
        assert output.exit_code == 0
        assert "and did not show 999999999999500 of them; the bookmark waits" in output.stderr
        assert len(api.requests) < 60
    else:
        assert "its pages have no end" in output.error
    assert "replication_key_value" not in output.state["bookmarks"]["runs"]["partitions"][0]


def test_cookies_do_not_pile_up(api: Api, tap: Tap) -> None:
    for number in range(30):
        api.world.put("runs", "proj_a", {"id": f"{number}"})
    numbers = count()

    def misbehave(request: Request) -> None:
        assert "cookie" not in request.headers
        answer = Reply(200, json.dumps(api.answer(request)).encode())
        for _ in range(50):
            answer.headers[f"Set-Cookie: c{next(numbers)}=x; X"] = ""

    api.misbehave = misbehave
    assert tap(page_size=5).exit_code == 0
    assert not any("cookie" in request.headers for request in api.requests)


@pytest.mark.parametrize("project", [".", ".."])
def test_a_project_id_that_leaves_its_path_is_refused(api: Api, tap: Tap, project: str) -> None:
    api.world.add_project(project, "odd")
    api.world.put("runs", "proj_a", {"id": "run"})
    output = tap()

    assert output.error
    assert output.ids("runs") == ["run"]
    assert not any("//" in request.path or ".." in request.path for request in api.requests)


@pytest.mark.parametrize("project", ["a/b", "a?b#c", "../../x", "%2e%2e", "a ä", "a\r\nX: y"])
def test_a_project_id_is_one_segment_of_the_path(api: Api, tap: Tap, project: str) -> None:
    api.world.add_project(project, "odd")
    api.world.put("runs", project, {"id": "run"})
    output = tap(project_ids=["odd"]).succeeded

    assert [row["project_id"] for row in output.records("runs")] == [project]


@pytest.mark.parametrize("depth", [50, 600, 5_000])
def test_a_value_nested_deeply_is_loaded_or_one_line(api: Api, tap: Tap, depth: int) -> None:
    row = f'{{"id": "deep", "updated_at": "2026-03-02T06:00:00Z", "x": {"[" * depth}{"]" * depth}}}'
    instead(api, "proj_a/runs", Reply(200, f'{{"runs": [{row}], "total": 1}}'.encode()))
    output = tap(max_attempts=1)

    if output.exit_code == 0:
        (record,) = output.records("runs")
        assert str(record["additional_properties"]["x"]).count("[") == depth
    else:
        assert depth >= 300
        assert "nested too deeply" in output.error or "is not JSON" in output.error


def test_names_without_end_are_kept_and_told_briefly(api: Api, tap: Tap) -> None:
    for number in range(300):
        name = f"field\n{number} " + "x" * 5_000
        api.world.put("runs", "proj_a", {"id": f"{number}", name: "value"})
    api.world.advance(seconds=1)
    api.world.put("runs", "proj_a", {"id": "300", "job_name": 7})
    output = tap().succeeded

    assert len(output.records("runs")) == 301
    assert "job_name' has a value that is not a string" in output.stderr
    assert all(row["additional_properties"] for row in output.records("runs"))
    # It is the first, and a hundred are told.
    assert output.stderr.count("is not in the schema") == 99
    assert max(map(len, output.stderr.splitlines())) < 1_000
