"""The DAGs in a real Airflow, as `airflow dags test` runs them: one task after another."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import threading
import time
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING
from unittest.mock import patch

import psutil
import psycopg
import pytest
from typing_extensions import Self

from orchestrate.state_backend import state_backend
from orchestrate.states import NO_PROJECT
from stand_in.server import Reply, serving
from stand_in.world import RUNS, to_text
from tests.support.airflow.account import account
from tests.support.airflow.cluster import tree_of
from tests.support.airflow.comparison import differing_rows, rows_in
from tests.support.airflow.configuration import (
    WAREHOUSE,
    connections,
    programs_environment,
    variables,
)
from tests.support.airflow.servers import AIRFLOW, postgres
from tests.support.project import ROOT
from tests.support.receivers import SECRET, webhook
from tests.support.state_backends import BUCKET, s3

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from stand_in.server import Api, Request
    from tests.support.airflow.servers import Postgres
    from tests.support.receivers import Receiver

WAITING = "Another sync of these projects goes on"
SECONDS = 120


class Airflow:
    """One user's Airflow, in a folder of its own.

    Attributes:
        seen: the command line of every process that ran at some time.
        states_in_s3: the names of the states that the second DAG has left there.
    """

    def __init__(self, folder: Path, api: Api, server: Postgres, address: str) -> None:
        self.folder = folder
        self.report = folder / "report.html"
        self.seen: set[str] = set()
        self.states_in_s3: set[str] = set()
        self._environment = {
            **{name: value for name, value in os.environ.items() if "AIRFLOW" not in name},
            "AIRFLOW_HOME": str(folder),
            # bash reads its .bashrc if it has no shell above it, and a socket as input.
            "HOME": str(folder),
            "SHLVL": "0",
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "packages" / "orchestrate" / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "1",
        }
        told = {"connection_id": "dagctl_notify", "conn_type": "generic", "password": address}
        dagctl, *others = connections(api, server)
        thresholds = {"DAGCTL_SLA_SECONDS": 77, "DAGCTL_SLA_SECONDS_BY_PROJECT": {}}
        dagctl["extra"] = json.dumps(json.loads(dagctl["extra"]) | thresholds)
        for connection in (dagctl, *others, told):
            name = connection.pop("connection_id").upper()
            self._environment[f"AIRFLOW_CONN_{name}"] = json.dumps(connection)
        for name, value in variables(self.report).items():
            self._environment[f"AIRFLOW_VAR_{name.upper()}"] = value
        (folder / ".bashrc").write_text("exit 9")
        with self.running("migrate", "db", "migrate") as process:
            assert process.wait() == 0, self.log("migrate")

    @contextmanager
    def running(
        self, log: str, *arguments: str, **variables: str
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Run `airflow` until the block ends, and look at all command lines meanwhile."""
        ended = threading.Event()

        def look() -> None:
            while not ended.wait(0.5):
                for process in psutil.process_iter(["cmdline"]):
                    self.seen.add(" ".join(process.info["cmdline"] or ()))

        looking = threading.Thread(target=look)
        looking.start()
        try:
            input_, other_end = socket.socketpair()
            with (
                input_,
                other_end,
                (self.folder / f"{log}.log").open("wb") as file,
                subprocess.Popen(
                    [str(AIRFLOW / "bin" / "airflow"), *arguments],
                    env={**self._environment, **variables},
                    # As Airflow's workers start a task.
                    stdin=input_.fileno(),
                    stdout=file,
                    stderr=file,
                    start_new_session=True,
                ) as process,
            ):
                try:
                    yield process
                finally:
                    process.kill()
        finally:
            ended.set()
            looking.join()

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def testing(
        self, dag: str, log: str, **variables: str
    ) -> AbstractContextManager[subprocess.Popen[bytes]]:
        """Let all tasks of a DAG run, on two shards."""
        return self.running(log, "dags", "test", dag, "--conf", '{"shards": 2}', **variables)


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    world = account(projects=6, days=8)
    # dbt counts back from this machine's clock, so there is a run of today.
    today = to_text(datetime.now(tz=timezone.utc))
    failed = {"status": "failed", "job_name": "broken today", "end_time": today}
    world.put(RUNS, next(iter(world.projects)), {"id": "run of today", **failed})
    world.advance(minutes=10)
    with serving(world) as api:
        yield api


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    folder = tmp_path_factory.mktemp("servers")
    with postgres(folder / "postgres", [WAREHOUSE, "states"]) as server:
        yield server


