"""What the table of syncs answers, beside what Python makes of the same rows."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.answers_in_memory import AnswersInMemory

NOW = datetime(2026, 3, 4, 12, 0)  # noqa: DTZ001 - as the warehouse has it
GONE_AFTER = timedelta(days=3)
Row = dict[str, Any]
NAMES = {"": "the organization", "proj_a": "a", "proj_b": "b", "proj_c": "c", "proj_gone": "gone"}
PROJECTS: list[Row] = [
    {"id": key, "name": name, "_sdc_extracted_at": NOW - timedelta(days=5 * (name == "gone"))}
    for key, name in NAMES.items()
    if key
]
PARTS = [("", "projects"), ("proj_c", "runs"), ("proj_gone", "runs")]
PARTS += [(project, stream) for project in ("proj_a", "proj_b") for stream in ("runs", "jobs")]
HOURS = st.integers(0, 30).map(lambda number: number * 8)


@st.composite
def syncs(draw: st.DrawFn) -> list[Row]:
    """Return syncs by which some streams are read, fail, mend, and are read no more."""
    parts = st.tuples(st.sampled_from(PARTS), HOURS)
    rows = []
    for (project, stream), hours in draw(st.lists(parts, unique=True, max_size=40)):
        began = NOW - timedelta(hours=hours)
        row = {"sync_id": f"sync_{hours:03}", "stream": stream, "project_id": project}
        error = f"the server answered {hours}" if draw(st.booleans()) else None
        ended = began + timedelta(seconds=draw(st.integers(1, 99)))
        rows.append({**row, "began_at": began, "ended_at": ended, "error": error})
    return rows


def expected(rows: list[Row]) -> tuple[list[Any], dict[Any, Any]]:
    """Return the rows of the unread streams, and when each project was read."""
    listings = [row for row in rows if row["stream"] == "projects" and not row["error"]]
    newest_listing = max((row["began_at"] for row in listings), default=datetime.min)  # noqa: DTZ901
    by_part = defaultdict(list)
    for row in sorted(rows, key=lambda row: row["began_at"]):
        by_part[row["project_id"], row["stream"]].append(row)
    unread = []
    reads: defaultdict[str, list[Any]] = defaultdict(list)
    for (project, stream), tries in by_part.items():
        if newest_listing - tries[-1]["began_at"] > GONE_AFTER or project == "proj_gone":
            continue
        good = [at for at, row in enumerate(tries) if not row["error"]]
        last_read_at = tries[good[-1]]["ended_at"] if good else None
        reads[project].append(last_read_at)
        if tries[-1]["error"]:
            failing_since = tries[good[-1] + 1 if good else 0]["began_at"]
            its = (project, stream, NAMES[project], tries[-1]["error"], failing_since, last_read_at)
            unread.append(its)
    return sorted(unread), {key: None if None in its else min(its) for key, its in reads.items()}


@settings(deadline=None, max_examples=40)
@given(
    syncs=syncs(),
    changed=st.lists(st.tuples(st.sampled_from(sorted(NAMES)[1:]), HOURS), max_size=9),
)
def test_what_is_unread_and_how_old_a_project_is(
    answers_in_memory: AnswersInMemory, syncs: list[Row], changed: list[tuple[str, int]]
) -> None:
    runs: list[Row] = [
        {"id": str(at), "project_id": project, "updated_at": NOW - timedelta(hours=hours)}
        for at, (project, hours) in enumerate(changed)
    ]
    answers_in_memory.load(NOW, {"projects": PROJECTS, "runs": runs, "syncs": syncs})
    unread, reads = expected(syncs)
    columns = "project_id, stream, project_name, error, failing_since, last_read_at"
    found = answers_in_memory(f"select {columns} from unread_streams order by project_id, stream")  # noqa: S608 - from above
    assert [tuple(row.values()) for row in found] == unread

    columns = "project_id, project_name, read_at, newest_change_at, is_failing"
    found = answers_in_memory(f"select {columns} from project_freshness order by project_id")  # noqa: S608 - from above
    failing = {key for key, *_ in unread}
    changes = {
        key: [run["updated_at"] for run in runs if run["project_id"] == key] for key in NAMES
    }
    assert [tuple(row.values()) for row in found] == [
        (key, key[-1], reads.get(key), max(changes[key], default=None), key in failing)
        for key in ("proj_a", "proj_b", "proj_c")
    ]


@pytest.mark.parametrize(("read_after", "seconds"), [(5, []), (60, [3_600])])
def test_a_run_takes_only_as_long_as_its_list_was_read(
    answers_in_memory: AnswersInMemory, read_after: int, seconds: list[int]
) -> None:
    start = NOW - timedelta(days=4)
    run = {"project_id": "p", "job_name": "nightly", "start_time": start, "updated_at": start}
    short = {**run, "status": "success", "duration_seconds": 600}
    runs = [{**short, "id": str(number)} for number in range(6)]
    part = {"project_id": "p", "stream": "runs"}
    read, failed = start + timedelta(minutes=read_after), start + timedelta(days=2)
    syncs = [
        {**part, "sync_id": "1", "began_at": read, "ended_at": read},
        {**part, "sync_id": "2", "began_at": failed, "ended_at": failed, "error": "refused"},
    ]
    runs.append({**run, "id": "last", "status": "running"})
    answers_in_memory.load(failed, {"runs": runs, "syncs": syncs})
    rows = answers_in_memory("select running_seconds from overdue_runs")
    assert [row["running_seconds"] for row in rows] == seconds
