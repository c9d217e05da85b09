"""Airflow with its scheduler, API server and Celery workers, as programs of their own."""

from __future__ import annotations

import base64
import os
import secrets
import subprocess
import sys
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

import psutil

from tests.support.airflow.rest import Rest
from tests.support.airflow.servers import AIRFLOW, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.airflow.servers import Postgres

DATABASE = "airflow"
WORKERS = 2
HEARTBEAT_TIMEOUT = 30
"""Seconds without a sign of life after which a task counts as lost; Airflow's default is 300."""
_SECONDS = 120
_SECONDS_TO_STOP = 20


@dataclass
class Cluster:
    """A running Airflow.

    Attributes:
        programs: by name, the processes that were started, each the first of its group.
        rest: its API.
    """

    folder: Path
    environment: dict[str, str]
    rest: Rest
    programs: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *arguments: str) -> None:
        """Start one of Airflow's programs; what it writes goes to a file of that name."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.programs[name] = _airflow(self.environment, log, *arguments)

    def start_worker(self, name: str) -> None:
        """Start a worker with two places."""
        options = ("--concurrency", "2", "--celery-hostname", name)
        # Only one of them could have the port from which the API server fetches logs. All share a
        # folder here.
        self.start(name, "celery", "worker", *options, "--skip-serve-logs")

    def kill(self, name: str) -> None:
        """End a program and all it has started at once, as when its machine loses power."""
        program = self.programs.pop(name)
        for process in tree_of(program.pid):
            with suppress(psutil.NoSuchProcess):
                # So that nothing is started while the others end.
                process.suspend()
        for process in tree_of(program.pid):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        program.wait()

    def stop(self) -> None:
        """End all programs, and what is left of those that they have started."""
        processes = [it for program in self.programs.values() for it in tree_of(program.pid)]
        for program in self.programs.values():
            program.terminate()
        _, alive = psutil.wait_procs(processes, _SECONDS_TO_STOP)
        for process in alive:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        for program in self.programs.values():
            program.wait()


def tree_of(process_id: int) -> list[psutil.Process]:
    """Return a process and all below it, in sessions of their own or not."""
    try:
        first = psutil.Process(process_id)
        return [first, *first.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


@contextmanager
def cluster(folder: Path, dags: Path, postgres: Postgres, redis_port: int) -> Iterator[Cluster]:
    """Run Airflow on `dags` until the block ends."""
    folder.mkdir()
    port = free_port()
    environment = _environment(folder, dags, postgres, redis_port, port)
    with (folder / "migrate.log").open("wb") as log:
        if _airflow(environment, log, "db", "migrate").wait():
            sys.exit(f"make airflow: Airflow's tables were not made; see {folder / 'migrate.log'}")
    found = Cluster(folder, environment, Rest(f"http://127.0.0.1:{port}"))
    with ExitStack() as stack:
        stack.callback(found.stop)
        found.start("api-server", "api-server", "--host", "127.0.0.1", "--port", str(port))
        found.start("scheduler", "scheduler", "--skip-serve-logs")
        found.start("dag-processor", "dag-processor")
        for number in range(1, WORKERS + 1):
            found.start_worker(f"worker-{number}")
        found.rest.log_in(_SECONDS)
        yield found


def _airflow(
    environment: dict[str, str], log: IO[bytes], *arguments: str
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [str(AIRFLOW / "bin" / "airflow"), *arguments],
        env=environment,
        stdout=log,
        stderr=log,
        # Ctrl-C reaches this program alone, which stops the others in their order.
        start_new_session=True,
    )


def _environment(
    folder: Path, dags: Path, postgres: Postgres, redis_port: int, port: int
) -> dict[str, str]:
    database = postgres.url(DATABASE)
    settings = {
        "CORE__EXECUTOR": "CeleryExecutor",
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__DAGS_FOLDER": str(dags),
        "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        # What connections hold is kept encrypted with it.
        "CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "API_AUTH__JWT_SECRET": secrets.token_urlsafe(32),
        "API__SECRET_KEY": secrets.token_urlsafe(32),
        "API__WORKERS": "1",
        "API__BASE_URL": f"http://127.0.0.1:{port}",
        "DATABASE__SQL_ALCHEMY_CONN": postgres.url(DATABASE, "postgresql+psycopg2"),
        "CELERY__BROKER_URL": f"redis://127.0.0.1:{redis_port}/0",
        "CELERY__RESULT_BACKEND": f"db+{database}",
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": str(HEARTBEAT_TIMEOUT),
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "5",
        "CORE__DEFAULT_TASK_RETRY_DELAY": "5",
        "DAG_PROCESSOR__REFRESH_INTERVAL": "10",
    }
    others = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    return (
        others
        | {f"AIRFLOW__{name}": value for name, value in settings.items()}
        | {"AIRFLOW_HOME": str(folder), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    )
