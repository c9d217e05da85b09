"""Thresholds are set in the environment, each by a variable of its own."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from scripts.tables import thresholds
from tests.support import troubleshooting
from tests.support.meltano import WAREHOUSE, Meltano
from tests.support.project import ROOT
from tests.support.warehouses import duckdb_at

if TYPE_CHECKING:
    from pathlib import Path

    from stand_in.server import Api

DBT = ROOT / ".meltano" / "utilities" / "dbt" / "venv" / "bin" / "dbt"
SLAS = "DAGCTL_SLA_SECONDS_BY_PROJECT"
NUMBERS = {name: number for number, name in enumerate(thresholds(), start=101) if name != SLAS}


@pytest.fixture
def meltano(api: Api, tmp_path: Path) -> Meltano:
    """Three projects are loaded."""
    meltano = Meltano.of(api, tmp_path)
    with duckdb.connect(str(tmp_path / WAREHOUSE)) as connection:
        connection.execute("create schema dagctl")
        connection.execute("create table dagctl.projects (id text, name text)")
        for project in (("proj_a", "sales"), ("proj_b", "it's"), ("proj_c", "finance")):
            connection.execute("insert into dagctl.projects values (?, ?)", project)
    return meltano


def built(meltano: Meltano, variables: dict[str, str], *options: str) -> tuple[Any, Any, str]:
    """Build with variables in `.env`; return what was used, the SLA by project, and dbt's log."""
    lines = [f"{name}='{value}'\n" for name, value in variables.items()]
    (meltano.directory / ".env").write_text("".join(lines))
    chosen = ("--select", "+project_slas", "settings_used")
    done = meltano("invoke", "dbt-duckdb", "run", *chosen, *options)
    assert done.returncode == 0, done.stdout
    warehouse = duckdb_at(meltano.directory / WAREHOUSE)
    (used,) = warehouse.query("select * exclude (as_of) from dagctl_answers.settings_used")
    slas = warehouse.query("select project_name, sla_seconds from dagctl_answers.project_slas")
    return used, {row["project_name"]: row["sla_seconds"] for row in slas}, done.stdout


def in_settings_used(**changed: float) -> dict[str, float]:
    """Return a row of it: the defaults, but for what was changed."""
    defaults = {name: threshold["default"] for name, threshold in thresholds().items()}
    del defaults[SLAS]
    names = {name: name.removeprefix("DAGCTL_").lower() for name in defaults}
    return {names[name]: value for name, value in {**defaults, **changed}.items()}


def test_what_env_says_is_used_and_no_older_value_is_kept(meltano: Meltano) -> None:
    """dbt keeps what it has parsed; `--vars` go before the environment."""
    slas = {"sales": 60, "proj_b": 7200.5, "slaes": 1}
    texts = {name: str(number) for name, number in NUMBERS.items()}
    used, by_project, log = built(meltano, {**texts, SLAS: json.dumps(slas)})
    assert used == in_settings_used(**NUMBERS)
    usual = NUMBERS["DAGCTL_SLA_SECONDS"]
    assert by_project == {"sales": 60, "it's": 7200.5, "finance": usual}
    warning = f"{SLAS}: no project is called slaes, so its SLA is not used"
    assert log.count(warning) == 1
    troubleshooting.check([warning])

    # Empty is not set.
    changed = {"DAGCTL_SLA_SECONDS": "5e2", "DAGCTL_SLA_DAYS": "", SLAS: " "}
    used, by_project, log = built(meltano, changed)
    assert used == in_settings_used(DAGCTL_SLA_SECONDS=500)
    assert set(by_project.values()) == {500}
    assert SLAS not in log

    variables = json.dumps({"dagctl_sla_seconds": 9, "dagctl_sla_seconds_by_project": {}})
    used, by_project, _ = built(meltano, {**texts, SLAS: json.dumps(slas)}, "--vars", variables)
    assert used["sla_seconds"] == 9
    assert set(by_project.values()) == {9}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("DAGCTL_OVERDUE_FACTOR", "soon", "must be a number, not soon"),
        ("DAGCTL_SLA_SECONDS", "-1", "must be at least 0, not -1"),
        ("DAGCTL_SLA_DAYS", "7.5", "must be a whole number, not 7.5"),
        (SLAS, "{sales: 600}", 'must be like {"sales": 600}, not {sales: 600}'),
        (SLAS, '{"sales": "x"}', "of sales must be a number, not x"),
        ("dagctl_regression_percent", "20%", "must be a number, not 20%"),
    ],
)
def test_a_value_that_is_wrong_is_one_line(
    name: str, value: str, message: str, tmp_path: Path
) -> None:
    is_variable_of_dbt = name.islower()
    options = ["--vars", json.dumps({name: value})] if is_variable_of_dbt else []
    done = subprocess.run(
        [DBT, "--no-use-colors", "parse", *options],
        env={
            **os.environ,
            "DBT_PROJECT_DIR": str(ROOT / "packages" / "transform"),
            "DBT_PROFILES_DIR": str(ROOT / "packages" / "transform"),
            "DBT_TARGET_PATH": str(tmp_path),
            "DBT_LOG_PATH": str(tmp_path),
            **({} if is_variable_of_dbt else {name: value}),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert [line.strip() for line in done.stdout.splitlines() if name in line] == [
        f"{name} {message}"
    ]
    assert "Traceback" not in done.stdout + done.stderr
    troubleshooting.check(troubleshooting.of_dbt(done.stdout))
