"""The answers as SQLMesh builds them, beside those of dbt, row by row: `make sqlmesh`."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from stand_in.meltano import environment_for
from stand_in.server import serving
from tests.support.adapters import dbt
from tests.support.answers import assert_answers, everything
from tests.support.awkward import SeededHistory
from tests.support.environments import install, program
from tests.support.expected_answers import Loaded
from tests.support.pipe import Pipe
from tests.support.programs import ended
from tests.support.warehouses import Warehouse, duckdb_at, postgres_in


def _compared(kind: str, directory: Path) -> str:
    history = SeededHistory()
    with _empty(kind, directory) as warehouse, serving(history.world) as api:
        pipe = Pipe(api, warehouse, directory)
        pipe.load()
        history.go_on()
        pipe.load()
        if kind == "duckdb":
            _store_for_sqlmesh(directory / "warehouse.duckdb")
        # By the dbt beside it, with the same DuckDB: another one interpolates in another order.
        environment = warehouse.environment | {
            "DBT_TARGET": kind,
            "DAGCTL_SLA_SECONDS_BY_PROJECT": '{"nobody": 1}',
        }
        now = f"{history.world.now:%Y-%m-%d %H:%M:%S}"
        dbt.build("sqlmesh", directory, environment, dagctl_as_of=now)
        expected = everything(warehouse)
        warehouse.execute("drop schema dagctl_answers cascade")

        options = ("--auto-apply", "--no-prompts", "--execution-time", now)
        said = _sqlmesh(directory, environment, "plan", *options, "prod")
        assert "fail" not in said.lower(), said
        audits = sum(map(int, re.findall(r"audits passed (\d+)", said)))
        found = everything(warehouse)
        assert found == expected
        assert_answers(warehouse, Loaded(history.world))
        # What has been built once is built again by `run`, as of another moment and with what the
        # environment says then.
        environment |= {"DAGCTL_SLA_SECONDS": "77", "DAGCTL_SLA_SECONDS_BY_PROJECT": "{}"}
        _sqlmesh(directory, environment, "run", "--ignore-cron", "prod")
        (used,) = warehouse.query("select as_of, sla_seconds from dagctl_answers.settings_used")
        assert used["as_of"] > history.world.now.replace(tzinfo=None)
        slas = warehouse.query("select distinct sla_seconds from dagctl_answers.project_slas")
        assert [used["sla_seconds"], slas] == [77, [{"sla_seconds": 77}]]
    return f"{len(found)} tables are those that dbt builds, {audits} audits passed"


@contextmanager
def _empty(kind: str, directory: Path) -> Iterator[Warehouse]:
    if kind == "duckdb":
        yield duckdb_at(directory / "warehouse.duckdb")
    else:
        with postgres_in(directory / "postgres") as warehouse:
            yield warehouse


def _store_for_sqlmesh(path: Path) -> None:
    """Write the file anew as a DuckDB below 2 does, which is what SQLMesh asks for."""
    old = path.rename(path.with_suffix(".newer"))
    with duckdb.connect() as connection:
        connection.execute(f"attach '{old}' as newer (read_only)")
        connection.execute(f"attach '{path}' as {path.stem} (storage_version 'v1.2.0')")
        connection.execute(f"copy from database newer to {path.stem}")


def _sqlmesh(directory: Path, environment: dict[str, str], *arguments: str) -> str:
    project = directory / "project"
    if not project.exists():
        # It keeps a cache and its logs there.
        ignored = shutil.ignore_patterns("target", "logs", ".cache")
        shutil.copytree(dbt.TRANSFORM, project, ignore=ignored)
    env = {**environment_for("", "", ""), **environment, "COLUMNS": "200"}
    env["SQLMESH__DISABLE_ANONYMIZED_ANALYTICS"] = "1"
    line = (program("sqlmesh", "sqlmesh"), "-p", project, *arguments)
    return ended(*line, cwd=directory, env=env).stdout


if __name__ == "__main__":
    install("sqlmesh")
    for kind in ("duckdb", "postgres"):
        with tempfile.TemporaryDirectory() as name:
            print(f"{kind}: {_compared(kind, Path(name))}", flush=True)
