"""The loaders that meltano.yml brings hold what the API holds, row by row."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import TYPE_CHECKING, Any

from scripts.stream_sections import QUERIES
from stand_in import statistics
from stand_in.history import SLOW_PROJECT, SLOWER_MODEL, History
from stand_in.server import serving
from stand_in.world import EXECUTIONS, JOBS, PLANS, RUNS, World
from tests.support.base_time import FIRST_DAY, NOW
from tests.support.pipe import Pipe
from tests.support.project import ROOT
from tests.support.truth import KEYS, difference, tables
from tests.support.warehouses import Warehouse, duckdb_at

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from stand_in.world import Row

# Texts and numbers that a loader could mistake.
TEXTS = [
    "",
    'said "no"\r\nand stopped',
    "line one\nline two\n\n\tline four",
    "comma, semicolon; pipe | tab\t",
    "\\N",
    "NULL",
    "null",
    "None",
    "true",
    "2026-01-01",
    "1e400",
    "'",
    '"',
    '""',
    "\\",
    ",",
    "  spaces around  ",
    "snö, 雪, ❄️, \u200b",
    "#comment",
    "=1+1",
    "{}",
    "[1]",
]
NUMBERS = [0.1, 1e-7, 754.123, 123456789.123456, 5e-324, 1.2345678901234567e300, 0, 3]
PAGE = (ROOT / "docs" / "incremental.md").read_text()
(DELETED,) = re.findall("```sql\n(.*?)```", PAGE, re.DOTALL)


def test_it_holds_what_the_api_holds_after_every_run(warehouse: Warehouse, tmp_path: Path) -> None:
    history = History(World(now=NOW), days=20)
    world = history.world
    (project, *_) = world.projects
    running = [row["id"] for row in world.rows(RUNS, project) if row["status"] == "running"]
    assert running, "the history has no run that is going on"
    world.change(RUNS, project, running[0], error_message="slow to start")
    for number, text in enumerate(TEXTS):
        world.put(RUNS, project, {"id": f"text {number}", "error_message": text})
    for number, value in enumerate(NUMBERS):
        world.put(RUNS, project, {"id": f"number {number}", "duration_seconds": value})
    for key in ("kept", "gone"):
        world.put(RUNS, project, {"id": f"run_{key}"})
        world.put(JOBS, project, {"id": f"job_{key}", "status": None})
    with serving(world) as api:
        # Many batches.
        pipe = Pipe(api, warehouse, tmp_path, target={"batch_size_rows": 100})
        pipe.load()
        assert warehouse.differences(world, FIRST_DAY) == []

        history.advance(timedelta(hours=30))
        world.change(RUNS, project, running[0], error_message=None)
        pipe.load()
        assert warehouse.differences(world, FIRST_DAY) == []
        found = warehouse.tables()["runs"]
        for key in running:
            assert found[(key,)]["status"] not in {"pending", "running"}
            assert "end_time" in found[(key,)]
        assert "error_message" not in found[(running[0],)]
        assert pipe.load().records("runs") == []
        assert warehouse.differences(world, FIRST_DAY) == []

        # What is deleted stays, and the page's query finds it.
        world.delete(RUNS, project, "run_gone")
        world.delete(JOBS, project, "job_gone")
        moment = datetime.now(tz=timezone.utc)
        for table, is_full_refresh in ((JOBS, False), (RUNS, True)):
            pipe.state = None if is_full_refresh else pipe.state
            pipe.load()
            query = re.sub("'.*'", f"'{moment:%Y-%m-%d %H:%M:%S.%f}'", DELETED)
            gone = {"id": f"{table.removesuffix('s')}_gone", "project_id": project}
            assert warehouse.query(query.replace("dagctl.runs", f"dagctl.{table}")) == [gone]


HUGE = 2**63
# What JSON can say and no loader can take, at every depth, and what becomes of it.
ODD = {
    "NUL": ({"a\0": ["\0", {"b": HUGE - 1}]}, {"a\ufffd": ["\ufffd", {"b": HUGE - 1}]}),
    "huge": ({"a": [HUGE, {"b": -HUGE - 1}]}, {"a": [str(HUGE), {"b": str(-HUGE - 1)}]}),
}
DURATIONS = ("avg_duration_seconds", "p95_duration_seconds", "max_duration_seconds")
# What gets a NUL, and what gets an integer of more than 64 bits.
ODD_FIELDS: dict[str, tuple[str | None, tuple[str, ...]]] = {
    "projects": ("name", ("commits_behind",)),
    "runs": ("error_message", ("duration_seconds",)),
    "model_executions": ("model_name", ("duration_seconds",)),
    "jobs": ("command", ()),
    "plans": ("commit_message", ("commits_behind",)),
    "daily_stats": (None, ("total_runs", *DURATIONS)),
    # Its model's name has one as it is.
    "model_stats": (None, ("total_executions", *DURATIONS)),
}
ODD_TABLES = {"runs": RUNS, "model_executions": EXECUTIONS, "jobs": JOBS, "plans": PLANS}


def odd(stream: str, row: Row, kind: str) -> Row:
    """Return `row` with what is odd in a field, and in one nobody has heard of."""
    text, numbers = ODD_FIELDS[stream]
    if kind == "huge":
        row = row | dict.fromkeys(numbers, HUGE)
    elif text is not None:
        row = row | {text: "a\0b"}
    return row | {"queue": ODD[kind][0]}


def as_loaded(row: Row, kind: str) -> Row:
    """Return what a warehouse is to hold of `row`, which `odd` may have made."""
    loaded = {
        name: value.replace("\0", "\ufffd") if isinstance(value, str) else value
        for name, value in row.items()
    }
    if "plan_output" in loaded:
        loaded["plan_output"] = ODD[kind][1]
    if loaded.pop("queue", None):
        huge = [name for name, value in loaded.items() if value == HUGE]
        kept = {name: str(loaded.pop(name)) for name in huge}
        loaded["additional_properties"] = {"queue": ODD[kind][1], **kept}
    return loaded


def test_a_value_no_loader_can_take_holds_up_no_row(warehouse: Warehouse, tmp_path: Path) -> None:
    world = World(now=NOW)
    for kind, (nested, _) in ODD.items():
        project = world.add_project(kind, f"project {kind}")
        for stream, table in ODD_TABLES.items():
            # A job has no status.
            fields: Row = {"model_name": "m"} if table == EXECUTIONS else {"status": None}
            world.put(table, kind, {"id": f"{kind} even", **fields})
            world.put(table, kind, odd(stream, {"id": f"{kind} odd", **fields}, kind))
        # Nothing else in it is odd.
        world.put(PLANS, kind, {"id": f"{kind} deep", "plan_output": nested})
        project.row = odd("projects", project.row, kind)

    def alter(answer: dict[str, Any]) -> None:
        for name, stream in (("daily_stats", "daily_stats"), ("stats", "model_stats")):
            if rows := answer.get(name):
                kind = "huge" if any(HUGE in row.values() for row in rows) else "NUL"
                answer[name] = [odd(stream, row, kind) for row in rows]

    with serving(world) as api:
        api.alter = alter
        log = Pipe(api, warehouse, tmp_path).load().stderr
    found = warehouse.tables()
    assert log.count("runs: field 'duration_seconds' has a value that is not a number") == 1
    for name, rows in tables(world, FIRST_DAY).items():
        expected = {}
        for row in rows.values():
            kind = row["id" if name == "projects" else "project_id"]
            computed = name in {"daily_stats", "model_stats"}
            loaded = as_loaded(odd(name, row, kind) if computed else row, kind)
            expected[tuple(loaded[key] for key in KEYS[name])] = loaded
        assert len(expected) == len(rows) >= 2
        assert difference(name, found[name], expected) == []


def _with_unheard(rows_of: Callable[..., list[Row]], unheard: Any, *arguments: Any) -> list[Row]:
    return [{**row, "unheard_of": unheard} for row in rows_of(*arguments)]


def test_every_stream_with_a_field_nobody_has_heard_of_and_the_pages_queries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The field is there that day at any depth, with one warning a stream for all rows."""
    unheard = {"deep": [{"deeper": {"deepest": [1, None, {"x": "y"}]}}]}
    world = History(World(now=NOW), days=40).world
    tables = [table for project in world.projects.values() for table in project.tables.values()]
    rows = [row for table in (*tables, *world.organization.values()) for row in table.values()]
    for row in (*rows, *(project.row for project in world.projects.values())):
        row["unheard_of"] = unheard
        if "resources" in row:
            row["resources"] = {**row["resources"], "unheard_of": unheard}
    for name in ("daily", "by_model"):
        rows_of = partial(_with_unheard, getattr(statistics, name), unheard)
        monkeypatch.setattr(statistics, name, rows_of)
    warehouse = duckdb_at(tmp_path / "warehouse.duckdb")
    with serving(world) as api:
        log = Pipe(api, warehouse, tmp_path).load(include_sensitive=True).stderr

    found = {name: warehouse.query(query) for name, query in QUERIES.items()}
    assert next(iter(found["model_stats"][0].values())) == SLOWER_MODEL
    assert [next(iter(row.values())) for row in found["daily_stats"]] == [SLOW_PROJECT]
    for name in QUERIES.keys() - {"syncs"}:  # which the API does not send
        kept = {row["additional_properties"] for row in warehouse.query(f"from dagctl.{name}")}
        assert [json.loads(it) for it in kept] == [{"unheard_of": unheard}], name
        assert log.count(f"{name}: field 'unheard_of' is not in the schema") == 1
    for row in warehouse.query("select resources from dagctl.jobs"):
        assert json.loads(row["resources"])["unheard_of"] == unheard
