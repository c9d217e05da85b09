"""The loaders hold what the API holds, row by row, or what docs/targets.md says of them."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from pathlib import Path

from scripts.stream_sections import QUERIES
from stand_in.history import SLOW_PROJECT, SLOWER_MODEL, History
from stand_in.server import serving
from stand_in.world import JOBS, PLANS, RUNS, World
from tests.support.base_time import NOW
from tests.support.loaders.history import HUGE, PROJECT, AwkwardHistory
from tests.support.pipe import Pipe
from tests.support.project import ROOT
from tests.support.truth import differences
from tests.support.warehouses import Warehouse, duckdb_at

PAGE = (ROOT / "docs" / "incremental.md").read_text()
(DELETED,) = re.findall("```sql\n(.*?)```", PAGE, re.DOTALL)
# What JSON can say and no loader can take, at every depth.
ODD = {"a\0": ["\0", {"b": HUGE - 1, "c": HUGE, "d": [-HUGE - 1]}]}


def test_it_holds_what_the_api_holds_after_every_run(warehouse: Warehouse, tmp_path: Path) -> None:
    history = AwkwardHistory(days=20)
    world = history.world
    world.put(PLANS, PROJECT, {"id": "plans_odd", "plan_output": ODD, "queue": ODD})
    (project, *_) = world.projects
    running = [row["id"] for row in world.rows(RUNS, project) if row["status"] == "running"]
    assert running, "the history has no run that is going on"
    for key in ("kept", "gone"):
        world.put(RUNS, project, {"id": f"run_{key}"})
        world.put(JOBS, project, {"id": f"job_{key}", "status": None})

    def differs() -> list[str]:
        return differences(warehouse.tables(), history.expected())

    with serving(world) as api:
        # Many batches.
        pipe = Pipe(api, warehouse, tmp_path, target={"batch_size_rows": 100})
        pipe.load()
        assert differs() == []
        history.go_on()
        pipe.load()
        assert differs() == []
        found = warehouse.tables()["runs"]
        assert not {found[(key,)]["status"] for key in running} & {"pending", "running"}
        assert pipe.load().records("runs") == []
        assert differs() == []

        # What is deleted stays, and the page's query finds it.
        world.delete(RUNS, project, "run_gone")
        world.delete(JOBS, project, "job_gone")
        moment = datetime.now(tz=timezone.utc)
        for table, is_full_refresh in ((JOBS, False), (RUNS, True)):
            pipe.state = None if is_full_refresh else pipe.state
            pipe.load()
            query = re.sub("'.*'", f"'{moment:%Y-%m-%d %H:%M:%S.%f}'", DELETED)
            gone = {"id": f"{table.removesuffix('s')}_gone", "project_id": project}
            assert warehouse.query(query.replace("dagctl.runs", f"dagctl.{table}")) == [gone]


def test_the_pages_queries_answer(tmp_path: Path) -> None:
    warehouse = duckdb_at(tmp_path / "warehouse.duckdb")
    with serving(History(World(now=NOW), days=40).world) as api:
        Pipe(api, warehouse, tmp_path).load(include_sensitive=True)

    found = {name: warehouse.query(query) for name, query in QUERIES.items()}
    assert next(iter(found["model_stats"][0].values())) == SLOWER_MODEL
    assert [next(iter(row.values())) for row in found["daily_stats"]] == [SLOW_PROJECT]
