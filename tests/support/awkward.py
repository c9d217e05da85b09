"""Seeded projects whose statistics are hard to judge: ties, gaps, missing and zero p95s."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from stand_in.history import History
from stand_in.world import EXECUTIONS, RUNS, World, to_text
from tests.support.base_time import NOW

# Around a threshold of 1,800 s, and on it.
_RUNS = (0, 0.001, 1_799.999, 1_800, 1_800, 1_800.001, 2_400, None)
# Pairs that rise by exactly 20 %, by a hair more or less, by 20.25 % (which halves), or from zero.
_MODELS = (0, 0, 80, 96, 96.001, 100, 119.999, 120, 120.001, 400, 481, 500, 606.25, None)
_WAITING = "waits_over_midnight"


_SEEDS = range(8)


class SeededHistory(History):
    """A month of projects, some of which are hard to judge; 30 hours later more has happened."""

    def __init__(self) -> None:
        """Add a project for each seed, with a month of runs and executions."""
        super().__init__(World(now=NOW), days=40)
        for seed in _SEEDS:
            key = f"proj_awkward_{seed:02}"
            self.world.add_project(key, f"awkward {seed}")
            luck = random.Random(f"awkward {seed}")
            for days_ago in range(35):
                if luck.random() < 0.3:
                    continue
                for number in range(luck.choice((1, 1, 2))):
                    moment = self.world.now - timedelta(days=days_ago, minutes=number)
                    _add(self.world, luck, key, f"{seed}_{days_ago}_{number}", moment)
            # It moves to the day on which it starts, and leaves a day without an execution behind.
            waits = {"id": f"{key}_{_WAITING}", "model_name": _WAITING, "status": "pending"}
            self.world.put(EXECUTIONS, key, waits)

    def go_on(self) -> None:
        """Let what waits start and end, and add a run to today."""
        self.advance(timedelta(hours=30))
        now = self.world.now
        for seed in _SEEDS:
            key = f"proj_awkward_{seed:02}"
            fields = {"status": "success", "start_time": to_text(now), "duration_seconds": 3}
            self.world.change(EXECUTIONS, key, f"{key}_{_WAITING}", **fields)
            _add(self.world, random.Random(f"later {seed}"), key, f"{seed}_later", now)


def _add(world: World, luck: random.Random, project: str, name: str, moment: datetime) -> None:
    started = to_text(moment)
    seconds = luck.choice(_RUNS)
    status = (
        "running" if seconds is None else luck.choice(("success", "success", "failed", "partial"))
    )
    run = {
        "id": f"run_{name}",
        "job_name": luck.choice(("hourly", "nightly")),
        "status": status,
        "start_time": started,
        "duration_seconds": seconds,
        "error_message": "it broke" if status in {"failed", "partial"} else None,
    }
    world.put(RUNS, project, run)
    for model in ("a", "b", "c"):
        if luck.random() < 0.6:
            seconds = luck.choice(_MODELS)
            held_back = luck.choice(("success", "success", "skipped", "blocked", "failed"))
            execution = {
                "id": f"exec_{name}_{model}",
                "run_id": run["id"],
                "model_name": model,
                "status": "running" if seconds is None else held_back,
                "start_time": started,
                "duration_seconds": seconds,
            }
            world.put(EXECUTIONS, project, execution)
