"""The other loaders that meltano.yml brings hold what the API holds, as DuckDB does."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from stand_in.history import History
from stand_in.server import Api, serving
from stand_in.world import EXECUTIONS, JOBS, PLANS, RUNS, World
from tests.support import shell_recipe
from tests.support.base_time import FIRST_DAY, NOW
from tests.support.meltano import Meltano
from tests.support.project import ROOT
from tests.support.syncs import TAP, config_of
from tests.support.truth import KEYS, Table, difference, in_messages, tables
from tests.support.warehouses import duckdb_at, postgres_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stand_in.world import Row

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
TARGET_JSONL = ROOT / ".meltano" / "loaders" / "target-jsonl" / "venv" / "bin" / "target-jsonl"


@pytest.fixture
def history() -> History:
    return History(World(now=NOW), days=20)


@pytest.fixture
def api(history: History) -> Iterator[Api]:
    with serving(history.world) as api:
        yield api


def test_a_plain_pipe_into_jsonl(api: Api, history: History, tmp_path: Path) -> None:
    """Lines are appended, so the last of a key is the row."""
    (tmp_path / "config.json").write_text(json.dumps(config_of(api)))
    catalog = subprocess.run([TAP, "--discover"], capture_output=True, check=True).stdout
    (tmp_path / "catalog.json").write_bytes(catalog)
    (tmp_path / "target.json").write_text(json.dumps({"do_timestamp_file": False}))
    (tmp_path / "state.json").write_text("{}")
    for pause in (timedelta(), timedelta(hours=30), timedelta()):
        history.advance(pause)
        assert shell_recipe.run(tmp_path, str(TARGET_JSONL)).returncode == 0
        found = {name: _from_lines(tmp_path / f"{name}.jsonl", name) for name in KEYS}
        for name, expected in tables(history.world, FIRST_DAY).items():
            assert difference(name, found[name], expected) == []


def _from_lines(path: Path, stream: str) -> Table:
    lines = path.read_text().splitlines()
    return in_messages((stream, json.loads(line)) for line in lines)[stream]


def test_postgres_after_every_run(
    api: Api, history: History, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    meltano = Meltano.of(api, tmp_path)
    with postgres_in(tmp_path_factory.mktemp("postgres")) as warehouse:
        meltano.environment |= warehouse.environment
        for pause in (timedelta(), timedelta(hours=30), timedelta()):
            history.advance(pause)
            meltano.run("tap-dagctl", "target-postgres")
            assert warehouse.differences(history.world, FIRST_DAY) == []


def test_three_taps_at_once_fill_the_tables_that_one_fills(
    api: Api, history: History, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    meltano = Meltano.of(api, tmp_path)
    project = yaml.safe_load((tmp_path / "meltano.yml").read_text())
    names = [f"tap-dagctl-{number}" for number in range(len(history.world.projects))]
    for name, key in zip(names, history.world.projects, strict=True):
        part = {"name": name, "inherit_from": "tap-dagctl", "config": {"project_ids": [key]}}
        project["plugins"]["extractors"].append(part)
        variable = name.upper().replace("-", "_")
        meltano.environment[f"{variable}_API_URL"] = api.url
    (tmp_path / "meltano.yml").write_text(yaml.safe_dump(project))
    with postgres_in(tmp_path_factory.mktemp("postgres")) as warehouse:
        meltano.environment |= warehouse.environment
        meltano.run(names[0], "target-postgres")
        for pause in (timedelta(), timedelta(hours=30), timedelta()):
            history.advance(pause)
            with ThreadPoolExecutor() as pool:
                list(pool.map(lambda name: meltano.run(name, "target-postgres"), names))
        assert warehouse.differences(history.world, FIRST_DAY) == []


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


@pytest.mark.parametrize("loader", ["target-duckdb", "target-postgres"])
def test_a_value_no_loader_can_take_holds_up_no_row(
    loader: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
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

    with serving(world) as api, postgres_in(tmp_path_factory.mktemp("postgres")) as postgres:
        api.alter = alter
        warehouse = postgres if loader == "target-postgres" else duckdb_at(tmp_path / "odd.duckdb")
        meltano = Meltano.of(api, tmp_path)
        meltano.environment |= warehouse.environment
        log = meltano.run("tap-dagctl", loader)
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
