"""The jobs of `meltano.yml` tell what is new, where somebody said whom."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from report.notify.settings import ADDRESSES as VARIABLE
from stand_in.server import serving
from stand_in.world import RUNS, World, to_text
from tests.support.meltano import Meltano
from tests.support.receivers import SECRET

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.receivers import Receiver


def test_the_ten_minute_job_tells_before_and_after_the_daily_one(
    hook: Receiver, tmp_path: Path
) -> None:
    # dbt counts back from this machine's clock, so the rows are of today.
    world = World(now=datetime.now(tz=timezone.utc).replace(microsecond=0))
    world.add_project("proj_a", "sales")
    put(world, "bad", "failed", hours_ago=2)
    with serving(world) as api:
        meltano = Meltano.of(api, tmp_path)

        def run(schedule: str) -> str:
            done = meltano("schedule", "run", schedule)
            assert done.returncode == 0, done.stdout + done.stderr
            assert SECRET not in done.stdout + done.stderr
            return done.stdout + done.stderr

        assert f"{VARIABLE} is not set" in run("runs-every-10-minutes")

        meltano.environment[VARIABLE] = hook.address
        assert "left out: sla_breaches, model_regressions" in run("runs-every-10-minutes")
        (message,) = hook.take()
        assert list(message.sections) == ["Jobs broken"]
        assert message.title == "dagctl: 1 new"

        put(world, "good", "success", hours_ago=1)
        run("runs-every-10-minutes")
        (message,) = hook.take()
        assert message.sections == {"Over": ["nightly (sales): mended"]}

        # Only the daily one brings the statistics.
        put(world, "slow", "success", hours_ago=0, seconds=4_000.0)
        run("runs-every-10-minutes")
        assert hook.take() == []
        run("statistics-daily")
        (message,) = hook.take()
        assert list(message.sections) == ["Days over the SLA"]


def put(world: World, key: str, status: str, *, hours_ago: int, seconds: float = 60.0) -> None:
    moment = to_text(world.now - timedelta(hours=hours_ago, seconds=60))
    times = {"start_time": moment, "end_time": moment, "duration_seconds": seconds}
    world.put(RUNS, "proj_a", {"id": key, "job_name": "nightly", "status": status, **times})
    world.advance(seconds=61)
