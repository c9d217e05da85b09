"""Rows deleted in dagctl stay in the warehouse, and the query of the docs finds them."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from tests.support.meltano import WAREHOUSE, Meltano
from tests.support.project import ROOT
from tests.support.warehouses import Warehouse, duckdb_at, postgres_in

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from stand_in.server import Api

PAGE = (ROOT / "docs" / "incremental.md").read_text()
(QUERY,) = re.findall("```sql\n(.*?)```", PAGE, re.DOTALL)


def query(table: str, moment: datetime) -> str:
    """Return the page's query, for another table and moment."""
    written = re.sub("'.*'", f"'{moment:%Y-%m-%d %H:%M:%S.%f}'", QUERY)
    return written.replace("dagctl.runs", f"dagctl.{table}")


def check(api: Api, meltano: Meltano, warehouse: Warehouse) -> None:
    """Load, delete a run and a job, load what changed, then load everything again."""
    meltano.environment |= warehouse.environment
    for key in ("kept", "gone"):
        api.world.put("runs", "proj_a", {"id": f"run_{key}"})
        api.world.put("jobs", "proj_a", {"id": f"job_{key}"})
    meltano.run("tap-dagctl", warehouse.loader)
    api.world.delete("runs", "proj_a", "run_gone")
    api.world.delete("jobs", "proj_a", "job_gone")
    next_sync = datetime.now(tz=timezone.utc)
    meltano.run("tap-dagctl", warehouse.loader)
    full_sync = datetime.now(tz=timezone.utc)
    meltano.run("--full-refresh", "tap-dagctl", warehouse.loader)

    assert len(warehouse.query("select id from dagctl.runs")) == 2
    gone_run, gone_job = ({"id": f"{it}_gone", "project_id": "proj_a"} for it in ("run", "job"))
    assert warehouse.query(query("runs", full_sync)) == [gone_run]
    for moment in (next_sync, full_sync):
        assert warehouse.query(query("jobs", moment)) == [gone_job]


def test_duckdb(api: Api, tmp_path: Path) -> None:
    check(api, Meltano.of(api, tmp_path), duckdb_at(tmp_path / WAREHOUSE))


def test_postgres(api: Api, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    with postgres_in(tmp_path_factory.mktemp("postgres")) as warehouse:
        check(api, Meltano.of(api, tmp_path), warehouse)
