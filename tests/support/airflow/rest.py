"""Airflow's API, as far as it is needed here."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from datetime import datetime
from typing import Any

import requests

Answer = dict[str, Any]
ENDED = {"success", "failed"}


class Rest:
    """Talks to one API server."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        # No proxy: one that the environment names does not know this machine's loopback.
        self._session.trust_env = False

    def log_in(self, seconds: int) -> None:
        """Wait until the server answers."""
        for _ in range(seconds * 2):
            with suppress(requests.RequestException):
                token = self._session.get(f"{self._url}/auth/token", timeout=30).json()
                self._session.headers["Authorization"] = f"Bearer {token['access_token']}"
                return
            time.sleep(0.5)
        sys.exit(f"make airflow: the API server does not answer after {seconds} s")

    def ask(self, method: str, path: str, content: Answer | None = None, **params: str) -> Answer:
        """Return what the API says.

        Raises:
            RuntimeError: it refuses; the message says why.
        """
        answer = self._session.request(
            method, f"{self._url}/api/v2/{path}", json=content, params=params, timeout=60
        )
        if not answer.ok:
            # Not the request, which may hold a password.
            raise RuntimeError(f"Airflow answers {method} {path} with {answer.status_code}")
        return answer.json() if answer.content else {}

    def put(self, kind: str, key: str, content: Answer) -> None:
        """Write a connection or a variable, whether it is there or not."""
        try:
            self.ask("PATCH", f"{kind}/{content[key]}", content)
        except RuntimeError:
            self.ask("POST", kind, content)

    def wait_for_dags(self, names: set[str], seconds: int) -> None:
        """Wait until the DAGs are read."""
        for _ in range(seconds * 2):
            if names <= {dag["dag_id"] for dag in self.ask("GET", "dags")["dags"]}:
                return
            time.sleep(0.5)
        sys.exit(f"make airflow: the DAGs are not there after {seconds} s")

    def trigger(self, dag: str, **params: object) -> str:
        """Begin a run of a DAG, and return its id."""
        self.ask("PATCH", f"dags/{dag}", {"is_paused": False}, update_mask="is_paused")
        run = self.ask("POST", f"dags/{dag}/dagRuns", {"logical_date": None, "conf": params})
        return str(run["dag_run_id"])

    def state(self, dag: str, run: str) -> str:
        """Return how far a run is."""
        return str(self.ask("GET", f"dags/{dag}/dagRuns/{run}")["state"])

    def wait(self, dag: str, run: str, seconds: int) -> None:
        """Wait until a run has succeeded."""
        for _ in range(seconds * 2):
            state = self.state(dag, run)
            if state == "success":
                return
            if state == "failed":
                break
            time.sleep(0.5)
        sys.exit(
            f"make airflow: the run {run} of {dag} has not succeeded after {seconds} s: {state}"
        )

    def tasks(self, dag: str, run: str) -> list[Answer]:
        """Return the tasks of a run as they are now."""
        answer = self.ask("GET", f"dags/{dag}/dagRuns/{run}/taskInstances", limit="100")
        return list(answer["task_instances"])

    def log(self, task: Answer, attempt: int) -> str:
        """Return what one try of a task has logged, as the web page shows it."""
        path = f"dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}/taskInstances/{task['task_id']}"
        answer = self.ask(
            "GET", f"{path}/logs/{attempt}", map_index=str(task["map_index"]), full_content="true"
        )
        lines = answer["content"]
        return "\n".join(line if isinstance(line, str) else line["event"] for line in lines)


def seconds_of(tasks: list[Answer]) -> float:
    """Return how long it took from the first start to the last end."""
    begins, ends = (
        [datetime.fromisoformat(task[name].replace("Z", "+00:00")) for task in tasks]
        for name in ("start_date", "end_date")
    )
    return (max(ends) - min(begins)).total_seconds()
