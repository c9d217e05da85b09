"""A server that means harm: memory, time and output keep their bounds."""

from __future__ import annotations

import socket
import time
import zlib
from collections.abc import Callable
from functools import partial
from itertools import chain, repeat
from pathlib import Path

import pytest

from stand_in.server import Api, Reply, Request, reply_of
from tests.support.at_request import instead
from tests.support.memory import run_and_measure
from tests.support.syncs import Tap, config_of

HEAD = b"HTTP/1.1 200 OK\r\n"
MEGABYTE = 1024 * 1024


def packed(layers: int = 1, status: int = 200) -> Reply:
    """Pack far more zeros than may be unpacked, so often."""
    packer, block = zlib.compressobj(9), bytes(MEGABYTE)
    body = b"".join(packer.compress(block) for _ in range(300)) + packer.flush()
    for _ in range(layers - 1):
        body = zlib.compress(body)
    return Reply(status, body, {"Content-Encoding": ", ".join(["deflate"] * layers)})


def endless(head: bytes, before: bytes = b"", after: bytes = b"") -> Reply:
    """Send megabytes without end, each with something before and after it."""

    def send(connection: socket.socket) -> None:
        connection.sendall(HEAD + head + b"\r\n\r\n")
        while True:
            connection.sendall(before + b" " * MEGABYTE + after)

    return Reply(0, b"", instead=send)


LARGER = "the answer is larger than 64 MB (1 try); lower page_size"
MANY = "the answer holds more than 2,000,000 values (1 try); lower page_size"


@pytest.mark.parametrize(
    ("reply", "line"),
    [
        (packed, LARGER),
        (partial(packed, 5), LARGER),
        # An error is read as far as it is shown.
        (partial(packed, status=500), "the server answered 500"),
        (partial(endless, b"Content-Type: application/json"), LARGER),
        (partial(endless, b"Transfer-Encoding: chunked", b"100000\r\n", b"\r\n"), LARGER),
        (lambda: Reply(200, b'{"total": 1, "runs": [' + b"{}," * 20_000_000 + b"0]}"), MANY),
    ],
)
def test_what_is_too_large_is_one_line_and_takes_little_memory(
    api: Api, tmp_path: Path, reply: Callable[[], Reply], line: str
) -> None:
    instead(api, "proj_a/runs", reply())
    output, megabytes = run_and_measure(tmp_path, config_of(api, max_attempts=1))

    assert line in output.error
    # An ordinary sync takes about 80; an answer may have 64, once as it comes and once as bytes.
    assert megabytes < (125 if "500" in line else 250)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (HEAD + b"X: ", b"y"),
        (b"HTTP/1.1 ", b"100 Continue\r\n\r\nHTTP/1.1 "),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        (b"HTTP/1.1 404 No\r\nContent-Length: 9999\r\n\r\n", b" "),
    ],
    ids=["header", "100 Continue", "chunks", "error"],
)
def test_what_trickles_in_without_end_ends_at_the_deadline(
    api: Api, tap: Tap, first: bytes, then: bytes
) -> None:
    def trickle(connection: socket.socket) -> None:
        for piece in chain([first], repeat(then)):
            connection.sendall(piece)
            time.sleep(0.05)

    instead(api, "proj_a/runs", Reply(0, b"", instead=trickle))
    # Each part comes well within it.
    error = tap(max_attempts=1, request_timeout=0.3).error
    # Where this machine is busy, a part may come too late.
    ends = ("did not end within 10 times request_timeout (1 try)", "no answer in time (request_")
    assert any(end in error for end in ends)


@pytest.mark.parametrize("repeats", [False, True])
def test_endless_pages_end(tap: Tap, monkeypatch: pytest.MonkeyPatch, repeats: bool) -> None:
    """Each page is full, and there is always another; or always the same."""
    monkeypatch.setattr("tap_dagctl.pagination.paginator.MAX_NEW_ROWS", 5_000)

    def endless(request: Request) -> Reply:
        page, limit = (int(request.params[name]) for name in ("page", "limit"))
        first, total = (0, 10**15) if repeats else (page * limit, (page + 1) * limit)
        keys = range(first, first + limit)
        rows = [{"id": f"{it}", "updated_at": "2026-03-02T05:00:00Z"} for it in keys]
        counts = {"page": page, "limit": limit, "total": total, "total_pages": total // limit}
        return reply_of({"runs": rows, **counts}, request)

    instead(tap.api, "proj_a/runs", endless)
    output = tap(max_attempts=1, max_connections=1)

    if repeats:
        assert output.exit_code == 0
        assert "and did not show 999999999999500 of them; the bookmark waits" in output.stderr
        assert len(tap.api.requests) < 80
    else:
        assert "its pages have no end" in output.error
    assert "replication_key_value" not in output.state["bookmarks"]["runs"]["partitions"][0]


@pytest.mark.parametrize("project", [".", "..", "../../x?b#c", "%2e%2e", "a ä\r\nX: y"])
def test_a_project_id_is_one_segment_of_the_path_or_refused(tap: Tap, project: str) -> None:
    for key in ("proj_a", project):
        tap.api.world.projects.get(key) or tap.api.world.add_project(key, "odd")
        tap.api.world.put("runs", key, {"id": f"run of {key}"})
    output = tap()

    is_refused = project in {".", ".."}
    assert {row["project_id"] for row in output.records("runs")} == {
        "proj_a",
        *[project] * (not is_refused),
    }
    assert bool(output.exit_code) == is_refused
    assert not is_refused or not any(".." in request.path for request in tap.api.requests)


@pytest.mark.usefixtures("collected")
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
