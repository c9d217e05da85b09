"""The stream `syncs`, beside what the stand-in counted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from signal import SIGINT, SIGTERM, Signals
from typing import Any

import pytest
from typing_extensions import override

from stand_in.history import History
from stand_in.server import PREFIX, Api, Reply, Request, running
from stand_in.world import World
from tap_dagctl.streams import STREAMS
from tap_dagctl.tap import TapDagctl
from tests.support.at_request import at_request, refuse, signalled_at
from tests.support.catalogs import deselect, selecting
from tests.support.syncs import Json, Output, Tap, config_of, in_files

ENDINGS = {it.path.rpartition("/")[2]: it.name for it in STREAMS if hasattr(it, "path")}
Part = tuple[str, str]
Sync = Callable[..., Output]


def part_of(path: str) -> Part:
    """Return the stream and project that a request is for."""
    pieces = path.removeprefix(f"{PREFIX}/").split("/")
    project = pieces[1] if pieces[0] == "projects" and pieces[1:] else ""
    return ENDINGS[pieces[-1]], project


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
def catalog() -> Json:
    tap = TapDagctl(config={"include_sensitive": True}, validate_config=False)
    return selecting(tap.catalog_dict, tap.streams)


@pytest.fixture
def sync(api: CountingApi, tap: Tap, catalog: Json) -> Sync:
    """Sync everything, and count anew."""

    def sync(**settings: Any) -> Output:
        api.requests.clear()
        api.rows.clear()
        return tap(**{"include_sensitive": True, "catalog": catalog, **settings})

    return sync


def rows_of(output: Output) -> dict[Part, Json]:
    """Return the rows by stream and project, which are of one sync."""
    rows = output.records("syncs")
    found = {(row["stream"], row["project_id"]): row for row in rows}
    assert len(found) == len(rows)
    assert len({row["sync_id"] for row in rows}) == 1
    return found


def assert_as_counted(api: CountingApi, output: Output, errors: dict[Part, str]) -> None:
    rows = rows_of(output)
    sent = Counter(
        (stream, record.get("project_id", ""))
        for stream, records in output.sent.items()
        for record in records
        if stream != "syncs"
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
    api: CountingApi, project: str, sync: Sync, refused_projects: str
) -> None:
    settings = {"refused_projects": refused_projects, "page_size": 60, "max_attempts": 2}
    first = sync(**settings).succeeded
    assert {part[1] for part in rows_of(first)} == {"", *api.world.projects}
    assert_as_counted(api, first, {})

    refuse(api, {f"{project}/runs": 403, f"{project}/jobs": 500, "/members": 500})
    second = sync(state=first.state, **settings)
    assert second.exit_code == 1
    statuses = {("runs", project): 403, ("jobs", project): 500, ("members", ""): 500}
    errors = {part: f"the server answered {status}" for part, status in statuses.items()}
    assert_as_counted(api, second, errors)
    before, after = (rows_of(it)["runs", project] for it in (first, second))
    assert after["bookmark"] == before["bookmark"]
    assert after["sync_id"] != before["sync_id"]


def test_a_deleted_project_has_not_failed(api: CountingApi, project: str, sync: Sync) -> None:
    at_request(api, f"{project}/runs", 1, lambda: api.world.delete_project(project))
    output = sync().succeeded
    assert_as_counted(api, output, {})
    assert "; nothing failed\n" in output.stderr


def test_a_rejected_token_is_told_once(api: CountingApi, sync: Sync, catalog: Json) -> None:
    api.misbehave = lambda _: Reply(401, b"{}")
    output = sync(catalog=selecting(catalog, {"projects", "runs", "syncs"}))
    assert output.exit_code == 1
    assert_as_counted(api, output, {("projects", ""): "the server answered 401"})


def test_it_is_read_only_where_it_is_selected(tap: Tap) -> None:
    # A catalog without a word of selection does not select it, either.
    discovered = json.loads(tap("--discover").stdout)
    for output in (tap(), tap(catalog=discovered), tap("--test")):
        assert "syncs" not in output.succeeded.sent
        assert "syncs" not in output.state.get("bookmarks", {})


def test_maps_and_selection_are_heeded(api: CountingApi, tap: Tap, catalog: Json) -> None:
    deselect(selecting(catalog, {"runs", "syncs"}), "syncs", "error")
    maps = {"syncs": {"__alias__": "loads", "__filter__": "record['project_id'] != ''"}}
    rows = tap(catalog=catalog, stream_maps=maps).records("loads")

    parts = [(row["stream"], row["project_id"]) for row in rows]
    assert parts == [("runs", key) for key in api.world.projects]
    assert all("error" not in row and row["requests"] == 1 for row in rows)


@pytest.mark.parametrize("batch", [False, True])
def test_an_error_that_ends_the_sync_is_told(
    api: CountingApi, project: str, tmp_path: Path, sync: Sync, batch: bool
) -> None:
    maps = {"jobs": {"x": f"1 / (0 if project_id == '{project}' else 1)"}}
    output = sync(stream_maps=maps, batch_config=in_files(tmp_path) if batch else None)

    assert "stream_maps: an expression fails on a row of jobs" in output.error
    rows = rows_of(output)
    early = [("projects", ""), ("jobs", project)]
    errors = dict.fromkeys(early, "the sync ended before it was read")
    assert {part: row["error"] for part, row in rows.items() if row["error"]} == errors
    assert ("runs", next(iter(api.world.projects))) in rows
    assert ("plans", project) not in rows


@pytest.mark.parametrize(("signum", "batch"), [(SIGTERM, False), (SIGINT, True)], ids=str)
def test_a_stopped_sync_is_told(
    api: CountingApi, project: str, tmp_path: Path, catalog: Json, batch: bool, signum: Signals
) -> None:
    # Nothing is asked for ahead, so that the signal comes while this list is read.
    more = {"batch_config": in_files(tmp_path) if batch else None, "max_connections": 1}
    config = config_of(api, include_sensitive=True, **more)
    output = signalled_at(api, f"{project}/jobs", 1, signum, tmp_path, config, catalog=catalog)

    assert output.exit_code == 128 + signum
    stopped = [("projects", ""), ("jobs", project)]
    errors = dict.fromkeys(stopped, f"stopped by {signum.name}")
    assert {part: row["error"] for part, row in rows_of(output).items() if row["error"]} == errors
    if batch:
        # A state after its file would speak of rows that are in none.
        assert output.messages[-1]["stream"] == "syncs"
    else:
        # Nobody read that answer.
        api.rows["jobs", project] = 0
        assert_as_counted(api, output, errors)
