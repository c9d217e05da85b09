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
from unittest.mock import DEFAULT, MagicMock

import pytest
from jinja2 import Template

from tests.support.airflow import postgres_on_port, variables
from tests.support.partly_refused import partly_refused
from tests.support.programs import Done, ended
from tests.support.project import ROOT
from tests.support.warehouses import Warehouse

pytestmark = pytest.mark.programs

NOT_FOUND = type("AirflowNotFoundException", (Exception,), {})
ORDER = ("shards", "tables", "sync", "dbt", "notify", "report", "complete")


class Task:
    """Runs its program, in the place of Airflow's BashOperator."""

    made: list[dict[str, Task]] = []  # noqa: RUF012 - by name, of each DAG

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.made[-1][options["task_id"]] = self

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

    def run(self, names: dict[str, Any], **env: str) -> Done:
        command, cwd = (Template(self.options[it]).render(names) for it in ("bash_command", "cwd"))
        return ended("bash", "-c", command, code=None, cwd=Path(cwd), env=self.get_env(env))


def run(dag: Any, tasks: dict[str, Task], names: dict[str, Any], **codes: int) -> dict[str, str]:
    """Run all tasks of a DAG, which end with these exit codes; return what each said."""
    said: dict[str, str] = {}
    results: list[str] = []
    names |= {"dag": {"dag_id": dag.args[0]}, "params": dag.kwargs["params"] | {"shards": 2}}
    names["ti"] = SimpleNamespace(xcom_pull=lambda task_ids: results)  # noqa: ARG005 - its name
    for name in filter(tasks.__contains__, ORDER):
        for env in tasks[name].options.get("of_each_shard", lambda _: [{}])(said.get("shards", "")):
            done = tasks[name].run(names, **env)
            assert done.returncode == codes.get(name, 0), done.stdout + done.stderr
            results += done.stdout.split()[-1:] if name == "sync" else []
            said[name] = done.stdout + done.stderr * (name != "shards")
    return said


def connection(warehouse: Warehouse, written: str) -> SimpleNamespace:
    """Return what Airflow makes of a connection that is written as JSON."""
    given = json.loads(written)
    uri = warehouse.environment["TARGET_POSTGRES_SQLALCHEMY_URL"]
    return SimpleNamespace(extra_dejson=given.get("extra"), get_uri=lambda: uri, **given)


def load_dags(monkeypatch: pytest.MonkeyPatch, found: dict[str, Any]) -> Any:
    """Read the file of the DAGs as Airflow does; return what takes the place of its `DAG`."""

    def get(name: str) -> Any:
        if name not in found:
            raise NOT_FOUND
        return found[name]

    def begin(*_: Any, **__: Any) -> Any:
        Task.made.append({})
        return DEFAULT

    sdk: Any = MagicMock(Param=lambda value, **_: value, DAG=MagicMock(side_effect=begin))
    sdk.Connection.get = sdk.Variable.get = get
    modules = {
        "airflow": MagicMock(),
        "airflow.sdk": sdk,
        "airflow.sdk.exceptions": MagicMock(AirflowNotFoundException=NOT_FOUND),
        "airflow.providers.standard.operators.bash": MagicMock(BashOperator=Task),
    }
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.syspath_prepend(ROOT / "packages" / "orchestrate" / "dags")
    importlib.import_module("dagctl")
    return sdk.DAG


def test_the_tasks_of_both_dags(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (
        postgres_on_port(tmp_path / "postgres") as warehouse,
        partly_refused(warehouse) as account,
    ):
        found: dict[str, Any] = {}
        for variable, value in variables(account, tmp_path / "report.html").items():
            _, kind, name = variable.lower().split("_", 2)
            found[name] = connection(warehouse, value) if kind == "conn" else value
        runs, statistics = load_dags(monkeypatch, found).call_args_list
        assert runs.kwargs["schedule"] == "*/10 * * * *"
        names = {"var": {"value": found}}
        first, second = Task.made

        account.refuse()
        said = run(runs, first, names, complete=1)
        assert "A part of the sync failed: see the logs of the task sync" in said["complete"]
        # As it lists nothing that was refused, all of this succeeds.
        said |= run(statistics, second, names)
        account.check("".join(said.values()))
        assert "<html" in (tmp_path / "report.html").read_text()

        # Nobody need be told; and what a connection does not have is missed by the tap.
        del found["dagctl_notify"]
        assert second["notify"].run(names).returncode == 0
        found["dagctl"].password = None
        done = second["shards"].run(names)
        assert done.returncode != 0
        assert "'api_token' is a required property" in done.stderr
