"""The stream `syncs`, beside what the stand-in counted."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from typing_extensions import override

from stand_in.history import History
from stand_in.server import PREFIX, Api, Reply, running
from stand_in.world import World
from tap_dagctl.tap import TapDagctl
from tests.support.at_request import at_request
from tests.support.syncs import Output, Tap, arguments, config_of, selecting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stand_in.server import Request

TABLES = {"model-executions": "model_executions", "daily-stats": "daily_stats"}
TABLES |= {"stats": "model_stats", "environment-protections": "environment_protections"}
Part = tuple[str, str]


def part_of(path: str) -> Part:
    """Return the stream and project that a request is for."""
    pieces = path.removeprefix(f"{PREFIX}/").split("/")
    project = pieces[1] if pieces[0] == "projects" and pieces[1:] else ""
    return TABLES.get(pieces[-1], pieces[-1]), project


class CountingApi(Api):
    """Counts the rows it sends, by stream and project."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.rows: Counter[Part] = Counter()

    @override
    def answer(self, request: Request) -> dict[str, Any]:
        answer = super().answer(request)
        (rows,) = (value for value in answer.values() if isinstance(value, list))
        self.rows[part_of(request.path)] += len(rows)
        return answer


@pytest.fixture
def api() -> Iterator[CountingApi]:
    world = History(World(), days=9).world
    world.advance(hours=1)
    with running(api := CountingApi(world)):
        yield api


@pytest.fixture
def project(api: CountingApi) -> str:
    return list(api.world.projects)[1]


@pytest.fixture
def catalog() -> dict[str, Any]:
    tap = TapDagctl(config={"include_sensitive": True}, validate_config=False)
    return selecting(tap.catalog_dict, tap.streams)


@pytest.fixture
def sync(api: CountingApi, tap: Tap, catalog: dict[str, Any]) -> Callable[..., Output]:
    """Sync everything, and count anew."""

    def sync(**settings: Any) -> Output:
        api.requests.clear()
        api.rows.clear()
        return tap(**{"include_sensitive": True, "catalog": catalog, **settings})

    return sync


def rows_of(output: Output) -> dict[Part, dict[str, Any]]:
    """Return the rows by stream and project, which are of one sync."""
    rows = output.records("syncs")
    found = {(row["stream"], row["project_id"]): row for row in rows}
    assert len(found) == len(rows)
    assert len({row["sync_id"] for row in rows}) == 1
    return found


def assert_as_counted(api: CountingApi, output: Output, errors: dict[Part, str]) -> None:
    rows = rows_of(output)
    sent = Counter(
        (message["stream"], message["record"].get("project_id", ""))
        for message in output.messages
        if message["type"] == "RECORD" and message["stream"] != "syncs"
    )
    bookmarks = {
        (stream, partition["context"]["project_id"]): partition.get("replication_key_value")
        for stream, state in output.state["bookmarks"].items()
        for partition in state.get("partitions", ())
    }
    assert rows.keys() == {part_of(request.path) for request in api.requests}
    requests = Counter(part_of(request.path) for request in api.requests)
    for part, row in rows.items():
        told = [row[name] for name in ("requests", "rows_read", "rows_sent", "bookmark")]
        assert told == [requests[part], api.rows[part], sent[part], bookmarks.get(part)], part
        assert row["began_at"] <= row["ended_at"] <= rows["projects", ""]["ended_at"] or not part[1]
        assert row["seconds"] >= 0
    assert sum(sent.values()) == sum(row["rows_sent"] for row in rows.values())
    assert {part: row["error"] for part, row in rows.items() if row["error"]} == errors


@pytest.mark.parametrize("refused_projects", ["fail", "warn"])
def test_it_says_what_was_read_and_what_was_not(
    api: CountingApi, project: str, sync: Callable[..., Output], refused_projects: str
) -> None:
    settings = {"refused_projects": refused_projects, "page_size": 60, "max_attempts": 2}
    first = sync(**settings).succeeded
    assert {part[1] for part in rows_of(first)} == {"", *api.world.projects}
    assert_as_counted(api, first, {})

    token = api.world.token

    def misbehave(request: Request) -> Reply | None:
        said = json.dumps({"error": f"made up {token} said the server"}).encode()
        if request.path.endswith(f"{project}/runs"):
            return Reply(403, said)
        if request.path.endswith(("/members", f"{project}/jobs")):
            return Reply(500, said)
        return None

    api.misbehave = misbehave
    second = sync(state=first.state, **settings)
    assert second.exit_code == 1
    errors = {
        ("runs", project): "the server answered 403",
        ("jobs", project): "the server answered 500",
        ("members", ""): "the server answered 500",
    }
    assert_as_counted(api, second, errors)
    assert (
        rows_of(second)["runs", project]["bookmark"] == rows_of(first)["runs", project]["bookmark"]
    )
    said = [json.dumps(row) for row in second.records("syncs")]
    assert not any("made up" in row or token in row for row in said)
    assert second.records("syncs")[0]["sync_id"] != first.records("syncs")[0]["sync_id"]


def test_a_deleted_project_has_not_failed(
    api: CountingApi, project: str, sync: Callable[..., Output]
) -> None:
    at_request(api, f"{project}/runs", 1, lambda: api.world.delete_project(project))
    output = sync().succeeded
    assert_as_counted(api, output, {})