@pytest.fixture(scope="module")
def hook() -> Iterator[Receiver]:
    """Who is told what is new."""
    with webhook() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def airflow(
    tmp_path_factory: pytest.TempPathFactory, api: Api, server: Postgres, hook: Receiver
) -> Airflow:
    """Both DAGs have run, the first after a worker was lost; in the second a task was ended.

    The states of the first are in PostgreSQL, those of the second in S3.
    """
    airflow = Airflow(tmp_path_factory.mktemp("airflow"), api, server, hook.address)
    with HeldUp(api, "/model-executions") as held_up:
        with airflow.testing("dagctl_runs", "lost") as lost:
            held_up.wait_for_request()
            # The tap and its target go on without a parent, and hold the lock.
            below(lost, "orchestrate.sync").kill()
            lost.kill()
        with airflow.testing("dagctl_runs", "runs") as runs:
            wait_until(lambda: WAITING in airflow.log("runs"))
            held_up.let_through()
            assert runs.wait(SECONDS) == 0, airflow.log("runs")
    uri = f"s3://{BUCKET}/tap-dagctl"
    with (
        s3() as variables,
        HeldUp(api, "/plans") as held_up,
        airflow.testing(
            "dagctl_statistics", "statistics", AIRFLOW_CONN_DAGCTL_STATES=uri, **variables
        ) as statistics,
    ):
        held_up.wait_for_request()
        statistics.terminate()
        wait_until(lambda: "Sending SIGTERM" in airflow.log("statistics"))
        held_up.let_through()
        assert statistics.wait(SECONDS) == 0, airflow.log("statistics")
        with (
            patch.dict("os.environ", variables),
            state_backend(uri, "dagctl_statistics") as backend,
        ):
            airflow.states_in_s3 = backend.names()
    return airflow


def test_a_sync_waits_for_the_one_that_a_lost_worker_left_behind(airflow: Airflow) -> None:
    # What lists the shards, what makes the tables, two shards, dbt, the messages, the last look.
    assert exit_codes(airflow.log("runs")) == [0] * 7


def test_a_task_that_was_ended_ends_its_sync_in_order_and_is_tried_again(airflow: Airflow) -> None:
    # Besides, the report.
    assert sorted(exit_codes(airflow.log("statistics"))) == [0] * 8 + [143]


def test_the_shards_load_what_a_single_tap_loads(
    airflow: Airflow, api: Api, server: Postgres
) -> None:
    load_with_a_single_tap(api, server, "single")

    url = server.url(WAREHOUSE)
    assert all(rows_in(url, "single").values())
    assert not any(differing_rows(url, "dagctl", "single").values())
    assert "<html" in airflow.report.read_text()


def test_what_the_tap_and_the_target_say_is_in_the_log_of_the_task(airflow: Airflow) -> None:
    for words in ("| Synced ", "| tap-dagctl", "| target-postgres", "dbt=1"):
        assert words in airflow.log("statistics")


def test_what_is_new_is_told_once_by_the_dag_that_loads_it(
    airflow: Airflow, hook: Receiver
) -> None:
    (message,) = hook.received
    assert message.sections.keys() == {"Jobs broken"}
    assert "broken today" in message.body
    assert "1 new, 0 over, sent to address 1 (JSON)" in airflow.log("runs")
    assert "nothing new for address 1 (JSON)" in airflow.log("statistics")


def test_a_threshold_may_be_in_a_connection(airflow: Airflow, server: Postgres) -> None:
    query = "select sla_seconds from dagctl_answers.settings_used"
    with psycopg.connect(server.url(WAREHOUSE)) as connection:
        assert "dbt=1" in airflow.log("statistics")
        assert connection.execute(query).fetchall() == [(77,)]


