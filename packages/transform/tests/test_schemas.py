"""The schemas of the loader, of dbt and of the report are the same ones, whoever names them."""

from __future__ import annotations

import os
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml

from stand_in.history import History
from stand_in.server import serving
from stand_in.world import World
from tests.support.base_time import NOW, first_day
from tests.support.meltano import DBT, Meltano
from tests.support.pages import Page
from tests.support.programs import ended
from tests.support.project import ROOT
from tests.support.reports import page_of, run
from tests.support.warehouses import Warehouse, duckdb_at


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
    first = first_day(world.now)
    assert postgres.differences(world, first, "raw") == []
    assert postgres.differences(world, first, '"told in May"', "stg_dagctl__") == []
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
