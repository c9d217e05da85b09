"""The whole chain where the database or the machine is not in UTC: nothing comes out otherwise."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import yaml

from stand_in.history import History
from stand_in.server import serving
from stand_in.world import EXECUTIONS, JOBS, PLANS, RUNS, World, to_text
from tests.support import troubleshooting
from tests.support.base_time import first_day
from tests.support.meltano import Meltano
from tests.support.pages import report
from tests.support.warehouses import duckdb_at, postgres_in

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from stand_in.server import Api
    from stand_in.world import Row
    from tests.support.warehouses import Warehouse

# New York had the hour from 1 to 2 twice on 2 November: from 5:00 and from 6:00 UTC.
NOW = datetime(2025, 11, 4, 12, 1, 40, tzinfo=timezone.utc)
TWICE = datetime(2025, 11, 2, 4, 30, tzinfo=timezone.utc)
FIRST_DAY = first_day(NOW)
NEW_YORK = "alter database postgres set timezone to 'America/New_York'"
TABLES_WITH_TIMES = ("jobs", "model_executions", "plans", "projects", "runs")


def history_with_the_hour_twice() -> History:
    history = History(World(now=NOW), days=20)
    world = history.world
    (project, *_) = world.projects
    for number in range(18):
        moment = TWICE + timedelta(minutes=10 * number, microseconds=number)
        ended = moment + timedelta(minutes=15)
        row = {
            "created_at": to_text(moment),
            "updated_at": to_text(ended),
            "start_time": to_text(moment),
            "end_time": to_text(ended),
            "duration_seconds": 900.0,
        }
        run = f"run_autumn_{number:02}"
        world.put(RUNS, project, {"id": run, "job_name": "autumn", **row})
        name = {"id": f"exec_autumn_{number:02}", "run_id": run, "model_name": "autumn"}
        world.put(EXECUTIONS, project, {**name, **row})
        stamps = {name: row[name] for name in ("created_at", "updated_at")}
        job = {"id": f"job_autumn_{number:02}", "name": "autumn", "status": None}
        world.put(JOBS, project, {**job, **stamps})
        plan = {"id": f"plan_autumn_{number:02}", "plan_type": "execute", "status": "completed"}
        world.put(PLANS, project, {**plan, **stamps})
    return history


@pytest.fixture
def history() -> History:
    return history_with_the_hour_twice()


@pytest.fixture
def api(history: History) -> Iterator[Api]:
    with serving(history.world) as api:
        yield api


@pytest.fixture
def postgres_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with postgres_in(tmp_path_factory.mktemp("postgres")) as warehouse:
        yield warehouse


def build(
    meltano: Meltano, warehouse: Warehouse, now: datetime
) -> subprocess.CompletedProcess[str]:
    variables = json.dumps({"dagctl_as_of": f"{now:%Y-%m-%d %H:%M:%S}"})
    return meltano("invoke", warehouse.dbt, "build", "--vars", variables)


def load_twice_and_build(meltano: Meltano, warehouse: Warehouse, history: History) -> str:
    for pause in (timedelta(), timedelta(hours=30)):
        history.advance(pause)
        meltano.run("tap-dagctl", warehouse.loader)
        assert warehouse.differences(history.world, FIRST_DAY) == []
    done = build(meltano, warehouse, history.world.now)
    assert done.returncode == 0, done.stdout + done.stderr
    staged = warehouse.differences(history.world, FIRST_DAY, "dagctl_answers", "stg_dagctl__")
    assert staged == []
    return done.stdout


def answers(warehouse: Warehouse) -> dict[str, list[Row]]:
    """Return every row of every answer, in one order; sums are added up in no certain one."""
    names = warehouse.query(
        "select table_name from information_schema.tables where table_schema = 'dagctl_answers' "
        # Each sync has its own.
        "and table_name <> 'stg_dagctl__syncs'"
    )
    found = {}
    for (name,) in (row.values() for row in names):
        rows = [
            {
                key: float(f"{it:.12g}") if isinstance(it, float) else it
                for key, it in row.items()
                # Each load has a moment of its own.
                if key not in {"last_synced_at", "read_at"}
            }
            for row in warehouse.query(f"select * from dagctl_answers.{name}")  # noqa: S608 - a name
        ]
        found[name] = sorted(rows, key=lambda row: json.dumps(row, default=str, sort_keys=True))
    return found


@pytest.fixture(scope="module")
def answers_in_utc(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Row]]:
    history = history_with_the_hour_twice()
    with (
        serving(history.world) as api,
        postgres_in(tmp_path_factory.mktemp("postgres")) as warehouse,
    ):
        meltano = Meltano.of(api, tmp_path_factory.mktemp("meltano"))
        meltano.environment |= warehouse.environment
        load_twice_and_build(meltano, warehouse, history)
        found = answers(warehouse)
    assert all(found[name] for name in ("run_days", "job_weeks", "model_days"))
    return found


def execute(warehouse: Warehouse, *statements: str) -> None:
    url = warehouse.environment["TARGET_POSTGRES_SQLALCHEMY_URL"].replace("+psycopg2", "")
    with psycopg.connect(url, autocommit=True) as session:
        for statement in statements:
            session.execute(statement.encode())


@pytest.mark.parametrize(
    ("statement", "environment"),
    [
        # The user's own zone is dbt's, and must not be the loader's.
        (NEW_YORK, {"PGTZ": "Australia/Lord_Howe"}),
        ("alter role postgres set timezone to 'Asia/Kolkata'", {}),
    ],
    ids=["database", "role"],
)
def test_a_database_that_is_not_in_utc(
    statement: str,
    environment: dict[str, str],
    api: Api,
    history: History,
    answers_in_utc: dict[str, list[Row]],
    postgres_warehouse: Warehouse,
    tmp_path: Path,
) -> None:
    execute(postgres_warehouse, statement)
    meltano = Meltano.of(api, tmp_path)
    meltano.environment |= postgres_warehouse.environment | environment
    said = load_twice_and_build(meltano, postgres_warehouse, history)

    assert "time zone" not in said
    assert answers(postgres_warehouse) == answers_in_utc
    # What dbt compares with its own "now": 22 hours are fresh, 26 are not, wherever the session is.
    for table, hours in (("runs", 22), ("model_executions", 26)):
        aged = f"now() at time zone 'UTC' - interval '{hours} hours'"
        execute(postgres_warehouse, f"update dagctl.{table} set updated_at = {aged}")  # noqa: S608 - names from above
    fresh = meltano("invoke", "dbt-postgres:freshness").stdout
    assert "PASS freshness of dagctl.runs" in fresh
    assert "WARN freshness of dagctl.model_executions" in fresh


def test_a_server_that_is_not_in_utc_and_a_loader_that_inherits(
    api: Api, history: History, postgres_warehouse: Warehouse, tmp_path: Path
) -> None:
    elsewhere = "alter system set timezone to 'America/New_York'"
    execute(postgres_warehouse, elsewhere, "select pg_reload_conf()")
    meltano = Meltano.of(api, tmp_path)
    change_loader(meltano, lambda loader: {"name": "target-own", "inherit_from": loader["name"]})
    (tmp_path / ".env").write_text("PGTZ=Asia/Kolkata\n")
    url = postgres_warehouse.environment["TARGET_POSTGRES_SQLALCHEMY_URL"]
    meltano.environment["TARGET_OWN_SQLALCHEMY_URL"] = url
    meltano.run("tap-dagctl", "target-own")

    assert postgres_warehouse.differences(history.world, FIRST_DAY) == []


def change_loader(meltano: Meltano, change: Any) -> None:
    """Put what `change` makes of the loader of `meltano.yml` beside it, or in its place."""
    path = meltano.directory / "meltano.yml"
    project = yaml.safe_load(path.read_text())
    loaders = {loader["name"]: loader for loader in project["plugins"]["loaders"]}
    changed = change(dict(loaders["target-postgres"]))
    loaders[changed["name"]] = changed
    project["plugins"]["loaders"] = list(loaders.values())
    path.write_text(yaml.safe_dump(project, sort_keys=False))


def without_utc(loader: dict[str, Any]) -> dict[str, Any]:
    """As this loader was before it was told the time zone, and as the Hub has it."""
    return {**loader, "env": {}}


def test_rows_loaded_in_local_time_are_refused_until_they_are_loaded_again(
    api: Api, history: History, postgres_warehouse: Warehouse, tmp_path: Path
) -> None:
    execute(postgres_warehouse, NEW_YORK)
    world = history.world
    meltano = Meltano.of(api, tmp_path)
    meltano.environment |= postgres_warehouse.environment
    ours = (tmp_path / "meltano.yml").read_text()
    change_loader(meltano, without_utc)
    meltano.run("tap-dagctl", "target-postgres")
    assert postgres_warehouse.differences(world, FIRST_DAY) != []
    rows = {name: len(postgres_warehouse.tables()[name]) for name in TABLES_WITH_TIMES}
    rows["syncs"] = len(postgres_warehouse.query("select * from dagctl.syncs"))

    refused = build(meltano, postgres_warehouse, world.now)
    assert refused.returncode == 1
    assert "Traceback" not in refused.stdout + refused.stderr
    assert refusals(refused.stdout) == rows

    # With the loader mended, what is loaded from now on is right, and what was there stays wrong: a
    # row that has been deleted since comes no more.
    (tmp_path / "meltano.yml").write_text(ours)
    world.delete(RUNS, next(iter(world.projects)), "run_autumn_04")
    history.advance(timedelta(hours=30))
    meltano.run("tap-dagctl", "target-postgres")
    refused = build(meltano, postgres_warehouse, world.now)
    assert refused.returncode == 1
    assert 0 < refusals(refused.stdout)["runs"] <= rows["runs"]

    drops = set(re.findall("`(drop table .*?)`", refused.stdout))
    assert len(drops) == len(refusals(refused.stdout))
    # One is kept aside, as docs/targets.md says.
    drops.remove('drop table "dagctl"."runs" cascade')
    aside = "alter table dagctl.runs rename to runs_in_local_time"
    execute(postgres_warehouse, *sorted(drops), aside)
    meltano.run("--full-refresh", "tap-dagctl", "target-postgres")
    mended = build(meltano, postgres_warehouse, world.now)
    assert mended.returncode == 0, mended.stdout
    assert postgres_warehouse.differences(world, FIRST_DAY) == []
    staged = postgres_warehouse.differences(world, FIRST_DAY, "dagctl_answers", "stg_dagctl__")
    assert staged == []


def refusals(said: str) -> dict[str, int]:
    """Return the rows that each table's one line names."""
    line = r'"dagctl"\."(\w+)": the times of (\d+) rows are local time, not UTC\. Set PGTZ=UTC'
    found = re.findall(line, said)
    return {table: int(rows) for table, rows in found}


