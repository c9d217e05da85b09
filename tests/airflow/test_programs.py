"""The programs of the DAGs' tasks, in their order and with their settings, without an Airflow.

`make airflow` runs them in a real one: tests/sweeps/airflow_dags.py.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import MagicMock

import psycopg
import pytest
from jinja2 import Template
from typing_extensions import Self

from stand_in.server import Reply, serving
from stand_in.world import RUNS, to_text
from tests.support.airflow.account import account
from tests.support.airflow.comparison import differing_rows, rows_in
from tests.support.airflow.configuration import (
    WAREHOUSE,
    connections,
    programs_environment,
    variables,
)
from tests.support.airflow.servers import postgres
from tests.support.project import ROOT
from tests.support.receivers import SECRET, webhook

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LOAD = "set -o pipefail; tap-dagctl --config ENV | target-postgres --config ENV"
NOT_FOUND = type("AirflowNotFoundException", (Exception,), {})


class Task:
    """Keeps what a DAG says of a task, and does what Airflow would with it."""

    dag = ""
    made: dict[str, dict[str, Task]] = {}  # noqa: RUF012 - the DAGs' own

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.dag_id = Task.dag
        self.made[self.dag_id][options["task_id"]] = self

    @classmethod
    def partial(cls, **options: Any) -> Any:
        return SimpleNamespace(expand=lambda env: cls(**options, of_each_shard=env))

    @property
    def output(self) -> Any:
        process: Callable[[str], Any] = self.options["output_processor"]
        return SimpleNamespace(map=lambda change: lambda said: map(change, process(said)))

    def __rshift__(self, other: Task) -> Task:
        return other

    def get_env(self, context: dict[str, str]) -> dict[str, str]:
        return {**os.environ, **context}

    def run(self, **context: Any) -> subprocess.CompletedProcess[str]:
        """Run its program, and take the last line that it prints as its result."""
        names = {"dag": self, "params": {"shards": 2, "target": "target-postgres"}, **context}
        names["params"]["streams"] = STREAMS[self.dag_id]
        return subprocess.run(
            ["bash", "-c", Template(self.options["bash_command"]).render(names)],
            cwd=Template(self.options["cwd"]).render(names),
            env=self.get_env(context.get("env", {})),
            capture_output=True,
            text=True,
            check=False,
        )


class Dag(SimpleNamespace):
    """Says to which DAG the next tasks belong."""

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(**options)
        Task.dag = name
        Task.made[name] = {}
        STREAMS[name] = options["params"]["streams"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


STREAMS: dict[str, list[str]] = {}


@pytest.fixture
def load_dags(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], None]:
    """Return what reads the file of the DAGs as Airflow does, with these connections."""

    def get(found: dict[str, Any], name: str) -> Any:
        if name not in found:
            raise NOT_FOUND
        return found[name]

    def load(found: dict[str, Any]) -> None:
        sdk = MagicMock(DAG=Dag, Param=lambda value, **_: value)
        sdk.Connection.get = sdk.Variable.get = lambda name: get(found, name)
        modules = {
            "airflow": MagicMock(),
            "airflow.sdk": sdk,
            "airflow.sdk.exceptions": MagicMock(AirflowNotFoundException=NOT_FOUND),
            "airflow.providers.standard.operators.bash": MagicMock(BashOperator=Task),
        }
        for name, module in modules.items():
            monkeypatch.setitem(sys.modules, name, module)
        for name in ("dagctl", "dagctl_programs"):
            monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.syspath_prepend(ROOT / "packages" / "orchestrate" / "dags")
        dags = importlib.import_module("dagctl")
        assert dags.runs.schedule == "*/10 * * * *"

    return load


def run(dag: str, found: dict[str, Any], **codes: int) -> dict[str, str]:
    """Run all tasks of a DAG, which end with these exit codes; return what each said."""
    tasks = Task.made[dag]
    said: dict[str, str] = {}
    results: list[str] = []
    for name in ("shards", "tables", "sync", "dbt", "notify", "report", "complete"):
        if name not in tasks:
            continue
        each: Any = tasks[name].options.get("of_each_shard", lambda _: [{}])
        for env in each(said.get("shards", "")):
            ti = SimpleNamespace(xcom_pull=lambda task_ids: results)  # noqa: ARG005 - its name
            done = tasks[name].run(env=env, ti=ti, var=SimpleNamespace(value=found))
            assert done.returncode == codes.get(name, 0), done.stdout + done.stderr
            if name == "sync":
                results.append(done.stdout.split()[-1])
            said[name] = done.stdout + done.stderr * (name != "shards")
    return said


def test_the_tasks_of_both_dags(
    load_dags: Callable[[dict[str, Any]], None], tmp_path: Path
) -> None:
    world = account(projects=4, days=8)
    refused, other, *_ = world.projects
    # dbt counts back from this machine's clock, so there are runs of today.
    today = to_text(datetime.now(tz=timezone.utc))
    failed = {"status": "failed", "job_name": "broken today", "end_time": today}
    for project in (refused, other):
        world.put(RUNS, project, {"id": f"today of {project}", **failed})
    world.advance(minutes=10)
    with (
        serving(world) as api,
        webhook() as hook,
        postgres(tmp_path / "postgres", [WAREHOUSE, "states"]) as server,
    ):
        found: dict[str, Any] = {
            str(it["connection_id"]): SimpleNamespace(
                **{"schema": None, "port": None, "host": None, **it},
                extra_dejson=json.loads(it.get("extra", "{}")),
                get_uri=lambda: server.url("states"),
            )
            for it in connections(api, server)
        }
        # A threshold may be in a connection.
        found["dagctl"].extra_dejson["DAGCTL_SLA_SECONDS"] = 77
        found |= variables(tmp_path / "report.html")

        # One list of a project is refused: the rest is loaded, built and told, and then it fails.
        path = f"/{refused}/runs"
        api.misbehave = lambda it: Reply(403, b"{}") if it.path.endswith(path) else None
        found["dagctl_notify"] = SimpleNamespace(password=hook.address)
        load_dags(found)
        said = run("dagctl_runs", found, complete=1)
        assert "A part of the sync failed: see the logs of the task sync" in said["complete"]
        assert "1 new" in said["notify"] or "2 new" in said["notify"]
        (message,) = hook.take()
        assert "broken today" in message.body
        assert SECRET not in "".join(said.values())
        with psycopg.connect(server.url(WAREHOUSE)) as connection:
            query = "select id from dagctl.runs where id like 'today of %'"
            assert connection.execute(query).fetchall() == [(f"today of {other}",)]

        # Now all of it: the shards load what a single tap loads.
        api.misbehave = lambda _: None
        assert "| Synced " in run("dagctl_runs", found)["sync"]
        run("dagctl_statistics", found)
        with psycopg.connect(server.url(WAREHOUSE)) as connection:
            used = "select sla_seconds from dagctl_answers.settings_used"
            assert connection.execute(used).fetchall() == [(77,)]
        environment = {**os.environ, **programs_environment(api, server, "single")}
        subprocess.run(["bash", "-c", LOAD], env=environment, check=True, capture_output=True)
        url = server.url(WAREHOUSE)
        assert all(rows_in(url, "single").values())
        assert not any(differing_rows(url, "dagctl", "single").values())
        assert "<html" in (tmp_path / "report.html").read_text()

        # What a connection does not have is missed by the tap.
        found["dagctl"].password = None
        load_dags(found)
        done = Task.made["dagctl_runs"]["shards"].run(var=SimpleNamespace(value=found))
        assert done.returncode != 0
        assert "'api_token' is a required property" in done.stderr
