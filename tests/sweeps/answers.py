"""The answers where nobody here runs them: `make adapters`, `make snowflake`, `make sqlmesh`."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from stand_in.meltano import environment_for
from stand_in.server import serving
from tests.support.adapters import dialects
from tests.support.answers import assert_answers, everything
from tests.support.awkward import SeededHistory
from tests.support.base_time import FIRST_DAY
from tests.support.expected_answers import Loaded
from tests.support.loaders import snowflake
from tests.support.loaders.ways import SNOWFLAKE, WAYS, load
from tests.support.pipe import Pipe
from tests.support.programs import ended, install, program
from tests.support.project import ROOT
from tests.support.warehouses import Warehouse, duckdb_at

TRANSFORM = ROOT / "packages" / "transform"
COMPILED = ROOT / "tests" / "support" / "adapters" / "compiled"
SLAS = {"awkward 1": 2_400, "proj_awkward_02": 0}


@pytest.fixture
def history() -> SeededHistory:
    return SeededHistory()


def as_of(history: SeededHistory) -> str:
    return f"{history.world.now:%Y-%m-%d %H:%M:%S}"


def build(group: str, directory: Path, environment: dict[str, str], **variables: Any) -> None:
    """Build and test everything; nothing may fail or warn."""
    said = dbt(group, directory, TRANSFORM, environment, "build", "--vars", json.dumps(variables))
    assert "WARN=0 ERROR=0 SKIP=0" in re.findall(r"PASS=.*", said)[-1], said
    assert "Deprecat" not in said, said


def dbt(
    group: str, directory: Path, project: Path, environment: dict[str, str], *arguments: str
) -> str:
    """Run dbt, which must succeed; what it writes is in `directory`."""
    env = {
        **environment_for("", "", ""),
        "DBT_PROJECT_DIR": str(project),
        "DBT_PROFILES_DIR": str(project),
        "DBT_TARGET_PATH": str(directory / "target"),
        "DBT_LOG_PATH": str(directory / "logs"),
        **environment,
    }
    return ended(program(group, "dbt"), *arguments, cwd=directory, env=env).stdout


def parse(directory: Path, dialect: str) -> None:
    """Check every model and test that dbt compiled."""
    paths = [*(directory / "target" / "compiled").rglob("*.sql")]
    assert paths, "nothing was compiled"
    for path in paths:
        dialects.check(path.read_text(), dialect)


@pytest.mark.parametrize("dialect", ["snowflake", "bigquery", "databricks", "redshift"])
def test_adapters_compile_what_the_warehouse_can_parse(tmp_path: Path, dialect: str) -> None:
    """For a warehouse that is not there."""
    group, project = f"dbt-{dialect}", tmp_path / "project"
    install(group)
    shutil.copytree(COMPILED, project)
    environment = {"DBT_TARGET": dialect, "DAGCTL_TRANSFORM": str(TRANSFORM)}
    dbt(group, tmp_path, project, environment, "deps")
    offline = ("compile", "--no-introspect", "--no-populate-cache")
    dbt(group, tmp_path, project, environment, *offline)
    parse(tmp_path, dialect)


def test_adapters_work_with_the_oldest_dbt(history: SeededHistory, tmp_path: Path) -> None:
    install("dbt-oldest")
    warehouse = duckdb_at(tmp_path / "warehouse.duckdb")
    with serving(history.world) as api:
        Pipe(api, warehouse, tmp_path).load()
    build("dbt-oldest", tmp_path, warehouse.environment, dagctl_as_of=as_of(history))
    assert_answers(warehouse, Loaded(history.world))


def test_snowflake_as_far_as_its_stand_in_goes(history: SeededHistory, tmp_path: Path) -> None:
    for group in ("fakesnow", SNOWFLAKE, "dbt-snowflake"):
        install(group)
    way, warehouse = WAYS[SNOWFLAKE], snowflake.warehouse(tmp_path)
    with way.open(tmp_path) as store:
        load(way, store, history, tmp_path)
        store.read()
    assert warehouse.differences(history.world, since=FIRST_DAY) == []
    with snowflake.served(tmp_path) as variables:
        build(
            "dbt-snowflake",
            tmp_path,
            warehouse.environment | variables | {"DBT_TARGET": "snowflake"},
            dagctl_as_of=as_of(history),
            dagctl_sla_seconds_by_project=SLAS,
        )
    staged = warehouse.differences(history.world, "dagctl_answers", "stg_dagctl__", FIRST_DAY)
    assert staged == []
    assert_answers(warehouse, Loaded(history.world, slas=SLAS))
    (settings,) = warehouse.query("select as_of, sla_days from dagctl_answers.settings_used")
    assert settings == {"as_of": history.world.now.replace(tzinfo=None), "sla_days": 7}
    parse(tmp_path, "snowflake")


def test_sqlmesh_builds_what_dbt_builds(
    history: SeededHistory, warehouse: Warehouse, tmp_path: Path
) -> None:
    install("sqlmesh")
    kind = warehouse.kind
    with serving(history.world) as api:
        pipe = Pipe(api, warehouse, tmp_path)
        pipe.load()
        history.go_on()
        pipe.load()
    if kind == "duckdb":
        store_for_sqlmesh(tmp_path / "warehouse.duckdb")
    # By the dbt beside it, with the same DuckDB: another one interpolates in another order.
    environment = warehouse.environment | {
        "DBT_TARGET": kind,
        "DAGCTL_SLA_SECONDS_BY_PROJECT": '{"nobody": 1}',
    }
    build("sqlmesh", tmp_path, environment, dagctl_as_of=as_of(history))
    expected = everything(warehouse)
    warehouse.execute("drop schema dagctl_answers cascade")

    options = ("--auto-apply", "--no-prompts", "--execution-time", as_of(history))
    said = sqlmesh(tmp_path, environment, "plan", *options, "prod")
    assert "fail" not in said.lower(), said
    assert "audits passed" in said
    assert everything(warehouse) == expected
    assert_answers(warehouse, Loaded(history.world))
    # What has been built once is built again by `run`, as of another moment and with what the
    # environment says then.
    environment |= {"DAGCTL_SLA_SECONDS": "77", "DAGCTL_SLA_SECONDS_BY_PROJECT": "{}"}
    sqlmesh(tmp_path, environment, "run", "--ignore-cron", "prod")
    (used,) = warehouse.query("select as_of, sla_seconds from dagctl_answers.settings_used")
    assert used["as_of"] > history.world.now.replace(tzinfo=None)
    slas = warehouse.query("select distinct sla_seconds from dagctl_answers.project_slas")
    assert [used["sla_seconds"], slas] == [77, [{"sla_seconds": 77}]]


def store_for_sqlmesh(path: Path) -> None:
    """Write the file anew as a DuckDB below 2 does, which is what SQLMesh asks for."""
    old = path.rename(path.with_suffix(".newer"))
    with duckdb.connect() as connection:
        connection.execute(f"attach '{old}' as newer (read_only)")
        connection.execute(f"attach '{path}' as {path.stem} (storage_version 'v1.2.0')")
        connection.execute(f"copy from database newer to {path.stem}")


def sqlmesh(directory: Path, environment: dict[str, str], *arguments: str) -> str:
    project = directory / "project"
    if not project.exists():
        # It keeps a cache and its logs there.
        ignored = shutil.ignore_patterns("target", "logs", ".cache")
        shutil.copytree(TRANSFORM, project, ignore=ignored)
    env = {**environment_for("", "", ""), **environment, "COLUMNS": "200"}
    env["SQLMESH__DISABLE_ANONYMIZED_ANALYTICS"] = "1"
    line = (program("sqlmesh", "sqlmesh"), "-p", project, *arguments)
    return ended(*line, cwd=directory, env=env).stdout