def test_a_rejected_token_is_told_once(api: CountingApi, tap: Tap, catalog: dict[str, Any]) -> None:
    api.misbehave = lambda _: Reply(401, b"{}")
    output = tap(catalog=selecting(catalog, {"projects", "runs", "syncs"}))
    assert output.exit_code == 1
    assert {part: row["error"] for part, row in rows_of(output).items()} == {
        ("projects", ""): "the server answered 401"
    }


def test_it_is_read_only_where_it_is_selected(tap: Tap) -> None:
    plain = tap()
    assert plain.exit_code == 0
    assert not [it for it in plain.messages if it.get("stream") == "syncs"]
    assert "syncs" not in plain.state["bookmarks"]
    discovered = json.loads(tap("--discover").stdout)
    (entry,) = (it for it in discovered["streams"] if it["tap_stream_id"] == "syncs")
    (root,) = (it["metadata"] for it in entry["metadata"] if not it["breadcrumb"])
    assert root["selected-by-default"] is False
    # As a catalog without a word of selection says it, too.
    assert not tap(catalog=discovered).records("syncs")
    tested = tap("--test").messages
    assert not [it for it in tested if it["type"] == "RECORD" and it["stream"] == "syncs"]


def test_maps_and_selection_are_heeded(api: CountingApi, tap: Tap, catalog: dict[str, Any]) -> None:
    for entry in selecting(catalog, {"runs", "syncs"})["streams"]:
        for item in entry["metadata"]:
            if entry["tap_stream_id"] == "syncs" and item["breadcrumb"] == ["properties", "error"]:
                item["metadata"] |= {"selected": False}
    maps = {"syncs": {"__alias__": "loads", "__filter__": "record['project_id'] != ''"}}
    output = tap(catalog=catalog, stream_maps=maps)

    rows = output.records("loads")
    assert {(row["stream"], row["project_id"]) for row in rows} == {
        ("runs", key) for key in api.world.projects
    }
    assert all("error" not in row and row["requests"] == 1 for row in rows)


def in_files(directory: Path) -> dict[str, Any]:
    encoding = {"format": "jsonl", "compression": "gzip"}
    return {"encoding": encoding, "storage": {"root": f"file://{directory}/files"}}


def rows_of_files(output: Output) -> dict[Part, dict[str, Any]]:
    rows = [
        json.loads(line)
        for message in output.messages
        if message["type"] == "BATCH" and message["stream"] == "syncs"
        for file in message["manifest"]
        for line in gzip.decompress(Path(urlsplit(file).path).read_bytes()).splitlines()
    ]
    return {(row["stream"], row["project_id"]): row for row in rows}


@pytest.mark.parametrize("batch", [False, True])
def test_an_error_that_ends_the_sync_is_told(
    api: CountingApi, project: str, tmp_path: Path, sync: Callable[..., Output], batch: bool
) -> None:
    maps = {"jobs": {"x": f"1 / (0 if project_id == '{project}' else 1)"}}
    more = {"batch_config": in_files(tmp_path)} if batch else {}
    output = sync(stream_maps=maps, **more)

    assert "stream_maps: an expression fails on a row of jobs" in output.error
    rows = rows_of_files(output) if batch else rows_of(output)
    early = "the sync ended before it was read"
    assert {part for part, row in rows.items() if row["error"] == early} == {
        ("projects", ""),
        ("jobs", project),
    }
    assert ("runs", next(iter(api.world.projects))) in rows
    assert ("plans", project) not in rows


@pytest.mark.parametrize(
    ("signum", "batch"), [(signal.SIGTERM, False), (signal.SIGINT, True)], ids=str
)
def test_a_stopped_sync_is_told(
    api: CountingApi,
    project: str,
    tmp_path: Path,
    catalog: dict[str, Any],
    batch: bool,
    signum: signal.Signals,
) -> None:
    more = {"batch_config": in_files(tmp_path)} if batch else {}
    # Nothing is asked for ahead, so that the signal comes while this list is read.
    config = config_of(api, include_sensitive=True, max_connections=1, **more)
    taps: list[subprocess.Popen[str]] = []
    at_request(api, f"{project}/jobs", 1, lambda: taps[0].send_signal(signum))
    line = arguments(tmp_path, config, catalog=catalog)
    with subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    ) as tap:
        taps.append(tap)
        stdout, stderr = tap.communicate(timeout=120)
    output = Output.of(tap.returncode, stdout, stderr)

    assert output.exit_code == 128 + signum
    rows = rows_of_files(output) if batch else rows_of(output)
    stopped = {part for part, row in rows.items() if row["error"]}
    assert stopped == {("projects", ""), ("jobs", project)}
    assert {rows[part]["error"] for part in stopped} == {f"stopped by {signum.name}"}
    if batch:
        # A state after its file would speak of rows that are in none.
        assert output.messages[-1]["stream"] == "syncs"
    else:
        # Nobody read that answer.
        api.rows["jobs", project] = 0
        assert_as_counted(api, output, dict.fromkeys(stopped, f"stopped by {signum.name}"))
