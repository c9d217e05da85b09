"""A month through tap, loader, dbt and messages: each finding is told once, and its end once.

What there is to tell at each moment is reckoned from the API's rows, by none of the answers' SQL.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from report.formatting import day, moment
from report.notify.settings import ADDRESSES as VARIABLE
from stand_in.history import SLOW_PROJECT, SLOWER_MODEL, History
from stand_in.server import serving
from stand_in.world import RUNS, World, to_text
from tests.support import expected_answers, guide
from tests.support.base_time import FIRST_DAY, NOW
from tests.support.dbt_builds import builds
from tests.support.expected_answers import Loaded
from tests.support.notes import notify
from tests.support.project import ROOT
from tests.support.receivers import SECRET
from tests.support.syncs import arguments, config_of
from tests.support.truth import FIRST_MONDAY

if TYPE_CHECKING:
    from pathlib import Path

    from stand_in.server import Api
    from tests.support.receivers import Received, Receiver
    from tests.support.warehouses import Warehouse

SALES, FINANCE = "proj_7f3a01", "proj_2c9e44"
SLA = 1_800
TITLES = ("Jobs broken", "Runs that take too long", "Days over the SLA", "Models that got slower")
BUILT = ("+broken_jobs", "+overdue_runs", "+sla_breaches", "+model_regressions", "+slowest_models")
# When somebody looks, in hours: as things happen, and now and then when nothing does.
LOOKS = (0, 17, 17.2, 24, 48, 24 * 9, 24 * 12, 24 * 19, 24 * 30)
DOWN = (24, 48)
"""The webhook answers nobody then."""

Key = tuple[str, ...]


@dataclass
class Reckoned:
    """What one receiver must be told, and what it was told."""

    told: dict[Key, bool] = field(default_factory=dict)
    waiting: set[Key] = field(default_factory=set)
    is_first: bool = True

    def look(self, now: dict[Key, bool], *, is_down: bool) -> tuple[Counter[str], Counter[str]]:
        """Return what a message must name as new, and as over.

        Args:
            now: what is found, and whether it is over.
        """
        if self.is_first:
            self.told.update({key: True for key, is_over in now.items() if is_over})
        self.is_first = False
        self.waiting |= now.keys() - self.told.keys()
        if is_down:
            return Counter(), Counter()
        over = {key for key, was in self.told.items() if not was and now.get(key, True)}
        new = {key: now.get(key, True) for key in self.waiting}
        self.told.update(dict.fromkeys(over, True) | new)
        self.waiting.clear()
        return (
            Counter(f"{key[0]}: {key[1]}{' (over' * is_over}" for key, is_over in new.items()),
            Counter(key[1] for key in over),
        )


def found(api: Api) -> dict[Key, bool]:
    """Return what is to be found in the API's rows now, and whether it is over."""
    world, today = api.world, api.world.now.date()
    names = {key: str(project.row["name"]) for key, project in world.projects.items()}
    loaded = Loaded(world)
    result: dict[Key, bool] = {}
    for (project, job), (_, since, *_) in expected_answers.broken_jobs(loaded).items():
        result[TITLES[0], f"{job} ({names[project]})", str(since)] = False
    for (run,) in expected_answers.overdue_runs(loaded):
        row = next(row for key in names for row in world.rows(RUNS, key) if row["id"] == run)
        started = moment(datetime.fromisoformat(row["start_time"].replace("Z", "+00:00")))
        name = f"{row['job_name']} ({names[row['project_id']]}), started {started}"
        result[TITLES[1], name, run] = False
    for project, project_name in names.items():
        path = f"/projects/{project}/runs/daily-stats"
        days = {
            date.fromisoformat(row["date"]): row["p95_duration_seconds"]
            for row in guide.ask(api, path, days=90)["daily_stats"]
            if row["p95_duration_seconds"] is not None
        }
        kept = [it for it, seconds in days.items() if seconds <= SLA and it < today]
        for it, seconds in days.items():
            is_over = any(later > it for later in kept)
            if seconds > SLA and (not is_over or it > today - timedelta(days=7)):
                result[TITLES[2], f"{project_name}, {day(it)}", project] = is_over
    for project, model, start in guide.model_regressions(api, FIRST_DAY, today):
        this_window = today - timedelta(days=(today - FIRST_MONDAY).days % 7)
        if this_window - start <= timedelta(days=7):
            result[TITLES[3], f"{model} ({names[project]}), from {day(start)}", project] = False
    return result


def said(messages: list[Received]) -> tuple[Counter[str], Counter[str]]:
    """Return what messages name as new, and as over; each name ends before its first colon."""
    new: Counter[str] = Counter()
    over: Counter[str] = Counter()
    for message in messages:
        for title, lines in message.sections.items():
            for line in lines:
                assert "more" not in line.split()[-1:], "the month has too much for one message"
                name = line.split(": ")[0]
                if title == "Over":
                    over[name] += 1
                else:
                    new[f"{title}: {name}{' (over' * ('(over: ' in line)}"] += 1
    return new, over