def test_a_refused_project_fails_the_run_after_the_others_are_told(
    airflow: Airflow, api: Api, server: Postgres, hook: Receiver
) -> None:
    refused, other = list(api.world.projects)[:2]
    today = to_text(datetime.now(tz=timezone.utc))
    failed = {"status": "failed", "job_name": "broken later", "end_time": today}
    for project in (refused, other):
        api.world.put(RUNS, project, {"id": f"later run of {project}", **failed})
    api.world.advance(minutes=10)
    path = f"/{refused}/runs"
    api.misbehave = lambda request: Reply(403, b"{}") if request.path.endswith(path) else None
    with airflow.testing("dagctl_runs", "refused") as run:
        assert run.wait(SECONDS) == 1
    api.misbehave = lambda _: None

    log = airflow.log("refused")
    # Both shards are done at the first try.
    assert exit_codes(log) == [0] * 6 + [1], log
    assert "A part of the sync failed: see the logs of the task sync" in log
    assert "DagRun failed" in log
    query = "select id from dagctl.runs where id like 'later run of %'"
    with psycopg.connect(server.url(WAREHOUSE)) as connection:
        assert connection.execute(query).fetchall() == [(f"later run of {other}",)]
    assert "broken later" in hook.received[-1].body


def test_states_may_be_in_s3(airflow: Airflow, api: Api) -> None:
    assert airflow.states_in_s3 == {NO_PROJECT, *api.world.projects}


def test_nothing_is_built_if_the_account_cannot_be_read(airflow: Airflow) -> None:
    empty = {"AIRFLOW_CONN_DAGCTL": '{"conn_type": "http"}'}
    with airflow.testing("dagctl_runs", "empty", **empty) as run:
        assert run.wait(SECONDS) == 1
    log = airflow.log("empty")
    # What a connection does not have is missed by the tap.
    assert "'api_token' is a required property" in log
    assert "DagRun failed" in log
    assert "dbt=1" not in log
    assert "(JSON)" not in log


def test_no_secret_is_on_a_command_line_or_in_a_file(
    airflow: Airflow, api: Api, server: Postgres, hook: Receiver
) -> None:
    lines = "\n".join(airflow.seen)
    assert "orchestrate.sync target-postgres" in lines
    # The metadata database is one of these files.
    files = [file for file in airflow.folder.rglob("*") if file.is_file()]
    assert "airflow.db" in [file.name for file in files]
    assert hook.address.endswith(SECRET)
    for secret in (api.world.token, server.password, SECRET):
        assert secret not in lines
        assert not [file for file in files if secret.encode() in file.read_bytes()]


class HeldUp:
    """Lets a request wait whose path ends like this: the first that arrives, and its repetitions.

    Requests for other projects pass: which shard begins is not known beforehand.
    """

    def __init__(self, api: Api, path: str) -> None:
        self._api, self._path, self._held = api, path, ""
        self._arrived, self._gate = threading.Event(), threading.Event()

    def __enter__(self) -> Self:
        self._api.misbehave = self._wait
        return self

    def __exit__(self, *_: object) -> None:
        self.let_through()
        self._api.misbehave = lambda _: None

    def wait_for_request(self) -> None:
        assert self._arrived.wait(SECONDS)

    def let_through(self) -> None:
        self._gate.set()

    def _wait(self, request: Request) -> None:
        if request.path.endswith(self._path):
            self._held = self._held or request.path
        if request.path == self._held:
            self._arrived.set()
            self._gate.wait()


def below(process: subprocess.Popen[bytes], name: str) -> psutil.Process:
    (found,) = [child for child in tree_of(process.pid) if name in child.cmdline()]
    return found


def exit_codes(log: str) -> list[int]:
    return [int(code) for code in re.findall(r"Command exited with return code (-?\d+)", log)]


def load_with_a_single_tap(api: Api, server: Postgres, schema: str) -> None:
    environment = {
        **os.environ,
        **programs_environment(api, server, schema),
    }
    command = "set -o pipefail; tap-dagctl --config ENV | target-postgres --config ENV"
    subprocess.run(["bash", "-c", command], env=environment, check=True, capture_output=True)


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(10 * SECONDS):
        if condition():
            return
        time.sleep(0.1)
    raise TimeoutError
