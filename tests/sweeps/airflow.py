"""`make airflow`: loads a made-up account through a whole Airflow, and loses a worker meanwhile.

Everything is real but the account: Airflow with its scheduler and two Celery workers, Redis,
PostgreSQL, the tap, the loader, dbt. It takes about eight minutes, and stops what it has started.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import psutil
import psycopg
from typing_extensions import override

from stand_in.server import Api, running
from tests.support.airflow.account import account
from tests.support.airflow.cluster import HEARTBEAT_TIMEOUT, tree_of
from tests.support.airflow.comparison import differing_rows, rows_in, rows_of_projects
from tests.support.airflow.configuration import programs_environment
from tests.support.airflow.secrecy import places
from tests.support.airflow.servers import AIRFLOW
from tests.support.airflow.stage import EVERYTHING, TABLES, stage
from tests.support.airflow.usage import megabytes_in, memory, processor_seconds
from tests.support.project import ROOT

if TYPE_CHECKING:
    from stand_in.server import Request
    from stand_in.world import World
    from tests.support.airflow.rest import Answer
    from tests.support.airflow.stage import Stage
    from tests.support.airflow.usage import Peak

FOLDER = ROOT / "output" / "airflow"
PROJECTS, DAYS = 60, 20
MANY_PROJECTS, FEW_DAYS = 300, 2
SECONDS_AN_ANSWER = 0.05
SHARDS = (1, 2, 4)
SINGLE = "single"
_SECONDS_AT_REST = 30


def main() -> None:
    """Run the show."""
    # As Ctrl-C does: what was started is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    seen: set[str] = set()
    try:
        with ExitStack() as stack:
            api = stack.enter_context(running(_Account(account(PROJECTS, DAYS))))
            many = stack.enter_context(running(_Account(account(MANY_PROJECTS, FEW_DAYS))))
            _say("Starting PostgreSQL, Redis, and Airflow with its two workers…")
            began = time.monotonic()
            stage_ = stack.enter_context(stage(FOLDER))
            _say(f"  in {time.monotonic() - began:.0f} s; for Redis stands {stage_.redis.name}")
            peak = stack.enter_context(memory(lambda: stage_.roots, seen.add))
            _single_tap(stage_, api)
            _shards(stage_, api)
            _lost_worker(stage_, api)
            _idle(stage_, api, many)
            _whole(peak)
            _secrets(stage_, api, seen)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


class _Account(Api):
    """An API whose answers take time, and which does not mind that a client is killed."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.misbehave = _take_time

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        pass


def _take_time(_: Request) -> None:
    time.sleep(SECONDS_AN_ANSWER)


def _single_tap(stage_: Stage, api: Api) -> None:
    """Load the account with one tap and one target, without Airflow."""
    began = time.monotonic()
    command = "set -o pipefail; tap-dagctl --config ENV | target-postgres --config ENV"
    with (
        (FOLDER / "single.log").open("wb") as log,
        subprocess.Popen(
            ["/bin/bash", "-c", command],
            env={**os.environ, **programs_environment(api, stage_.postgres, SINGLE)},
            stdout=log,
            stderr=log,
            start_new_session=True,
        ) as process,
    ):
        try:
            code = process.wait()
        finally:
            # Nothing of it is left after Ctrl-C.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    if code:
        sys.exit(f"make airflow: the single tap failed; see {log.name}")
    rows = rows_in(stage_.warehouse, SINGLE)
    _say(f"\nA single tap loads {PROJECTS} projects in {time.monotonic() - began:.0f} s:")
    for table, number in rows.items():
        _say(f"  {table:<17}{number:>9,} rows")
    _say(f"  {'all':<17}{sum(rows.values()):>9,} rows")


def _shards(stage_: Stage, api: Api) -> None:
    _say(f"\nThe same through Airflow, at {SECONDS_AN_ANSWER * 1000:.0f} ms an answer:")
    _say("  shards   seconds of the syncs   of the whole run   CPU seconds   differing rows")
    for shards in SHARDS:
        stage_.begin_with(api)
        run = stage_.run(TABLES, shards)
        _say(
            f"  {shards:>6}   {run.seconds_of_syncs:>20.0f}   {run.seconds:>16.0f}"
            f"   {run.processor_seconds:>11.0f}   {_differing(stage_):>14}"
        )


