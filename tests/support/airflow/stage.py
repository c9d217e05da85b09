"""All servers of one show, started and stopped together."""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psycopg

from tests.support.airflow.cluster import DATABASE, Cluster, cluster
from tests.support.airflow.configuration import WAREHOUSE, connections, variables
from tests.support.airflow.rest import seconds_of
from tests.support.airflow.servers import Postgres, Redis, postgres, redis
from tests.support.airflow.usage import processor_seconds
from tests.support.project import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stand_in.server import Api
    from tests.support.airflow.rest import Answer

TABLES, EVERYTHING = "dagctl_tables", "dagctl_everything"
"""All streams without the answers, and with them; neither has a schedule."""
# Airflow looks only at files in which its name stands.
_DAG_FILE = f"""\
# Airflow runs these by hand.
from dagctl import BUILD, RUNS, STATISTICS, pipeline

streams = sorted({{*RUNS, *STATISTICS}})
tables = pipeline("{TABLES}", None, streams)
everything = pipeline("{EVERYTHING}", None, streams, BUILD)
"""
_STATES = "states"
_SECONDS_FOR_DAGS = 60
_SECONDS_FOR_A_RUN = 1_200


@dataclass
class Stage:
    """What runs."""

    folder: Path
    postgres: Postgres
    redis: Redis
    cluster: Cluster

    @property
    def roots(self) -> list[int]:
        """The first processes of everything."""
        programs = self.cluster.programs.values()
        return [self.postgres.process_id, self.redis.process_id, *(it.pid for it in programs)]

    @property
    def warehouse(self) -> str:
        """What names the database with the tables."""
        return self.postgres.url(WAREHOUSE)

    def begin_with(self, api: Api) -> None:
        """Let the DAGs read an account, with no table and no state yet."""
        for connection in connections(api, self.postgres, states=_STATES):
            self.cluster.rest.put("connections", "connection_id", connection)
        for database, command in (
            (WAREHOUSE, b"drop schema if exists dagctl cascade"),
            (_STATES, b"drop table if exists singer_states"),
        ):
            with psycopg.connect(self.postgres.url(database)) as connection_:
                connection_.execute(command)

    def run(self, dag: str, shards: int) -> Run:
        """Let a DAG run until it has succeeded."""
        run = self.begin(dag, shards)
        self.finish(run)
        return run

    def begin(self, dag: str, shards: int) -> Run:
        """Let a DAG begin to run."""
        before = processor_seconds(self.roots)
        return Run(dag, self.cluster.rest.trigger(dag, shards=shards), time.monotonic(), before)

    def finish(self, run: Run) -> None:
        """Wait until a run has succeeded."""
        self.cluster.rest.wait(run.dag, run.name, _SECONDS_FOR_A_RUN)
        run.seconds = time.monotonic() - run.began
        run.processor_seconds = processor_seconds(self.roots) - run.processor_seconds
        run.tasks = self.cluster.rest.tasks(run.dag, run.name)


@dataclass
class Run:
    """A run of a DAG.

    Attributes:
        began: when, by the monotonic clock.
        processor_seconds: what everything has taken from its begin to its end; until it has ended,
            what everything had taken before.
        seconds: from its begin to its end.
        tasks: as they were in the end.
    """

    dag: str
    name: str
    began: float
    processor_seconds: float
    seconds: float = 0
    tasks: list[Answer] = field(default_factory=list)

    @property
    def syncs(self) -> list[Answer]:
        """The tasks that load a shard."""
        return [task for task in self.tasks if task["task_id"] == "sync"]

    @property
    def seconds_of_syncs(self) -> float:
        """From the begin of the first to the end of the last."""
        return seconds_of(self.syncs)


@contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """Start everything, with its files in `folder`, and stop it when the block ends."""
    dags = folder / "dags"
    dags.mkdir()
    for file in (ROOT / "packages" / "orchestrate" / "dags").glob("*.py"):
        (dags / file.name).symlink_to(file)
    (dags / "everything.py").write_text(_DAG_FILE)
    with ExitStack() as stack:
        databases = [DATABASE, WAREHOUSE, _STATES]
        server = stack.enter_context(postgres(folder / "postgres", databases))
        broker = stack.enter_context(redis(folder / "redis"))
        running = stack.enter_context(cluster(folder / "airflow", dags, server, broker.port))
        # While all stops in its order, nobody's impatience leaves something behind.
        stack.callback(signal.signal, signal.SIGINT, signal.SIG_IGN)
        for key, value in variables(folder / "report.html").items():
            running.rest.put("variables", "key", {"key": key, "value": value})
        running.rest.wait_for_dags({TABLES, EVERYTHING}, _SECONDS_FOR_DAGS)
        yield Stage(folder, server, broker, running)
