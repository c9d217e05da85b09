"""Thresholds are set in the environment, each by a variable of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scripts.tables import thresholds
from stand_in.server import Api
from tests.support import troubleshooting
from tests.support.dbt_server import Dbt
from tests.support.meltano import WAREHOUSE, Meltano
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

    variables = {"dagctl_sla_seconds": 9, "dagctl_sla_seconds_by_project": {}}
    dbt.build(warehouse, *CHOSEN, environment=said, **variables)
    by_project = dict.fromkeys(by_project, 9)
    assert used(warehouse) == (in_settings_used(**{**NUMBERS, "DAGCTL_SLA_SECONDS": 9}), by_project)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("DAGCTL_SLA_SECONDS", "-1", "must be at least 0, not -1"),
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
