"""The schemas of the loader, of dbt and of the report are the same ones, whoever names them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from stand_in.history import History
from stand_in.server import serving
from stand_in.world import World
from tests.support.base_time import FIRST_DAY, NOW
from tests.support.meltano import Meltano
from tests.support.pages import Page, report
from tests.support.project import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.warehouses import Warehouse

AS_OF = {"dagctl_as_of": f"{NOW:%Y-%m-%d %H:%M:%S}"}


def loaded_into(schema: str, warehouse: Warehouse, directory: Path) -> tuple[Meltano, World]:
    """Load a made-up account into a schema, by the variable of the loader."""
    world = History(World(now=NOW), days=14).world
    with serving(world) as api:
        meltano = Meltano.of(api, directory)
        kind = warehouse.loader.removeprefix("target-").upper()
        variable = {f"TARGET_{kind}_DEFAULT_TARGET_SCHEMA": schema}
        meltano.environment |= warehouse.environment | variable
        meltano.run("tap-dagctl", warehouse.loader)
    return meltano, world


def page_of(warehouse: Warehouse, path: Path, *arguments: str, **environment: str) -> Page:
    kind = warehouse.loader.removeprefix("target-")
    environment |= warehouse.environment
    done = report(path, "--warehouse", kind, *arguments, **environment)
    assert done.returncode == 0, done.stderr
    return Page(path.read_text())


def schemas(warehouse: Warehouse) -> set[str]:
    rows = warehouse.query("select distinct table_schema from information_schema.tables")
    return {row["table_schema"] for row in rows} - {"information_schema", "pg_catalog"}


def test_the_environment_names_the_schemas_of_all(warehouse: Warehouse, tmp_path: Path) -> None:
    meltano, world = loaded_into("raw", warehouse, tmp_path)
    told = {"DAGCTL_ANSWERS_SCHEMA": "told in May"}
    meltano.environment |= told
    done = meltano("invoke", warehouse.dbt, "build", "--vars", json.dumps(AS_OF))

    assert done.returncode == 0, done.stdout
    assert schemas(warehouse) == {"raw", "told in May"}
    assert warehouse.differences(world, FIRST_DAY, '"told in May"', "stg_dagctl__") == []
    assert "WARN=0 ERROR=0" in done.stdout
    found = page_of(warehouse, tmp_path / "report.html", **told)
    names = {text for tag, text in found.texts if tag == "h3"}
    assert names == {project.row["name"] for project in world.projects.values()}
    # By default it looks elsewhere, and says so.
    kind = warehouse.loader.removeprefix("target-")
    other = report(tmp_path / "other.html", "--warehouse", kind, **warehouse.environment)
    assert other.returncode == 1
    assert "not built yet in the schema dagctl_answers" in other.stderr


def test_a_schema_that_dbt_was_not_told_of_is_an_error(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    meltano, _ = loaded_into("raw", warehouse, tmp_path)
    kind = warehouse.loader.removeprefix("target-").upper()
    variable = f"TARGET_{kind}_DEFAULT_TARGET_SCHEMA"
    del meltano.environment[variable]
    done = meltano("invoke", warehouse.dbt, "build", "--vars", json.dumps(AS_OF))

    assert done.returncode == 1
    assert "There is nothing that tap-dagctl loaded in the schema dagctl" in done.stdout
    assert variable in done.stdout


def test_as_a_package_in_a_project_of_ones_own(warehouse: Warehouse, tmp_path: Path) -> None:
    (tmp_path / "meltano").mkdir()
    meltano, _ = loaded_into("raw", warehouse, tmp_path / "meltano")
    # The project says itself where the tables are.
    for name in ("DUCKDB", "POSTGRES"):
        meltano.environment.pop(f"TARGET_{name}_DEFAULT_TARGET_SCHEMA", None)
    project = tmp_path / "own"
    write_project(project, warehouse)
    prefix = warehouse.dbt.upper().replace("-", "_")
    meltano.environment |= {
        f"{prefix}_PROJECT_DIR": str(project),
        f"{prefix}_PROFILES_DIR": str(project),
        f"{prefix}_TARGET": "dev",
        f"{prefix}_TARGET_PATH": str(project / "target"),
        # Its own threshold goes first.
        "DAGCTL_SLA_SECONDS": "100000",
    }
    for arguments in (("deps",), ("build",)):
        done = meltano("invoke", warehouse.dbt, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr

    assert schemas(warehouse) == {"raw", "own", "own_pipelines"}
    ((breaches,),) = (
        row.values() for row in warehouse.query("select count(*) from own_pipelines.sla_breaches")
    )
    ((worst,),) = (row.values() for row in warehouse.query("select worst from own.worst"))
    assert breaches > 7
    assert worst > 1_800
    found = page_of(warehouse, tmp_path / "report.html", "--schema", "own_pipelines")
    assert len(found.table("breaches")) - 1 == breaches


def write_project(project: Path, warehouse: Warehouse) -> None:
    environment = warehouse.environment
    if "TARGET_DUCKDB_FILEPATH" in environment:
        output: dict[str, Any] = {"type": "duckdb", "path": environment["TARGET_DUCKDB_FILEPATH"]}
    else:
        output = {
            "type": "postgres",
            "host": environment["TARGET_POSTGRES_HOST"],
            "port": 5432,
            "user": environment["TARGET_POSTGRES_USER"],
            "password": environment["TARGET_POSTGRES_PASSWORD"],
            "dbname": environment["TARGET_POSTGRES_DATABASE"],
        }
    settings = {
        "name": "own",
        "profile": "own",
        "vars": {"dagctl_schema": "raw", "dagctl_sla_seconds": 60, **AS_OF},
        "models": {"tap_dagctl": {"+schema": "pipelines"}},
    }
    profile = {"own": {"target": "dev", "outputs": {"dev": {**output, "schema": "own"}}}}
    packages = {"packages": [{"local": str(ROOT / "packages" / "transform")}]}
    (project / "models").mkdir(parents=True)
    for name, content in {
        "dbt_project.yml": settings,
        "profiles.yml": profile,
        "packages.yml": packages,
    }.items():
        (project / name).write_text(yaml.safe_dump(content))
    (project / "models" / "worst.sql").write_text(
        "select max(p95_duration_seconds) as worst from {{ ref('tap_dagctl', 'sla_breaches') }}"
    )
