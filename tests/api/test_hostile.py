"""A server that means harm: memory, time and output keep their bounds."""

from __future__ import annotations

import gzip
import itertools
import json
import time
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pytest
from typing_extensions import override

from stand_in.server import Api, Reply, running
from tests.support.memory import LargeApi, run_and_measure
from tests.support.syncs import Tap, config_of, run_tap

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from stand_in.server import Request

HEAD = b"HTTP/1.1 200 OK\r\n"
MEGABYTE = 1024 * 1024
# An ordinary sync takes about 80; an answer may have 64, once as it comes and once as bytes.
MOST_MEGABYTES = 250


def instead_of_runs(api: Api, reply: Reply) -> None:
    api.misbehave = lambda request: reply if request.path.endswith("proj_a/runs") else None


def act(api: Api, act: Callable[[socket.socket], None]) -> None:
    instead_of_runs(api, Reply(0, b"", instead=act))


@lru_cache
def bomb(layers: int, compress: Callable[[bytes], bytes]) -> bytes:
    """Far more zeros than may be unpacked, packed so often."""
    packer = zlib.compressobj(9, wbits=31 if compress is gzip.compress else 15)
    block = bytes(MEGABYTE)
    packed = b"".join(packer.compress(block) for _ in range(300)) + packer.flush()
    for _ in range(layers - 1):
        packed = compress(packed)
    return packed


@pytest.mark.parametrize(("layers", "encoding"), [(1, "gzip"), (2, "gzip"), (5, "deflate")])
def test_a_compressed_bomb_is_not_unpacked_beyond_its_bound(
    api: Api, tmp_path: Path, layers: int, encoding: str
) -> None:
    body = bomb(layers, gzip.compress if encoding == "gzip" else zlib.compress)
    headers = {"Content-Encoding": ", ".join([encoding] * layers)}
    instead_of_runs(api, Reply(200, body, headers))
    output, megabytes = run_and_measure(tmp_path, config_of(api, max_attempts=1))

    assert "the answer is larger than 64 MB (1 try); lower page_size" in output.error
    assert megabytes < MOST_MEGABYTES


@pytest.mark.parametrize("status", [302, 500])
def test_a_bomb_in_an_error_is_read_only_so_far_as_it_is_shown(
    api: Api, tmp_path: Path, status: int
) -> None:
    headers = {"Content-Encoding": "gzip", "Location": "/elsewhere"}
    instead_of_runs(api, Reply(status, bomb(1, gzip.compress), headers))
    output, megabytes = run_and_measure(tmp_path, config_of(api, max_attempts=1))

    assert f"the server answered {status}" in output.error
    assert megabytes < MOST_MEGABYTES / 2


def endless_body(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"Content-Type: application/json\r\n\r\n")
    while True:
        connection.sendall(b" " * MEGABYTE)


def endless_chunks(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"100000\r\n" + b" " * MEGABYTE + b"\r\n")


def claimed_petabyte(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"Content-Length: 1000000000000000\r\n\r\n")
    while True:
        connection.sendall(b" " * MEGABYTE)


@pytest.mark.parametrize("body", [endless_body, endless_chunks, claimed_petabyte])
def test_a_body_without_end_is_read_up_to_its_bound(
    api: Api, tmp_path: Path, body: Callable[[socket.socket], None]
) -> None:
    act(api, body)
    output, megabytes = run_and_measure(tmp_path, config_of(api, max_attempts=1))

    assert "the answer is larger than 64 MB (1 try); lower page_size" in output.error
    assert megabytes < MOST_MEGABYTES


def test_an_answer_of_millions_of_values_is_not_unpacked(api: Api, tmp_path: Path) -> None:
    body = b'{"total": 1, "runs": [' + b"{}," * 20_000_000 + b"0]}"
    instead_of_runs(api, Reply(200, body, {}))
    output, megabytes = run_and_measure(tmp_path, config_of(api, max_attempts=1))

    assert "the answer holds more than 2,000,000 values (1 try); lower page_size" in output.error
    assert megabytes < MOST_MEGABYTES


