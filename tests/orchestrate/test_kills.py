"""Stopped and killed in the middle: the exit code says so, nobody writes unlocked, nothing is lost.

The target is the real one behind a gate, which holds its input until the test opens it. So a test
knows what is under way when it sends a signal.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import TYPE_CHECKING

import psycopg
import pytest

from orchestrate.state_backend import state_backend
from stand_in.world import RUNS
from tests.support.orchestrated import Done, Gate, Place, first_own_line, wait_until
from tests.support.state_backends import WITH_LOCKS, backend_of
from tests.support.warehouses import duckdb_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stand_in.server import Api, Request

pytestmark = pytest.mark.programs

STATE_ID = "tap-dagctl-to-target-duckdb"


@pytest.fixture(params=WITH_LOCKS)
def place(api: Api, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Place]:
    for project in ("proj_a", "proj_b"):
        put(api, project, "first")
    with backend_of(request.param, tmp_path / "backend") as (uri, _):
        yield Place.of(api, uri, tmp_path / "warehouse.duckdb")


def put(api: Api, project: str, name: str) -> None:
    api.world.put(RUNS, project, {"id": f"run {name} of {project}", "duration_seconds": 7})
    api.world.advance(minutes=10)


def differences(api: Api, tmp_path: Path) -> list[str]:
    warehouse = duckdb_at(tmp_path / "warehouse.duckdb")
    return warehouse.differences(api.world, api.world.now.date())


def test_a_retry_waits_until_a_killed_sync_writes_no_more(
    place: Place, api: Api, tmp_path: Path
) -> None:
    """The target of the killed one holds old rows that the retry must not find over its own."""
    gate = Gate.before(place, tmp_path, "run first of proj_b")
    killed = place.start(target=gate.command)
    gate.wait()
    killed.kill()
    killed.wait()
    api.world.change(RUNS, "proj_b", "run first of proj_b", duration_seconds=8)
    api.world.advance(minutes=10)
    retry = place.start()
    assert retry.stderr is not None
    # Without a lock it would now load the new row, and the old one would come after it.
    waits = first_own_line(retry)
    gate.open()
    done = Done.of(retry)
    killed.communicate()

    assert waits == "Another sync of these projects goes on; waiting for its end"
    assert done.exit_code == 0, done.stderr
    assert differences(api, tmp_path) == []


@pytest.mark.parametrize("place", ["folder"], indirect=True)
@pytest.mark.parametrize(
    ("signum", "to_group"),
    [(signal.SIGTERM, False), (signal.SIGINT, True)],
    ids=["SIGTERM alone", "Ctrl-C"],
)
def test_a_signal_stops_the_tap_alone_and_the_last_state_is_kept(
    place: Place, api: Api, tmp_path: Path, signum: signal.Signals, to_group: bool
) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def misbehave(request: Request) -> None:
        if request.path.endswith("/proj_b/runs"):
            asked.set()
            go_on.wait(120)

    api.misbehave = misbehave
    process = place.start(TAP_DAGCTL_MAX_CONNECTIONS="1")
    assert asked.wait(120)
    if to_group:
        os.killpg(process.pid, signum)
    else:
        process.send_signal(signum)
    stopped = Done.of(process)
    go_on.set()

    assert stopped.exit_code == 128 + signum, stopped.stderr
    assert "Traceback" not in stopped.stderr
    # What had come is stored, and its state is kept.
    rows = duckdb_at(tmp_path / "warehouse.duckdb").query("select id from dagctl.runs")
    assert rows == [{"id": "run first of proj_a"}]
    with state_backend(place.variables["STATE_BACKEND_URI"], STATE_ID) as backend:
        assert "replication_key_value" in str(backend.read(["proj_a"])["proj_a"])
    assert Done.of(place.start()).exit_code == 0
    assert differences(api, tmp_path) == []


@pytest.mark.parametrize("place", ["folder"], indirect=True)
def test_a_target_that_fails_ends_a_tap_that_waits(place: Place, api: Api, tmp_path: Path) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def misbehave(request: Request) -> None:
        if request.path.endswith("/proj_b/runs"):
            asked.set()
            go_on.wait(120)

    api.misbehave = misbehave
    gate, target = tmp_path / "gate", tmp_path / "target-failing"
    target.write_text(f"#!/bin/sh\nuntil [ -e {gate} ]; do sleep 0.1; done; exit 3\n")
    target.chmod(0o755)
    process = place.start(target=str(target), TAP_DAGCTL_MAX_CONNECTIONS="1")
    assert asked.wait(120)
    gate.touch()
    assert process.wait(120) == 3
    go_on.set()
    process.communicate()


def test_sigint_after_a_signal_kills_tap_and_target(place: Place, tmp_path: Path) -> None:
    gate = Gate.before(place, tmp_path, "run first of proj_b")
    process = place.start(target=gate.command)
    gate.wait()
    for signum in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT):
        assert process.poll() is None
        process.send_signal(signum)
        time.sleep(0.2)
    assert process.wait(120) == 137
    # Nothing of it can write any more.
    with state_backend(place.variables["STATE_BACKEND_URI"], STATE_ID) as other:
        assert other.try_lock(["proj_a"])
    gate.open()
    process.communicate()


@pytest.mark.parametrize("place", set(WITH_LOCKS) & {"postgres"}, indirect=True)
def test_a_sync_that_has_lost_its_locks_is_ended(place: Place, tmp_path: Path) -> None:
    """Long before its target writes a state: another may have the locks by now."""
    gate = Gate.before(place, tmp_path, "run first of proj_b")
    process = place.start(target=gate.command)
    gate.wait()
    uri = place.variables["STATE_BACKEND_URI"].replace("+psycopg2", "")
    with psycopg.connect(uri, autocommit=True) as server:
        server.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where backend_type = 'client backend' and pid <> pg_backend_pid()"
        )
    # The gate stays closed.
    process.wait(120)
    line = "The database of states cannot be used: terminating connection due to"
    assert Done.of(process).error.startswith(line)


def test_a_signal_ends_a_sync_that_waits(place: Place) -> None:
    with state_backend(place.variables["STATE_BACKEND_URI"], STATE_ID) as other:
        assert other.try_lock(["proj_a"])
        process = place.start()
        assert first_own_line(process).endswith("waiting for its end")
        process.terminate()
        assert Done.of(process).exit_code == 143


def test_orphans_end_by_themselves(place: Place, tmp_path: Path) -> None:
    gate = Gate.before(place, tmp_path, "run first of proj_b")
    killed = place.start(target=gate.command)
    gate.wait()
    killed.kill()
    killed.wait()
    with state_backend(place.variables["STATE_BACKEND_URI"], STATE_ID) as other:
        assert not other.try_lock(["proj_a"])
        gate.open()
        wait_until(lambda: other.try_lock(["proj_a", "proj_b"]))
    # Its output ends when the last of them has.
    killed.communicate()
