"""The one line that says what a sync did."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from stand_in.server import Reply
from tests.support.syncs import selecting

if TYPE_CHECKING:
    from pathlib import Path

    from stand_in.server import Api
    from tests.support.syncs import Output, Tap

NONE = "0 read, 0 sent"


def summary(output: Output) -> str:
    (line,) = (line for line in output.stderr.splitlines() if "| Synced " in line)
    assert output.stderr.splitlines()[-1] == line or output.exit_code == 1
    return re.sub(r"in [\d.]+ s", "in … s", line.split("|")[-1].strip())


@pytest.fixture(autouse=True)
def rows(api: Api) -> None:
    for number in range(30):
        api.world.put("runs", "proj_a", {"id": f"run_{number}"})
    api.world.put("jobs", "proj_b", {"id": "job"})
    api.world.advance(seconds=10)


def test_it_says_what_came_and_what_of_it_was_new(api: Api, tap: Tap) -> None:
    first = tap()
    assert summary(first) == (
        f"Synced 2 projects in … s with {len(api.requests)} requests: projects 2 read, 2 sent; "
        f"runs 30 read, 30 sent; model_executions {NONE}; daily_stats 1 read, 1 sent; "
        f"model_stats {NONE}; jobs 1 read, 1 sent; plans {NONE}; nothing failed"
    )
    # All runs lie within the overlap: they are read again, and not sent.
    assert "runs 30 read, 0 sent; " in summary(tap(state=first.state))


def test_it_says_what_failed_and_counts_every_try(api: Api, tap: Tap) -> None:
    for number in range(5):
        api.world.add_project(f"proj_{number}", "one more")
    api.misbehave = lambda it: Reply(500, b"{}") if it.path.endswith("/plans") else None
    output = tap(max_attempts=1)

    assert output.exit_code == 1
    assert f"with {len(api.requests)} requests: projects 7" in summary(output)
    assert summary(output).endswith(
        f"plans {NONE}; failed: plans of proj_a, plans of proj_b, plans of proj_0 and 4 more"
    )


def test_what_is_left_out_was_not_sent(tap: Tap, catalog: dict[str, Any], tmp_path: Path) -> None:
    maps = {"runs": {"__filter__": "record['id'] == 'run_7'"}}
    assert "runs 30 read, 1 sent; " in summary(tap(stream_maps=maps))

    text = summary(tap(catalog=selecting(catalog, ["runs"])))
    assert "projects 2 read, 0 sent; runs 30 read, 30 sent; nothing failed" in text

    encoding = {"format": "jsonl", "compression": "gzip"}
    batch_config = {"encoding": encoding, "storage": {"root": f"file://{tmp_path}"}}
    assert "runs 30 read, 30 sent; " in summary(tap(batch_config=batch_config))


@pytest.mark.parametrize("number", [0, 1, 3])
def test_a_test_ends_with_what_can_be_read(api: Api, tap: Tap, number: int) -> None:
    api.world.projects.clear()
    for name in range(number):
        api.world.add_project(f"proj_{name}", "sales")
    last = tap("--test").succeeded.stderr.splitlines()[-1]

    said = {0: "0 projects, 1 stream", 1: "1 project, 7 streams", 3: "3 projects, 7 streams"}
    assert last.endswith(f"| The account can be read: {said[number]}")


def test_lines_grow_with_what_happens_and_not_with_projects(api: Api, tap: Tap) -> None:
    for number in range(200):
        api.world.add_project(f"proj_{number}", "idle")
    first = tap()

    for output in (first, tap(state=first.state)):
        assert len(output.succeeded.stderr.splitlines()) < 20
        assert len(summary(output)) < 400
