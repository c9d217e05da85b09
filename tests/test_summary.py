"""The one line that says what a sync did."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from stand_in.server import Reply, serving
from stand_in.world import World
from tests.support.syncs import config_of, run_tap, selecting

if TYPE_CHECKING:
    from pathlib import Path

    from stand_in.server import Api
    from tests.support.syncs import Output

NONE = "0 read, 0 sent"


def summary(output: Output) -> str:
    (line,) = (line for line in output.stderr.splitlines() if "| Synced " in line)
    assert output.stderr.splitlines()[-1] == line or output.exit_code == 1
    return re.sub(r"in [\d.]+ s", "in … s", line.split("|")[-1].strip())


def sync(api: Api, directory: Path, state: Any = None, **settings: Any) -> Output:
    return run_tap(directory, config_of(api, **settings), state=state)


@pytest.fixture
def rows(api: Api) -> Api:
    for number in range(30):
        api.world.put("runs", "proj_a", {"id": f"run_{number}"})
    api.world.put("jobs", "proj_b", {"id": "job"})
    api.world.advance(seconds=10)
    return api


def test_it_says_what_came_and_what_of_it_was_new(rows: Api, tmp_path: Path) -> None:
    first = sync(rows, tmp_path)
    assert summary(first) == (
        f"Synced 2 projects in … s with {len(rows.requests)} requests: projects 2 read, 2 sent; "
        f"runs 30 read, 30 sent; model_executions {NONE}; daily_stats 1 read, 1 sent; "
        f"model_stats {NONE}; jobs 1 read, 1 sent; plans {NONE}; nothing failed"
    )
    rows.requests.clear()
    # All runs lie within the overlap: they are read again, and not sent.
    again = sync(rows, tmp_path, state=first.state)
    assert "runs 30 read, 0 sent; " in summary(again)
    assert f"with {len(rows.requests)} requests" in summary(again)


def test_it_says_what_failed(rows: Api, tmp_path: Path) -> None:
    for number in range(5):
        rows.world.add_project(f"proj_{number}", "one more")
    rows.misbehave = lambda request: Reply(500, b"{}") if request.path.endswith("/plans") else None
    output = sync(rows, tmp_path, max_attempts=1)

    assert output.exit_code == 1
    assert summary(output).endswith(
        f"plans {NONE}; failed: plans of proj_a, plans of proj_b, plans of proj_0 and 4 more"
    )


def test_a_project_that_was_deleted_meanwhile_did_not_fail(rows: Api, tmp_path: Path) -> None:
    def alter(answer: dict[str, object]) -> None:
        if "projects" in answer:
            rows.world.projects.pop("proj_b", None)

    rows.alter = alter
    output = sync(rows, tmp_path)

    assert output.exit_code == 0
    assert summary(output).endswith("nothing failed")


def test_what_a_map_or_the_catalog_leaves_out_was_not_sent(rows: Api, tmp_path: Path) -> None:
    maps = {"runs": {"__filter__": "record['id'] == 'run_7'"}}
    assert "runs 30 read, 1 sent; " in summary(sync(rows, tmp_path, stream_maps=maps))

    catalog = selecting(in_process_catalog(), ["runs"])
    text = summary(run_tap(tmp_path, config_of(rows), catalog=catalog))
    assert "projects 2 read, 0 sent; runs 30 read, 30 sent; nothing failed" in text


def in_process_catalog() -> dict[str, list[dict[str, object]]]:
    from tap_dagctl.tap import TapDagctl  # noqa: PLC0415

    catalog: dict[str, list[dict[str, object]]] = TapDagctl(validate_config=False).catalog_dict
    return catalog


def test_files_are_counted_as_well(rows: Api, tmp_path: Path) -> None:
    encoding = {"format": "jsonl", "compression": "gzip"}
    storage = {"root": f"file://{tmp_path}/files"}
    output = sync(rows, tmp_path, batch_config={"encoding": encoding, "storage": storage})

    assert "runs 30 read, 30 sent; " in summary(output)


def test_every_try_is_a_request(rows: Api, tmp_path: Path) -> None:
    rows.misbehave = lambda request: Reply(500, b"{}") if request.number in {3, 7} else None
    output = run_tap(tmp_path, config_of(rows))

    assert f"with {len(rows.requests)} requests: projects 2" in summary(output)
    assert "runs 30 read, 30 sent; " in summary(output)


@pytest.mark.parametrize("number", [0, 1, 3])
def test_a_test_ends_with_what_can_be_read(tmp_path: Path, number: int) -> None:
    world = World()
    for name in range(number):
        world.add_project(f"proj_{name}", "sales")
        world.put("runs", f"proj_{name}", {"id": "run"})
    with serving(world) as api:
        output = run_tap(tmp_path, config_of(api), "--test")

    said = {0: "0 projects, 1 stream", 1: "1 project, 7 streams", 3: "3 projects, 7 streams"}
    last = output.stderr.splitlines()[-1]
    assert last.endswith(f"| The account can be read: {said[number]}")
    assert output.exit_code == 0


def test_lines_grow_with_what_happens_and_not_with_projects(tmp_path: Path) -> None:
    world = World()
    for number in range(200):
        world.add_project(f"proj_{number}", "idle")
    world.advance(hours=1)
    with serving(world) as api:
        first = sync(api, tmp_path)
        again = sync(api, tmp_path, state=first.state)

    for output in (first, again):
        assert output.exit_code == 0
        assert len(output.stderr.splitlines()) < 20
        assert len(summary(output)) < 400