def trickle(connection: socket.socket, pieces: Iterator[bytes]) -> None:
    for piece in pieces:
        connection.sendall(piece)
        time.sleep(0.05)


TRICKLES: dict[str, Callable[[], Iterator[bytes]]] = {
    "status line": lambda: itertools.chain([b"H"], itertools.repeat(b"T")),
    "headers": lambda: itertools.chain([HEAD], itertools.repeat(b"X: y\r\n")),
    "one header": lambda: itertools.chain([HEAD, b"X: "], itertools.repeat(b"y")),
    "100 Continue": lambda: itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": lambda: itertools.chain([HEAD + b"\r\n"], itertools.repeat(b" ")),
    "chunks": lambda: itertools.chain(
        [HEAD + b"Transfer-Encoding: chunked\r\n\r\n"], itertools.repeat(b"1\r\n \r\n")
    ),
    "chunk size": lambda: itertools.chain(
        [HEAD + b"Transfer-Encoding: chunked\r\n\r\n"], itertools.repeat(b"0")
    ),
    "error": lambda: itertools.chain(
        [b"HTTP/1.1 404 No\r\nContent-Length: 9999\r\n\r\n"], itertools.repeat(b" ")
    ),
}


@pytest.mark.parametrize("name", TRICKLES)
def test_what_trickles_in_without_end_ends_at_the_deadline(
    api: Api, tmp_path: Path, name: str
) -> None:
    act(api, lambda connection: trickle(connection, TRICKLES[name]()))
    # Each part comes well within it.
    config = config_of(api, max_attempts=1, request_timeout=0.3)
    output = run_tap(tmp_path, config)

    error = output.error
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
def test_pages_without_end_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repeats: bool
) -> None:
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
    numbers = itertools.count()

    def misbehave(request: Request) -> None:
        assert "cookie" not in request.headers
        answer = Reply(200, json.dumps(api.answer(request)).encode())
        for _ in range(50):
            answer.headers[f"Set-Cookie: c{next(numbers)}=x; X"] = ""

    api.misbehave = misbehave
    output = tap(page_size=5)
    assert output.exit_code == 0, output.stderr
    assert not any("cookie" in request.headers for request in api.requests)


@pytest.mark.parametrize("project", [".", ".."])
def test_a_project_whose_id_is_a_way_out_of_its_path_is_refused(
    api: Api, tap: Tap, project: str
) -> None:
    api.world.add_project(project, "odd")
    api.world.put("runs", "proj_a", {"id": "run"})
    output = tap()

    assert output.exit_code == 1
    assert "Traceback" not in output.stderr
    assert len(output.errors) == 1
    assert output.ids("runs") == ["run"]
    assert not any("//" in request.path or ".." in request.path for request in api.requests)


@pytest.mark.parametrize("project", ["a/b", "a?b#c", "../../x", "%2e%2e", "a ä", "a\r\nX: y"])
def test_a_project_id_is_one_segment_of_the_path(api: Api, tap: Tap, project: str) -> None:
    api.world.add_project(project, "odd")
    api.world.put("runs", project, {"id": "run"})
    output = tap(project_ids=["odd"])

    assert output.exit_code == 0, output.stderr
    assert [row["project_id"] for row in output.records("runs")] == [project]


@pytest.mark.parametrize("depth", [50, 300, 600, 900, 5_000])
def test_a_value_nested_deeply_is_loaded_or_one_line(api: Api, tap: Tap, depth: int) -> None:
    row = f'{{"id": "deep", "updated_at": "2026-03-02T06:00:00Z", "x": {"[" * depth}{"]" * depth}}}'
    instead_of_runs(api, Reply(200, f'{{"runs": [{row}], "total": 1}}'.encode()))
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
    output = tap()

    assert output.exit_code == 0, output.stderr
    assert len(output.records("runs")) == 300
    assert all(row["additional_properties"] for row in output.records("runs"))
    assert output.stderr.count("is not in the schema") == 100
    assert max(map(len, output.stderr.splitlines())) < 1_000
