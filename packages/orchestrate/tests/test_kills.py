"""Stopped and killed in the middle: the exit code says so, nobody writes unlocked, nothing is lost.

The target is the real one behind a gate, which holds its input until the test opens it. So a test
knows what is under way when it sends a signal.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from orchestrate import pipeline
from orchestrate.pipeline import Pipeline, Program
from stand_in.world import RUNS
from tests.support import troubleshooting
from tests.support.orchestrated import Done, Gate, Place, first_own_line, held_up, wait_until
from tests.support.state_backends import WITH_LOCKS
from tests.support.syncs import handlers_kept

pytestmark = pytest.mark.programs

BOTH = pytest.mark.parametrize("place", WITH_LOCKS, indirect=True)


@pytest.fixture
def gate(place: Place, tmp_path: Path) -> Gate:
    return Gate(place, tmp_path, "run first of proj_b")


@pytest.fixture
def under_way(place: Place, gate: Gate) -> Iterator[subprocess.Popen[str]]:
    """A sync whose target still holds rows."""
    process = place.start(target=gate.command)
    wait_until(gate.has_reached)
    yield process
    gate.open()
    # Its output ends when the last of its processes has.
    process.communicate()


@BOTH
def test_a_retry_waits_until_a_killed_sync_writes_no_more(
    place: Place, gate: Gate, under_way: subprocess.Popen[str]
) -> None:
    """The target of the killed one holds old rows that the retry must not find over its own."""
    under_way.kill()
    under_way.wait()
    place.api.world.change(RUNS, "proj_b", "run first of proj_b", duration_seconds=8)
    place.api.world.advance(minutes=10)
    retry = place.start()
    # Without a lock it would now load the new row, and the old one would come after it.
    assert first_own_line(retry) == "Another sync of these projects goes on; waiting for its end"
    gate.open()
    done = Done.of(retry)

    assert done.exit_code == 0, done.stderr
    assert place.differences() == []


@pytest.mark.parametrize(
    ("signum", "to_group"),
    [(signal.SIGTERM, False), (signal.SIGINT, True)],
    ids=["SIGTERM alone", "Ctrl-C"],
)
def test_a_signal_stops_the_tap_alone_and_the_last_state_is_kept(
    place: Place, signum: signal.Signals, to_group: bool
) -> None:
    with held_up(place.api, "/proj_b/runs") as (arrived, _):
        process = place.start("--streams", "runs", TAP_DAGCTL_MAX_CONNECTIONS="1")
        assert arrived.wait(120)
        (os.killpg if to_group else os.kill)(process.pid, signum)
        stopped = Done.of(process)

    assert stopped.exit_code == 128 + signum, stopped.stderr
    assert "Traceback" not in stopped.stderr
    # What had come is stored, and its state is kept.
    assert place.warehouse.query("select id from dagctl.runs") == [{"id": "run first of proj_a"}]
    assert "replication_key_value" in str(place.parts()["proj_a"])
    assert place.run().exit_code == 0
    assert place.differences() == []


def test_a_target_that_fails_ends_a_tap_that_waits(place: Place, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    target = place.script(f"until [ -e {gate} ]; do sleep 0.1; done; exit 3", tmp_path)
    with held_up(place.api, "/proj_b/runs") as (arrived, _):
        process = place.start(target=target, TAP_DAGCTL_MAX_CONNECTIONS="1")
        assert arrived.wait(120)
        gate.touch()
        assert process.wait(120) == 3
    process.communicate()


@BOTH
def test_sigint_after_a_signal_kills_tap_and_target(
    place: Place, under_way: subprocess.Popen[str]
) -> None:
    for signum in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT):
        assert under_way.poll() is None
        under_way.send_signal(signum)
        time.sleep(0.2)
    assert under_way.wait(120) == 137
    # Nothing of it can write any more.
    with place.states() as other:
        assert other.try_lock(["proj_a"])


@pytest.mark.parametrize("place", set(WITH_LOCKS) & {"postgres"}, indirect=True)
def test_a_sync_that_has_lost_its_locks_is_ended(
    place: Place, under_way: subprocess.Popen[str]
) -> None:
    """Long before its target writes a state: another may have the locks by now."""
    uri = place.variables["STATE_BACKEND_URI"].replace("+psycopg2", "")
    with psycopg.connect(uri, autocommit=True) as server:
        server.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )
    # The gate stays closed.
    under_way.wait(120)
    line = "The database of states cannot be used: terminating connection due to"
    assert Done.of(under_way).error.startswith(line)


def test_a_signal_ends_a_sync_that_waits(place: Place) -> None:
    with place.states() as other:
        assert other.try_lock(["proj_a"])
        process = place.start()
        assert first_own_line(process).endswith("waiting for its end")
        process.terminate()
        assert Done.of(process).exit_code == 143


# The tap ends at SIGTERM; the target hangs, also where it has closed its output.
SLEEPING = Program(["sleep", "60"], {})
SILENT = Program(["bash", "-c", "exec >&-; sleep 60"], {"PATH": os.environ["PATH"]})
LIMIT = "The sync has not ended within 0.1 s (--limit)"
SIGNAL = "The sync has not ended within 0.2 s after a signal"


@pytest.mark.parametrize(
    ("target", "limit", "said"),
    [(SLEEPING, 0.1, [LIMIT, SIGNAL]), (SILENT, 0.1, [LIMIT, SIGNAL]), (SLEEPING, 1000, [SIGNAL])],
)
def test_it_is_killed_some_time_after_the_limit_or_a_signal(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    target: Program,
    limit: float,
    said: list[str],
) -> None:
    monkeypatch.setattr(pipeline, "SECONDS_AFTER_A_SIGNAL", 0.2)
    monkeypatch.setattr(pipeline, "_SECONDS_BETWEEN_CHECKS", 0.05)
    with handlers_kept():
        running = Pipeline(limit)
        if LIMIT not in said:
            threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
        assert running.run(SLEEPING, target, lambda _: None, lambda: None) == 128 + signal.SIGKILL

    assert [message.partition(",")[0] for message in caplog.messages] == said
    troubleshooting.check(caplog.messages)