def plant(world: World, hours: float) -> None:
    """Let things happen that the history has none of."""
    job = {"job_type": "run", "cronjob_name": "sales-warehouse-refresh", "job_name": "refresh"}
    if hours == 17:  # a run that goes on for ever, as it seems
        began = to_text(world.now - timedelta(hours=5))
        world.put(RUNS, SALES, {"id": "stuck", "status": "running", "start_time": began, **job})
    if hours == 48:
        world.change(
            RUNS,
            SALES,
            "stuck",
            status="success",
            end_time=to_text(world.now),
            duration_seconds=20.0,
        )
    # While the webhook is down a job breaks, and is mended before it is up again.
    ended = {
        "start_time": to_text(world.now),
        "end_time": to_text(world.now),
        "duration_seconds": 1.0,
    }
    once = {"job_name": "once", "job_type": "run", **ended}
    if hours == 24:
        world.put(RUNS, FINANCE, {"id": "bad", "status": "failed", **once})
    if hours == 48:
        world.put(RUNS, FINANCE, {"id": "good", "status": "success", **once})


def load(api: Api, warehouse: Warehouse, directory: Path) -> None:
    """Pipe the tap into the loader, as a shell does."""
    state = directory / "state.json"
    config: dict[str, Any] = {"default_target_schema": "dagctl", "add_record_metadata": True}
    if "TARGET_DUCKDB_FILEPATH" in warehouse.environment:
        config["filepath"] = warehouse.environment["TARGET_DUCKDB_FILEPATH"]
    else:
        config["sqlalchemy_url"] = warehouse.environment["TARGET_POSTGRES_SQLALCHEMY_URL"]
    (directory / "target.json").write_text(json.dumps(config))
    line = arguments(directory, config_of(api))
    if state.exists():
        line += ["--state", str(state)]
    environment = {**os.environ, "PGTZ": "UTC"}
    loader = ROOT / ".meltano" / "loaders" / warehouse.loader / "venv" / "bin" / warehouse.loader
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as tap:
        states = subprocess.run(
            [loader, "--config", str(directory / "target.json")],
            stdin=tap.stdout,
            capture_output=True,
            check=True,
            env=environment,
            text=True,
        ).stdout
    assert tap.returncode == 0
    state.write_text(states.splitlines()[-1])


def test_a_month_of_messages(
    warehouse: Warehouse, hook: Receiver, mail: Receiver, tmp_path: Path
) -> None:
    history = History(World(now=NOW - timedelta(hours=7)), days=30)
    # What it plants lies ahead.
    history._end = NOW + timedelta(days=12)
    world = history.world
    reckoned = {"hook": Reckoned(), "mail": Reckoned()}
    all_new: dict[str, Counter[str]] = {"hook": Counter(), "mail": Counter()}
    all_over: dict[str, Counter[str]] = {"hook": Counter(), "mail": Counter()}
    with ExitStack() as stack:
        api = stack.enter_context(serving(world))
        build = stack.enter_context(builds(warehouse, tmp_path, *BUILT, "+settings_used"))
        before = 0.0
        for hours in LOOKS:
            history.advance(timedelta(hours=hours - before))
            before = hours
            plant(world, hours)
            hook.is_down = hours in DOWN
            load(api, warehouse, tmp_path)
            build(world.now)
            told = {VARIABLE: f"{hook.address} {mail.address}"}
            done = notify(warehouse, **told)
            assert SECRET not in done.stdout + done.stderr
            now = found(api)
            for name, receiver in (("hook", hook), ("mail", mail)):
                expected = reckoned[name].look(now, is_down=receiver.is_down)
                new, over = said(receiver.take())
                assert (new, over) == expected, (name, hours, done.stdout, done.stderr)
                all_new[name] += new
                all_over[name] += over
            assert done.returncode == (1 if hook.is_down and reckoned["hook"].waiting else 0)

    for name, new in all_new.items():
        once = Counter(key.removesuffix(" (over") for key in new.elements())
        # A job may break more than once in a month; the rest is told once.
        assert all(times == 1 for key, times in once.items() if not key.startswith(TITLES[0]))
        assert all(any(title in key for key in new) for title in TITLES), name
        ended = Counter(key.split(": ", 1)[1].removesuffix(" (over") for key in new.elements())
        assert not all_over[name] - ended
        assert any(f"{SLOW_PROJECT}, " in key for key in all_over[name])
        assert any(SLOWER_MODEL in key for key in all_over[name])
        assert any("refresh (sales_warehouse), started" in key for key in ended)
    # It was told with its end beside it to the one that was down, and in two messages to the other.
    assert all_new["hook"][f"{TITLES[0]}: once (finance_marts) (over"] == 1
    assert all_new["mail"][f"{TITLES[0]}: once (finance_marts)"] == 1
    assert all_over["mail"]["once (finance_marts)"] == 1
