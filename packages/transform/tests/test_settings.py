"""The settings in the environment are those of all: thresholds, each by a variable, and schemas."""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.tables import thresholds
from stand_in.history import History
from stand_in.server import Api, serving
from stand_in.world import World
from tests.support import troubleshooting
from tests.support.base_time import NOW
from tests.support.dbt_server import Dbt
from tests.support.meltano import DBT, WAREHOUSE, Meltano
from tests.support.pages import Page
from tests.support.programs import ended
from tests.support.project import ROOT
from tests.support.reports import page_of, run
from tests.support.warehouses import Warehouse, duckdb_at

CHOSEN = ("run", "--select", "+project_slas", "settings_used")
SLAS = "DAGCTL_SLA_SECONDS_BY_PROJECT"
NUMBERS = {name: number for number, name in enumerate(thresholds(), start=101) if name != SLAS}


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    """Three projects are loaded."""
    (tmp_path / "output").mkdir()
    warehouse = duckdb_at(tmp_path / WAREHOUSE)
    warehouse.execute("""
        create schema dagctl;
        create table dagctl.projects as select unnest(['proj_a', 'proj_b', 'proj_c']) as id,
            unnest(['sales', 'it''s', 'finance']) as name
    """)
    return warehouse


def used(warehouse: Warehouse) -> tuple[Any, Any]:
    """Return what was used, and the SLA by project."""
    (used,) = warehouse.query("select * exclude (as_of) from dagctl_answers.settings_used")
    slas = warehouse.query("select project_name, sla_seconds from dagctl_answers.project_slas")
    return used, {row["project_name"]: row["sla_seconds"] for row in slas}


def in_settings_used(**changed: float) -> dict[str, float]:
    """Return a row of it: the defaults, but for what was changed."""
    row = {name: it["default"] for name, it in thresholds().items()} | changed
    return {name.removeprefix("DAGCTL_").lower(): row[name] for name in row if name != SLAS}


def test_what_env_says_is_used_and_no_older_value_is_kept(
    warehouse: Warehouse, api: Api, dbt: Dbt, tmp_path: Path
) -> None:
    """dbt keeps what it has parsed; `--vars` go before the environment."""
    slas = {"sales": 60, "proj_b": 7200.5, "slaes": 1}
    said = {name: str(number) for name, number in NUMBERS.items()} | {SLAS: json.dumps(slas)}
    meltano = Meltano.of(api, tmp_path)
    (tmp_path / ".env").write_text("".join(f"{name}='{it}'\n" for name, it in said.items()))
    done = meltano("invoke", "dbt-duckdb", *CHOSEN)
    usual = NUMBERS["DAGCTL_SLA_SECONDS"]
    by_project = {"sales": 60, "it's": 7200.5, "finance": usual}
    assert used(warehouse) == (in_settings_used(**NUMBERS), by_project)
    warning = f"{SLAS}: no project is called slaes, so its SLA is not used"
    assert done.stdout.count(warning) == 1
    troubleshooting.check([warning])

    # Empty is not set.
    changed = {"DAGCTL_SLA_SECONDS": "5e2", "DAGCTL_SLA_DAYS": "", SLAS: " "}
    assert SLAS not in dbt.build(warehouse, *CHOSEN, environment=changed)
    by_project = dict.fromkeys(by_project, 500)
    assert used(warehouse) == (in_settings_used(DAGCTL_SLA_SECONDS=500), by_project)

    # An id goes before a name.
    both = {"it's": 5, "proj_b": 10}
    variables: dict[str, Any] = {"dagctl_sla_seconds": 9, "dagctl_sla_seconds_by_project": both}
    dbt.build(warehouse, *CHOSEN, environment=said, **variables)
    by_project = {**dict.fromkeys(by_project, 9), "it's": 10}
    assert used(warehouse) == (in_settings_used(**{**NUMBERS, "DAGCTL_SLA_SECONDS": 9}), by_project)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("DAGCTL_SLA_SECONDS", "-1", "must be at least 0, not -1"),
        ("DAGCTL_OVERDUE_FACTOR", "NaN", "must be a number, not nan"),
        ("DAGCTL_SLA_DAYS", "7.5", "must be a whole number, not 7.5"),
        (SLAS, "{sales: 600}", 'must be like {"sales": 600}, not {sales: 600}'),
        (SLAS, '{"sales": "x"}', "of sales must be a number, not x"),
        ("dagctl_regression_percent", "20%", "must be a number, not 20%"),
    ],
)
def test_a_value_that_is_wrong_is_one_line(
    name: str, value: str, message: str, warehouse: Warehouse, dbt: Dbt
) -> None:
    how: dict[str, Any] = {name: value} if name.islower() else {"environment": {name: value}}
    said = dbt(warehouse, *CHOSEN, code=1, **how)
    lines = {line.strip() for line in said.splitlines() if name in line}
    assert lines == {f"{name} {message}"}


