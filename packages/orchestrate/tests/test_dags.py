"""The programs of the DAGs' tasks, in their order and with their settings, without an Airflow.

`make airflow` runs them in a real one: tests/sweeps/airflow.py.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from jinja2 import Template
from typing_extensions import Self

from tests.support.airflow import postgres_on_port, variables
from tests.support.partly_refused import partly_refused
from tests.support.programs import Done, ended
from tests.support.project import ROOT
from tests.support.warehouses import Warehouse

pytestmark = pytest.mark.programs

NOT_FOUND = type("AirflowNotFoundException", (Exception,), {})
ORDER = ("shards", "tables", "sync", "dbt", "notify", "report", "complete")


class Dag(SimpleNamespace):
    """Keeps its tasks, in the place of Airflow's DAG."""

    made: dict[str, Dag] = {}  # noqa: RUF012 - by name; the last is the one that gets tasks

    def __init__(self, dag_id: str, *, params: dict[str, Any], **options: Any) -> None:
        super().__init__(dag_id=dag_id, params=params | {"shards": 2}, tasks={}, **options)
        self.made[dag_id] = self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def run(self, values: dict[str, Any], **codes: int) -> dict[str, str]:
        """Run all tasks, which end with these exit codes; return what each said."""
        said: dict[str, str] = {}
        results: list[str] = []
        for name in filter(self.tasks.__contains__, ORDER):
            task = self.tasks[name]
            each = task.options.get("of_each_shard", lambda _: [{}])
            for env in each(said.get("shards", "")):
                done = task.run(values, results, **env)
                assert done.returncode == codes.get(name, 0), done.stdout + done.stderr
                if name == "sync":
                    results.append(done.stdout.split()[-1])
                said[name] = done.stdout + done.stderr * (name != "shards")
        return said


class Task:
    """Runs its program, in the place of Airflow's BashOperator."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.dag = list(Dag.made.values())[-1]
        self.dag.tasks[options["task_id"]] = self

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

    def run(self, values: dict[str, Any], results: list[str], **env: str) -> Done:
        names = {
            "dag": self.dag,
            "params": self.dag.params,
            "var": SimpleNamespace(value=values),
            "ti": SimpleNamespace(xcom_pull=lambda task_ids: results),  # noqa: ARG005 - its name
        }
        command, cwd = (Template(self.options[it]).render(names) for it in ("bash_command", "cwd"))
        env = self.get_env(env)
        return ended("bash", "-c", command, code=None, cwd=Path(cwd), env=env)


def connection(warehouse: Warehouse, written: str) -> SimpleNamespace:
    """Return what Airflow makes of a connection that is written as JSON."""
    given = json.loads(written)
    uri = warehouse.environment["TARGET_POSTGRES_SQLALCHEMY_URL"]
    return SimpleNamespace(extra_dejson=given.get("extra"), get_uri=lambda: uri, **given)


def load_dags(monkeypatch: pytest.MonkeyPatch, found: dict[str, Any]) -> None:
    """Read the file of the DAGs as Airflow does, with these connections and variables."""

    def get(name: str) -> Any:
        if name not in found:
            raise NOT_FOUND
        return found[name]

    modules = {
        "airflow": MagicMock(),
        "airflow.sdk": MagicMock(
            DAG=Dag, Param=lambda value, **_: value, **{"Connection.get": get, "Variable.get": get}
        ),
        "airflow.sdk.exceptions": MagicMock(AirflowNotFoundException=NOT_FOUND),
        "airflow.providers.standard.operators.bash": MagicMock(BashOperator=Task),
    }
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.syspath_prepend(ROOT / "packages" / "orchestrate" / "dags")
    importlib.import_module("dagctl")


def test_the_tasks_of_both_dags(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (
        postgres_on_port(tmp_path / "postgres") as warehouse,
        partly_refused(warehouse) as account,
    ):
        found: dict[str, Any] = {}
        for variable, value in variables(account, tmp_path / "report.html").items():
            _, kind, name = variable.lower().split("_", 2)
            found[name] = connection(warehouse, value) if kind == "conn" else value
        load_dags(monkeypatch, found)
        runs, statistics = Dag.made["dagctl_runs"], Dag.made["dagctl_statistics"]
        assert runs.schedule == "*/10 * * * *"

        account.refuse()
        said = runs.run(found, complete=1)
        assert "A part of the sync failed: see the logs of the task sync" in said["complete"]
        # As it lists nothing that was refused, all of this succeeds.
        said |= statistics.run(found)
        account.check("".join(said.values()))
        assert "<html" in (tmp_path / "report.html").read_text()

        # Nobody need be told; and what a connection does not have is missed by the tap.
        del found["dagctl_notify"]
        assert runs.tasks["notify"].run(found, []).returncode == 0
        found["dagctl"].password = None
        done = runs.tasks["shards"].run(found, [])
        assert done.returncode != 0
        assert "'api_token' is a required property" in done.stderr
