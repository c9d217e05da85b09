"""What a sync says of itself: one line at its end, and how far it is."""

from __future__ import annotations

import logging
import re
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from stand_in.server import Api
from tap_dagctl.singer.progress import Progress
from tests.support.at_request import refuse
from tests.support.catalogs import selecting
from tests.support.syncs import Output, Tap, in_files

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
    for number in range(200):
        api.world.add_project(f"proj_{number}", "one more")
    refuse(api, {"/plans": 500})
    output = tap(max_attempts=1)

    assert output.exit_code == 1
    assert f"with {len(api.requests):,} requests: projects 202" in summary(output)
    assert summary(output).endswith(
        f"plans {NONE}; failed: plans of proj_a, plans of proj_b, plans of proj_0 and 199 more"
    )
    # Lines grow with what happens, and not with projects.
    api.misbehave = lambda _: None
    assert len(tap(state=output.state).stderr.splitlines()) < 20


def test_what_is_left_out_was_not_sent(tap: Tap, catalog: dict[str, Any], tmp_path: Path) -> None:
    maps = {"runs": {"__filter__": "record['id'] == 'run_7'"}}
    assert "runs 30 read, 1 sent; " in summary(tap(stream_maps=maps))

    text = summary(tap(catalog=selecting(catalog, ["runs"])))
    assert "projects 2 read, 0 sent; runs 30 read, 30 sent; nothing failed" in text

    assert "runs 30 read, 30 sent; " in summary(tap(batch_config=in_files(tmp_path)))


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0 projects, 1 stream"), (1, "1 project, 7 streams"), (3, "3 projects, 7 streams")],
)
def test_a_test_ends_with_what_can_be_read(api: Api, tap: Tap, number: int, said: str) -> None:
    api.world.projects.clear()
    for name in range(number):
        api.world.add_project(f"proj_{name}", "sales")
        for run in ("first", "second"):
            api.world.put("runs", f"proj_{name}", {"id": f"{run} of {name}"})
    output = tap("--test").succeeded

    assert output.stderr.splitlines()[-1].endswith(f"| The account can be read: {said}")
    # It reads little.
    for stream in ("projects", "runs"):
        assert len(output.records(stream)) == min(number, 1)


def test_about_every_ten_seconds_it_says_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Three seconds pass between any two looks at the clock."""
    seconds = count(0, 3)
    monkeypatch.setattr("time.monotonic", lambda: float(next(seconds)))
    walk = Progress("a list", 500)
    with caplog.at_level(logging.INFO):
        for rows in range(500, 5_001, 500):
            walk.report(rows, 5_000)
        projects = Progress("projects")
        for number in range(9):
            projects.report(number, 9)

    assert [message for *_, message in caplog.record_tuples] == [
        "a list: page 4 of 10, 2000 rows, 125 rows/s, about 24 s left",
        "a list: page 8 of 10, 4000 rows, 146 rows/s, about 7 s left",
        "projects: 3 of 9, about 24 s left",
        "projects: 7 of 9, about 7 s left",
    ]
