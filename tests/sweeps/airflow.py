"""The DAGs in a real Airflow, as `airflow dags test` runs them: one task after another."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from orchestrate.state_backend import state_backend
from orchestrate.states import NO_PROJECT
from tests.support.airflow import PASSWORD, postgres_on_port, variables
from tests.support.orchestrated import held_up, wait_until
from tests.support.partly_refused import PartlyRefused, partly_refused
from tests.support.project import ROOT
from tests.support.receivers import SECRET
from tests.support.state_backends import BUCKET, s3

SECONDS = 120
S3 = f"s3://{BUCKET}/tap-dagctl"
# Lets all tasks of a DAG run, on two shards.
TEST = ("dags", "test", "--conf", '{"shards": 2}')


class Airflow:
    """One user's Airflow, in a folder of its own."""

    def __init__(self, folder: Path, account: PartlyRefused) -> None:
        self.folder = folder
        self._environment = {
            **{name: value for name, value in os.environ.items() if "AIRFLOW" not in name},
            **variables(account, folder / "report.html"),
            "AIRFLOW_HOME": str(folder),
            # bash reads its .bashrc if it has no shell above it, and a socket as input.
            "HOME": str(folder),
            "SHLVL": "0",
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "packages" / "orchestrate" / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "1",
        }
        (folder / ".bashrc").write_text("exit 9")
        with self.running("migrate", "db", "migrate") as process:
            assert process.wait() == 0, self.log("migrate")

    @contextmanager
    def running(self, log: str, *arguments: str, **more: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run `airflow` until the block ends."""
        input_, other_end = socket.socketpair()
        with (
            input_,
            other_end,
            (self.folder / f"{log}.log").open("wb") as file,
            subprocess.Popen(
                [ROOT / ".tools" / "airflow" / "bin" / "airflow", *arguments],
                env={**self._environment, **more},
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

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def exit_codes(self, name: str) -> list[int]:
        found = re.findall(r"Command exited with return code (-?\d+)", self.log(name))
        return [int(code) for code in found]


def command_lines() -> str:
    """Return those of every process that runs."""
    return "\n".join(" ".join(it.info["cmdline"] or ()) for it in psutil.process_iter(["cmdline"]))


def test_both_dags(tmp_path_factory: pytest.TempPathFactory) -> None:
    """In the first a worker is lost, and a list is refused; in the second a task is ended.

    The states of the first are in PostgreSQL, those of the second in S3. The second has nobody to
    tell.
    """
    with (
        postgres_on_port(tmp_path_factory.mktemp("servers") / "postgres") as warehouse,
        partly_refused(warehouse) as account,
        s3(),
    ):
        airflow = Airflow(tmp_path_factory.mktemp("airflow"), account)
        account.refuse()
        with held_up(account.api, "/model-executions") as (arrived, gate):
            with airflow.running("lost", *TEST, "dagctl_runs") as lost:
                assert arrived.wait(SECONDS)
                seen = command_lines()
                # The tap and its target go on without a parent, and hold the lock.
                (sync,) = (
                    child
                    for child in psutil.Process(lost.pid).children(recursive=True)
                    if "orchestrate.sync" in child.cmdline()
                )
                sync.kill()
                lost.kill()
            with airflow.running("runs", *TEST, "dagctl_runs") as runs:
                wait_until(lambda: "Another sync of these projects goes on" in airflow.log("runs"))
                gate.set()
                assert runs.wait(SECONDS) == 1, airflow.log("runs")
        log = airflow.log("runs")
        # What lists the shards, what makes the tables, two shards, dbt, the messages; what fails.
        assert airflow.exit_codes("runs") == [0] * 6 + [1], log
        assert "A part of the sync failed: see the logs of the task sync" in log
        assert "DagRun failed" in log

        account.refuse(is_on=False)
        others = {"AIRFLOW_CONN_DAGCTL_STATES": S3, "AIRFLOW_CONN_DAGCTL_NOTIFY": ""}
        with (
            held_up(account.api, "/plans") as (arrived, gate),
            airflow.running("statistics", *TEST, "dagctl_statistics", **others) as statistics,
        ):
            assert arrived.wait(SECONDS)
            seen += command_lines()
            statistics.terminate()
            wait_until(lambda: "Sending SIGTERM" in airflow.log("statistics"))
            gate.set()
            assert statistics.wait(SECONDS) == 0, airflow.log("statistics")
        # The sync that was ended in order is tried again. Besides, there is the report.
        assert sorted(airflow.exit_codes("statistics")) == [0] * 8 + [143]
        account.check(airflow.log("statistics"))
        assert "<html" in (airflow.folder / "report.html").read_text()
        with state_backend(S3, "dagctl_statistics") as backend:
            assert backend.names() == {NO_PROJECT, *account.api.world.projects}

        # Nothing is built if the account cannot be read.
        empty = {"AIRFLOW_CONN_DAGCTL": '{"conn_type": "http"}'}
        with airflow.running("empty", *TEST, "dagctl_runs", **empty) as run:
            assert run.wait(SECONDS) == 1
        log = airflow.log("empty")
        # What a connection does not have is missed by the tap.
        assert "'api_token' is a required property" in log
        assert "DagRun failed" in log
        assert "dbt=1" not in log
        assert "(JSON)" not in log

        assert "orchestrate.sync target-postgres" in seen
        # The metadata database is one of these files.
        files = [file for file in airflow.folder.rglob("*") if file.is_file()]
        assert "airflow.db" in [file.name for file in files]
        for secret in (account.api.world.token, PASSWORD, SECRET):
            assert secret not in seen
            assert not [file for file in files if secret.encode() in file.read_bytes()]