def _lost_worker(stage_: Stage, api: Api) -> None:
    """Kill a worker within a sync, and let Airflow try again."""
    stage_.begin_with(api)
    shards = max(SHARDS)
    run = stage_.begin(EVERYTHING, shards)
    worker, projects = _wait_for_a_sync_under_way(stage_)
    after = time.monotonic() - run.began
    stage_.cluster.kill(worker)
    # What the server still had to write for it.
    time.sleep(3)
    loaded = rows_of_projects(stage_.warehouse, "dagctl", projects)
    _say(
        f"\n{worker} is lost after {after:.0f} s of a run with {shards} shards: killed with all it "
        f"has started.\n  Its shards have {len(projects)} projects, of which {loaded:,} rows are "
        f"loaded.\n  Airflow takes its tasks for lost after {HEARTBEAT_TIMEOUT} s without a sign "
        "of life…"
    )
    stage_.finish(run)
    again = [task for task in run.syncs if task["try_number"] > 1]
    sent = sum(_records_sent(stage_, task) for task in again)
    total = rows_of_projects(stage_.warehouse, "dagctl", projects)
    rows = sum(rows_in(stage_.warehouse, "dagctl").values())
    _say(
        f"  {len(again)} syncs were tried again; they sent {sent:,} records, of which "
        f"{loaded + sent - total:,} were loaded before.\n"
        f"  {run.seconds:.0f} s for the whole run, dbt and report included; {rows:,} rows, "
        f"{_differing(stage_)} differing from the single tap's.\n"
        f"  The report: {stage_.folder / 'report.html'}"
    )
    stage_.cluster.start_worker(worker)


def _wait_for_a_sync_under_way(stage_: Stage) -> tuple[str, set[str]]:
    """Return a worker that has loaded part of its shards, and the projects of these."""
    for _ in range(1_200):
        time.sleep(0.5)
        for name, program in stage_.cluster.programs.items():
            projects = _projects_of(program.pid) if name.startswith("worker") else set()
            if not projects:
                continue
            all_of_them = rows_of_projects(stage_.warehouse, SINGLE, projects)
            # Its tables may not be there yet.
            with suppress(psycopg.Error):
                loaded = rows_of_projects(stage_.warehouse, "dagctl", projects)
                if all_of_them * 0.3 < loaded < all_of_them * 0.8:
                    return name, projects
    sys.exit("make airflow: no sync was seen under way")


def _projects_of(process_id: int) -> set[str]:
    """Return the projects that the syncs below a process load."""
    projects: set[str] = set()
    for process in tree_of(process_id):
        with suppress(psutil.Error):
            if "orchestrate.sync" in process.cmdline():
                projects |= set(process.environ().get("TAP_DAGCTL_PROJECT_IDS", "").split(","))
    return projects - {""}


def _records_sent(stage_: Stage, task: Answer) -> int:
    log = stage_.cluster.rest.log(task, task["try_number"])
    return sum(
        map(int, re.findall(r"completed processing \d+ lines of input \(.* (\d+) records", log))
    )


def _differing(stage_: Stage) -> int:
    return sum(differing_rows(stage_.warehouse, "dagctl", SINGLE).values())


def _idle(stage_: Stage, api: Api, many: Api) -> None:
    began = processor_seconds(stage_.roots)
    time.sleep(_SECONDS_AT_REST)
    at_rest = (processor_seconds(stage_.roots) - began) / _SECONDS_AT_REST
    _say(
        f"\nA round with nothing new; Airflow at rest takes {at_rest:.2f} CPU seconds a second:"
        "\n  projects   shards   seconds   CPU seconds   of it at rest"
    )
    for server, projects in ((api, PROJECTS), (many, MANY_PROJECTS)):
        stage_.begin_with(server)
        stage_.run(TABLES, max(SHARDS))
        for shards in (min(SHARDS), max(SHARDS)):
            run = stage_.run(TABLES, shards)
            _say(
                f"  {projects:>8}   {shards:>6}   {run.seconds:>7.0f}   "
                f"{run.processor_seconds:>11.1f}   {at_rest * run.seconds:>13.1f}"
            )


def _whole(peak: Peak) -> None:
    folders = {
        "Airflow's environment": AIRFLOW,
        "PostgreSQL, with Airflow's tables, the warehouse and the states": FOLDER / "postgres",
        "logs of programs and tasks": FOLDER / "airflow",
    }
    _say(
        f"\nThe whole: up to {peak.processes} processes, which had up to {peak.own:,.0f} MB of "
        f"memory ({peak.resident:,.0f} MB if what they share counts for each). On disk:"
    )
    for name, folder in folders.items():
        _say(f"  {megabytes_in(folder):>7,.0f} MB  {name}")


def _secrets(stage_: Stage, api: Api, seen: set[str]) -> None:
    secrets = (api.world.token, stage_.postgres.password)
    found = places(secrets, stage_.cluster.folder, seen, stage_.postgres)
    if found:
        sys.exit(f"make airflow: a secret shows in {', '.join(found)}")
    _say(f"\nNo secret shows in Airflow's logs and database, and on {len(seen)} command lines.")


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
