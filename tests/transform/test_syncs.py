"""What the table of syncs answers, beside what Python makes of the same rows."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.support.answers_in_memory import AnswersInMemory

NOW = datetime(2026, 3, 4, 12, 0)  # noqa: DTZ001 - as the warehouse has it
GONE_AFTER = timedelta(days=3)
Row = dict[str, Any]


def made_up_syncs(dice: random.Random) -> list[Row]:
    """Return syncs by which some streams are read, fail, mend, and are read no more."""
    rows = []
    ends = {
        (f"proj_{number}", stream): dice.choice([None, None, 1, 4, 5])
        for number in range(40)
        for stream in ("runs", "jobs", "plans")
    }
    for hours in range(0, 240, 8):
        moment = NOW - timedelta(hours=hours, minutes=dice.randrange(60))
        sync_id = f"sync_{hours:03}"
        # The newest syncs cannot even list the projects.
        parts = [("", "projects", hours < 48)]
        for (project, stream), days in ends.items():
            if (days is None or hours > 24 * days) and dice.random() < 0.9:
                fails = (project, stream) in {
                    ("proj_3", "runs"),
                    ("proj_4", "jobs"),
                } or dice.random() < 0.3
                parts.append((project, stream, fails))
        for project, stream, fails in parts:
            rows.append(
                {
                    "sync_id": sync_id,
                    "stream": stream,
                    "project_id": project,
                    "began_at": moment,
                    "ended_at": moment + timedelta(seconds=dice.randrange(1, 99)),
                    "error": f"the server answered {hours}" if fails else None,
                }
            )
            moment += timedelta(seconds=1)
    dice.shuffle(rows)
    return rows


def expected(rows: list[Row], gone: set[str]) -> tuple[dict[Any, Any], dict[Any, Any]]:
    """Return the unread streams, and when each project was read."""
    listings = [row for row in rows if row["stream"] == "projects" and not row["error"]]
    newest_listing = max((row["began_at"] for row in listings), default=datetime.min)  # noqa: DTZ901
    by_part = defaultdict(list)
    for row in sorted(rows, key=lambda row: row["began_at"]):
        by_part[row["project_id"], row["stream"]].append(row)
    unread: dict[Any, Any] = {}
    reads: defaultdict[str, list[Any]] = defaultdict(list)
    for (project, stream), tries in by_part.items():
        if newest_listing - tries[-1]["began_at"] > GONE_AFTER or project in gone:
            continue
        good = [at for at, row in enumerate(tries) if not row["error"]]
        last_read_at = tries[good[-1]]["ended_at"] if good else None
        reads[project].append(last_read_at)
        if tries[-1]["error"]:
            first_failed = tries[good[-1] + 1 if good else 0]
            unread[project, stream] = (
                tries[-1]["error"],
                first_failed["began_at"],
                last_read_at,
            )
    return unread, {key: None if None in its else min(its) for key, its in reads.items()}


def test_what_is_unread_and_how_old_a_project_is(answers_in_memory: AnswersInMemory) -> None:
    dice = random.Random(7)
    projects: list[Row] = [
        {
            "id": f"proj_{number}",
            "name": f"name {number}",
            "_sdc_extracted_at": NOW - timedelta(days=5 * (number % 10 == 0)),
        }
        for number in range(42)
    ]
    gone = {row["id"] for row in projects if row["_sdc_extracted_at"] < NOW}
    runs: list[Row] = [
        {
            "id": f"run_{number}",
            "project_id": f"proj_{number % 30}",
            "updated_at": NOW - timedelta(minutes=dice.randrange(9_999)),
        }
        for number in range(90)
    ]
    changes: dict[str, Any] = {}
    for row in sorted(runs, key=lambda row: row["updated_at"]):
        changes[row["project_id"]] = row["updated_at"]
    syncs = made_up_syncs(dice)
    answers_in_memory.load(NOW, {"projects": projects, "runs": runs, "syncs": syncs})
    unread, reads = expected(syncs, gone)
    assert 10 < len(unread) < 100
    assert any(last is None for *_, last in unread.values())
    rows = answers_in_memory("select * from unread_streams")
    columns = ("error", "failing_since", "last_read_at")
    found = {
        (row["project_id"], row["stream"]): tuple(row[name] for name in columns) for row in rows
    }
    assert found == unread
    assert len(rows) == len(unread)
    names = {row["id"]: row["name"] for row in projects} | {"": "the organization"}
    assert all(row["project_name"] == names[row["project_id"]] for row in rows)

    failing = {key for key, _ in unread}
    rows = answers_in_memory("select * from project_freshness")
    of_project = ("project_name", "read_at", "newest_change_at", "is_failing")
    assert {row["project_id"]: tuple(row[name] for name in of_project) for row in rows} == {
        key: (names[key], reads.get(key), changes.get(key), key in failing)
        for key in names.keys() - gone - {""}
    }
    assert len(rows) == len(projects) - len(gone)