def test_rows_without_the_loaders_stamps_are_warned_of(
    api: Api, postgres_warehouse: Warehouse, history: History, tmp_path: Path
) -> None:
    """Where the database is in UTC there is nothing to say."""
    meltano = Meltano.of(api, tmp_path)
    meltano.environment |= postgres_warehouse.environment
    off = ("add_record_metadata", "activate_version")
    change_loader(
        meltano,
        lambda loader: {
            **without_utc(loader),
            "settings": [*loader["settings"], *({"name": name, "kind": "boolean"} for name in off)],
            "config": {**loader["config"], **dict.fromkeys(off, False)},
        },
    )
    meltano.run("tap-dagctl", "target-postgres")
    silent = build(meltano, postgres_warehouse, history.world.now)
    execute(postgres_warehouse, NEW_YORK)
    warned = build(meltano, postgres_warehouse, history.world.now)

    assert (silent.returncode, warned.returncode) == (0, 0), silent.stdout + warned.stdout
    assert "time zone" not in silent.stdout
    warnings = [it for it in warned.stdout.splitlines() if "the time zone here is" in it]
    troubleshooting.check(warnings)
    for name in TABLES_WITH_TIMES:
        rows = len(postgres_warehouse.tables()[name])
        line = f'"{name}": the time zone here is America/New_York, and nothing in {rows} rows'
        assert line in " ".join(warned.stdout.split())


def test_a_machine_that_is_not_in_utc(api: Api, history: History, tmp_path: Path) -> None:
    """The tap, the loader, dbt and the report."""
    meltano = Meltano.of(api, tmp_path)
    warehouse = duckdb_at(tmp_path / "warehouse.duckdb")
    meltano.environment |= warehouse.environment | {"TZ": "America/New_York"}
    load_twice_and_build(meltano, warehouse, history)
    pages, built = [], []
    for zone in ("America/New_York", "UTC"):
        meltano.environment["TZ"] = zone
        assert build(meltano, warehouse, history.world.now).returncode == 0
        built.append(answers(warehouse))
        done = report(tmp_path / "report.html", **warehouse.environment, TZ=zone)
        assert done.returncode == 0, done.stderr
        pages.append((tmp_path / "report.html").read_text())

    assert pages[0] == pages[1]
    assert built[0] == built[1]
