"""The jobs of `meltano.yml` and the script for cron tell what is new, where somebody said whom."""

from __future__ import annotations

import json
import os
import shutil
from datetime import datetime, timedelta, timezone
from pathlib import Path

from report.notify.settings import ADDRESSES as VARIABLE
from stand_in.server import Api, serving
from stand_in.world import RUNS, World, to_text
from tests.support.at_request import refuse
from tests.support.meltano import Meltano
from tests.support.partly_refused import partly_refused
from tests.support.programs import ended
from tests.support.project import ROOT
from tests.support.receivers import SECRET, Receiver
from tests.support.warehouses import Warehouse


def test_the_schedules_load_build_and_tell_each_from_a_state_of_its_own(
    hook: Receiver, tmp_path: Path
) -> None:
    # The runs are of today, and over: dbt counts back from this machine's clock.
    world = World(now=datetime.now(tz=timezone.utc).replace(microsecond=0) - timedelta(minutes=20))
    world.add_project("proj_a", "sales")
    put(world, "bad", "failed", hours_ago=2)
    with serving(world) as api:
        meltano = Meltano.of(api, tmp_path)
        meltano.environment[VARIABLE] = hook.address

        def run(schedule: str, code: int = 0) -> str:
            done = meltano("schedule", "run", schedule, code=code)
            assert SECRET not in done.stdout + done.stderr
            return done.stdout + done.stderr

        # The answers that need statistics are built by the daily one.
        said = run("runs-every-10-minutes")
        assert "left out: sla_breaches, model_regressions" in said
        assert [list(it.sections) for it in hook.take()] == [["Jobs broken"]]
        put(world, "slow", "failed", hours_ago=0, seconds=4_000.0)
        run("statistics-daily")
        assert [list(it.sections) for it in hook.take()] == [["Days over the SLA"]]

        # A project that is refused silences nobody, and the schedule fails in the end.
        world.add_project("proj_b", "refused")
        put(world, "good", "success", hours_ago=0)
        refuse(api, {"proj_b/runs": 403})
        api.requests.clear()
        assert "refused: runs cannot be read since" in run("runs-every-10-minutes", code=1)
        (message,) = hook.take()
        assert message.sections["Over"] == ["nightly (sales): mended"]
        asked = [it.params for it in api.requests if it.path.endswith("proj_a/runs")]
        assert ["updated_after" in params for params in asked] == [True]

        # Nor does what Meltano itself would stop at.
        put(world, "bad again", "failed", hours_ago=0)
        refuse(api, {"proj_b/runs": 500})
        (tmp_path / ".tools").symlink_to(ROOT / ".tools")
        script = tmp_path / "packages" / "orchestrate" / "meltano.sh"
        parts = ("tap-dagctl-runs target-duckdb", "dbt-duckdb:now notify:duckdb")
        own = {"TAP_DAGCTL_RUNS_MAX_ATTEMPTS": "1", "PATH": os.environ["PATH"]}
        # Wherever it is called: there may be another project.
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "meltano.yml").write_text("version: 1\n")
        ended(script, *parts, code=1, cwd=elsewhere, env={**meltano.environment, **own})
        (message,) = hook.take()
        assert "Jobs broken" in message.sections

        for part, streams in (
            ("runs", {"runs", "model_executions"}),
            ("statistics", {"daily_stats", "model_stats", "jobs", "plans"}),
        ):
            saved = meltano("state", "get", f"dev:tap-dagctl-{part}-to-target-duckdb").stdout
            bookmarks = json.loads(saved)["singer_state"]["bookmarks"]
            assert bookmarks.keys() == {"projects", "syncs", *streams}


def test_the_script_runs_in_a_project_of_ones_own(api: Api, tmp_path: Path) -> None:
    meltano = Meltano.of(api, tmp_path)
    shutil.copy(ROOT / "packages" / "orchestrate" / "meltano.sh", tmp_path)
    parts = ("--dry-run tap-dagctl-runs target-duckdb", "--dry-run dbt-duckdb:now")
    done = ended("./meltano.sh", *parts, cwd=tmp_path, env=meltano.environment)
    assert "dbt-duckdb" in done.stdout + done.stderr


def test_the_chain_tells_of_what_was_loaded_though_a_project_is_refused(
    postgres: Warehouse, tmp_path: Path
) -> None:
    settings = tmp_path / "settings"
    script = ROOT / "packages" / "orchestrate" / "cron.sh"
    bare = {"PATH": "/usr/bin:/bin", "HOME": "/", "LANG": "C"}

    def run(code: int, **variables: str) -> str:
        lines = [f"{name}='{it}'\n" for name, it in {**own, **variables}.items()]
        settings.write_text("".join(lines))
        done = ended(script, settings, postgres.program, code=code, env=bare)
        return done.stdout + done.stderr

    with partly_refused(postgres) as account:
        own = account.variables
        account.refuse()
        account.check(run(1))

        # Nothing can be loaded, so nothing is built, and nobody is told of what has grown old.
        account.api.world.change(RUNS, "proj_0", "failed run", status="success")
        account.api.world.token = "dctl_another"  # noqa: S105 - made up
        assert SECRET not in run(2, DAGCTL_SLA_SECONDS="78")
        used = postgres.query("select sla_seconds from dagctl_answers.settings_used")
        assert used == [{"sla_seconds": 77}]
        assert account.hook.take() == []


def put(world: World, key: str, status: str, *, hours_ago: int, seconds: float = 60.0) -> None:
    moment = to_text(world.now - timedelta(hours=hours_ago, seconds=60))
    times = {"start_time": moment, "end_time": moment, "duration_seconds": seconds}
    world.put(RUNS, "proj_a", {"id": key, "job_name": "nightly", "status": status, **times})
    world.advance(seconds=61)