def schemas(warehouse: Warehouse) -> set[str]:
    rows = warehouse.query("select distinct table_schema from information_schema.tables")
    return {row["table_schema"] for row in rows} - {"information_schema", "pg_catalog"}


def test_the_environment_names_the_schemas_of_all(postgres: Warehouse, tmp_path: Path) -> None:
    """Through the whole job, of which every step reads them."""
    world = History(World(now=datetime.now(tz=timezone.utc).replace(microsecond=0)), days=14).world
    told = {"DAGCTL_ANSWERS_SCHEMA": "told in May"}
    with serving(world) as api:
        meltano = Meltano.of(api, tmp_path)
        raw = {"TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": "raw"}
        meltano.environment |= postgres.environment | raw | told
        said = meltano.run("everything-postgres")

    assert "WARN=0 ERROR=0" in said
    assert schemas(postgres) == {"raw", "told in May"}
    assert postgres.differences(world, "raw") == []
    assert postgres.differences(world, '"told in May"', "stg_dagctl__") == []
    found = Page(page_of(postgres, tmp_path / "report.html", **told))
    assert set(found.said("h3")) == {project.row["name"] for project in world.projects.values()}
    # By default it looks elsewhere, and says so.
    other = run(postgres, "--output", str(tmp_path / "other.html"), code=1)
    assert "not built yet in the schema dagctl_answers" in other.stderr


def test_as_a_package_in_a_project_of_ones_own(built: Path, tmp_path: Path) -> None:
    warehouse = duckdb_at(tmp_path / "warehouse.duckdb")
    tables = ("projects", "runs", "model_executions", "daily_stats", "model_stats", "jobs")
    copies = "".join(f"create table raw.{it} as from built.dagctl.{it};" for it in tables)
    warehouse.execute(f"attach '{built}' as built (read_only); create schema raw; {copies}")
    project = tmp_path / "own"
    write_project(project, warehouse)
    for command in ("deps", "run"):
        # Its own threshold goes first.
        environment = {**os.environ, "DAGCTL_SLA_SECONDS": "100000", "DBT_PROFILES_DIR": "."}
        ended(DBT, command, cwd=project, env=environment)
    # Its own tests are not those of the package.
    ended(sys.executable, "-m", "pytest", cwd=project, code=pytest.ExitCode.NO_TESTS_COLLECTED)

    assert schemas(warehouse) == {"raw", "own", "own_pipelines"}
    (row,) = warehouse.query("select count(*) as breaches from own_pipelines.sla_breaches")
    (worst,) = warehouse.query("select worst from own.worst")
    assert row["breaches"] > 7
    assert worst["worst"] > 1_800
    page = page_of(warehouse, tmp_path / "report.html", "--schema", "own_pipelines")
    assert len(Page(page).table("breaches")) - 1 == row["breaches"]


def write_project(project: Path, warehouse: Warehouse) -> None:
    """Write one that says itself where the tables are."""
    output = {"type": "duckdb", "path": warehouse.target["filepath"], "schema": "own"}
    content: dict[str, dict[str, Any]] = {
        "dbt_project.yml": {
            "name": "own",
            "profile": "own",
            "vars": {
                "dagctl_schema": "raw",
                "dagctl_sla_seconds": 60,
                "dagctl_as_of": f"{NOW:%Y-%m-%d %H:%M:%S}",
            },
            "models": {"tap_dagctl": {"+schema": "pipelines"}},
        },
        "profiles.yml": {"own": {"target": "dev", "outputs": {"dev": output}}},
        "packages.yml": {"packages": [{"local": str(ROOT / "packages" / "transform")}]},
    }
    (project / "models").mkdir(parents=True)
    for name, text in content.items():
        (project / name).write_text(yaml.safe_dump(text))
    (project / "models" / "worst.sql").write_text(
        "select max(p95_duration_seconds) as worst from {{ ref('tap_dagctl', 'sla_breaches') }}"
    )
