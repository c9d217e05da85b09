"""The main job, end to end: what arrived in the warehouse is what the API holds."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta
from typing import TYPE_CHECKING

import duckdb
import pytest

from scripts.stream_sections import QUERIES
from stand_in import statistics
from stand_in.history import SLOW_PROJECT, SLOWER_MODEL, History
from stand_in.server import Api, serving
from stand_in.world import World
from tests.support.base_time import FIRST_DAY, NOW
from tests.support.meltano import WAREHOUSE, Meltano
from tests.support.project import ROOT
from tests.support.warehouses import duckdb_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def history() -> History:
    return History(World(now=NOW), days=40)


@pytest.fixture
def api(history: History) -> Iterator[Api]:
    with serving(history.world) as api:
        yield api


def test_duckdb_holds_what_the_api_holds_after_every_run(
    api: Api, history: History, tmp_path: Path
) -> None:
    meltano = Meltano.of(api, tmp_path)
    warehouse = duckdb_at(tmp_path / WAREHOUSE)
    world = history.world
    running = [
        (project, row["id"])
        for project in world.projects
        for row in world.rows("runs", project)
        if row["status"] == "running"
    ]
    assert running, "the history has no run that is going on"
    world.change("runs", *running[0], error_message="slow to start")

    meltano.run("tap-dagctl", "target-duckdb")
    assert warehouse.differences(world, FIRST_DAY) == []

    history.advance(timedelta(hours=30))
    world.change("runs", *running[0], error_message=None)
    meltano.run("tap-dagctl", "target-duckdb")
    assert warehouse.differences(world, FIRST_DAY) == []
    found = warehouse.tables()
    for _, key in running:
        assert found["runs"][(key,)]["status"] not in {"pending", "running"}
        assert "end_time" in found["runs"][(key,)]
    assert "error_message" not in found["runs"][(running[0][1],)]

    meltano.run("tap-dagctl", "target-duckdb")
    assert warehouse.differences(world, FIRST_DAY) == []


@pytest.mark.parametrize("rows", [1, 2, 501])
def test_every_row_of_every_batch_arrives(rows: int, world: World, tmp_path: Path) -> None:
    for number in range(rows):
        world.put("runs", "proj_a", {"id": f"run_{number}", "status": "success"})
    with serving(world) as api:
        meltano = Meltano.of(api, tmp_path)
        meltano.environment["TARGET_DUCKDB_BATCH_SIZE_ROWS"] = "100"
        meltano.run("tap-dagctl", "target-duckdb")
    assert len(duckdb_at(tmp_path / WAREHOUSE).tables()["runs"]) == rows


def test_a_table_of_texts_alone_arrives_whole(api: Api, history: History, tmp_path: Path) -> None:
    meltano = Meltano.of(api, tmp_path)
    chosen = ["projects.id", "projects.name", "jobs.name", "plans.status"]
    meltano.environment["TAP_DAGCTL__SELECT"] = json.dumps(chosen)
    meltano.run("tap-dagctl", "target-duckdb")

    with duckdb.connect(str(tmp_path / WAREHOUSE), read_only=True) as connection:
        for name, table in (("projects", None), ("jobs", "jobs"), ("plans", "plans")):
            rows = connection.sql(f"select id from dagctl.{name}").fetchall()  # noqa: S608 - a name
            expected = [
                key
                for project, held in history.world.projects.items()
                for key in (held.tables[table] if table else [project])
            ]
            assert sorted(key for (key,) in rows) == sorted(expected)


def test_values_that_a_loader_could_mistake_arrive_as_they_are(
    world: World, tmp_path: Path
) -> None:
    awkward = [
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
    for number, text in enumerate(awkward):
        world.put("runs", "proj_a", {"id": f"run_{number:02}", "error_message": text})
    numbers = [0.1, 1e-7, 754.123, 123456789.123456, 5e-324, 1.2345678901234567e300, 0, 3]
    for number, value in enumerate(numbers):
        world.put("runs", "proj_a", {"id": f"dur_{number:02}", "duration_seconds": value})
    world.put("runs", "proj_a", {"id": "new", "queue": {"name": 'a "b"', "depth": [1, None]}})
    with serving(world) as api:
        Meltano.of(api, tmp_path).run("tap-dagctl", "target-duckdb")
    runs = duckdb_at(tmp_path / WAREHOUSE).tables()["runs"]

    assert [runs[(f"run_{n:02}",)]["error_message"] for n in range(len(awkward))] == awkward
    assert [runs[(f"dur_{n:02}",)]["duration_seconds"] for n in range(len(numbers))] == numbers
    assert runs[("new",)]["additional_properties"] == {
        "queue": {"name": 'a "b"', "depth": [1, None]}
    }


def test_a_file_of_the_loader_of_before_goes_on(world: World, tmp_path: Path) -> None:
    """Its loader, target-duckdb 0.8.0, made keys of text, HUGEINT of integers, TEXT of dates."""
    packed = ROOT / "packages/target-duckdb/tests/data/written-by-target-duckdb-0.8.0.duckdb.gz"
    file = tmp_path / "old.duckdb"
    file.write_bytes(gzip.decompress(packed.read_bytes()))
    with duckdb.connect(str(file)) as connection:
        ((before,),) = connection.sql("select count(*) from raw.runs").fetchall()
    for key in ("r1", "new"):
        world.put("runs", "proj_a", {"id": key, "status": "success", "error_message": ""})
    with serving(world) as api:
        (tmp_path / "project").mkdir()
        meltano = Meltano.of(api, tmp_path / "project")
        meltano.environment |= {
            "TARGET_DUCKDB_FILEPATH": str(file),
            "TARGET_DUCKDB_DEFAULT_TARGET_SCHEMA": "raw",
        }
        for _ in range(2):
            meltano.run("tap-dagctl", "target-duckdb")

    with duckdb.connect(str(file), read_only=True) as connection:
        rows = "select id, status, error_message from raw.runs where project_id = 'proj_a'"
        found = connection.sql(f"{rows} and status is not null order by id").fetchall()
        ((after,),) = connection.sql("select count(*) from raw.runs").fetchall()
    assert found == [("new", "success", ""), ("r1", "success", "")]
    assert after == before + 1


def test_every_stream_and_the_query_that_the_page_shows(api: Api, tmp_path: Path) -> None:
    meltano = Meltano.of(api, tmp_path)
    meltano.environment["TAP_DAGCTL_INCLUDE_SENSITIVE"] = "true"
    meltano.run("tap-dagctl", "target-duckdb")
    with duckdb.connect(str(tmp_path / WAREHOUSE), read_only=True) as connection:
        for name, query in QUERIES.items():
            assert connection.sql(f"from dagctl.{name}").fetchall(), name
            connection.sql(query).fetchall()
        (slower,) = connection.sql(QUERIES["model_stats"]).fetchall()
        assert slower[0] == SLOWER_MODEL
        assert [row[0] for row in connection.sql(QUERIES["daily_stats"]).fetchall()] == [
            SLOW_PROJECT
        ]


def test_a_field_nobody_has_heard_of_is_in_the_warehouse_that_day(
    api: Api, history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In every stream and at any depth, with one warning a stream however many rows have it."""
    unheard = {"deep": [{"deeper": {"deepest": [1, None, {"x": "y"}]}}]}
    world = history.world
    for project in world.projects.values():
        for row in (
            project.row,
            *(row for table in project.tables.values() for row in table.values()),
        ):
            row["unheard_of"] = unheard
        for job in project.tables["jobs"].values():
            job["resources"] = {**job["resources"], "unheard_of": unheard}
    for table in world.organization.values():
        for row in table.values():
            row["unheard_of"] = unheard
    for name in ("daily", "by_model"):
        answer = getattr(statistics, name)
        monkeypatch.setattr(
            statistics,
            name,
            lambda *arguments, answer=answer: [
                {**row, "unheard_of": unheard} for row in answer(*arguments)
            ],
        )
    meltano = Meltano.of(api, tmp_path)
    meltano.environment["TAP_DAGCTL_INCLUDE_SENSITIVE"] = "true"
    log = meltano.run("tap-dagctl", "target-duckdb")

    with duckdb.connect(str(tmp_path / WAREHOUSE), read_only=True) as connection:
        for name in QUERIES.keys() - {"syncs"}:  # which the API does not send
            column = f"select distinct additional_properties from dagctl.{name}"  # noqa: S608 - a name
            ((found,),) = connection.sql(column).fetchall()
            assert json.loads(found) == {"unheard_of": unheard}, name
            assert log.count(f"{name}: field 'unheard_of' is not in the schema") == 1
        for (resources,) in connection.sql("select resources from dagctl.jobs").fetchall():
            assert json.loads(resources)["unheard_of"] == unheard
