"""A server too fast to be the bottleneck: an account of many projects in which little happens.

`python -m benchmarks.account_server PROJECTS DELAY_MS` prints its URL and serves until its input
is closed. Each project has a few runs and executions, all of them old, and 50 models. Below its
URL, `/requests` answers how many requests there were, itself left out.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import sys
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qs, urlsplit

from typing_extensions import override

from benchmarks.server import BEGIN, STATUSES, Server, serve

RUNS, EXECUTIONS, MODELS, JOBS = 5, 10, 50, 3


class Account(Server):
    """Serves so many projects, each answer after so many seconds."""

    def __init__(self, projects: int, delay: float) -> None:
        super().__init__(0, delay)
        self._projects = projects
        self._requests = 0

    @override
    def answer(self, url: str) -> bytes:
        if url.endswith("/requests"):
            return gzip.compress(json.dumps({"requests": self._requests}).encode())
        self._requests += 1
        return super().answer(url)

    @override
    def body(self, url: str) -> bytes:
        split = urlsplit(url)
        path, query = split.path.removeprefix("/api/v1"), parse_qs(split.query)
        if path == "/projects":
            return _list("projects", [_project(number) for number in range(self._projects)])
        _, _, project, *rest = path.split("/")
        answer = {
            "runs": self._runs,
            "model-executions": self._executions,
            "plans": self._plans,
            "jobs": self._jobs,
            "runs/daily-stats": self._daily_stats,
            "model-executions/stats": self._model_stats,
        }["/".join(rest)]
        return answer(project, query)

    def _runs(self, project: str, query: dict[str, list[str]]) -> bytes:
        return _page("runs", RUNS, project, query)

    def _executions(self, project: str, query: dict[str, list[str]]) -> bytes:
        return _page("executions", EXECUTIONS, project, query)

    def _plans(self, project: str, query: dict[str, list[str]]) -> bytes:
        return _page("plans", 1, project, query)

    def _jobs(self, project: str, query: dict[str, list[str]]) -> bytes:
        del query
        rows = [_row("job", number, project) for number in range(JOBS)]
        return _list("jobs", [{**row, "name": row["id"]} for row in rows])

    def _daily_stats(self, project: str, query: dict[str, list[str]]) -> bytes:
        del project
        today = datetime.now(tz=timezone.utc).date()
        days = [today - timedelta(days=day) for day in range(int(query["days"][0]))]
        return _list("daily_stats", [{"date": str(day), "total_runs": 7} for day in days])

    def _model_stats(self, project: str, query: dict[str, list[str]]) -> bytes:
        del project, query
        rows = [
            {"model_name": f"model_{number}", "p95_duration_seconds": number * 1.5}
            for number in range(MODELS)
        ]
        return _list("stats", rows)


def _list(name: str, rows: list[dict[str, Any]]) -> bytes:
    return json.dumps({name: rows, "total": len(rows)}).encode()


def _page(name: str, count: int, project: str, query: dict[str, list[str]]) -> bytes:
    rows = [
        {**_row(name, number, project), "status": STATUSES[number % len(STATUSES)]}
        for number in range(count)
    ]
    if "updated_after" in query:
        after = _moment(query["updated_after"][0])
        rows = [row for row in rows if _moment(row["updated_at"]) > after]
    limit = int(query["limit"][0])
    tail = {"total": len(rows), "page": 1, "limit": limit, "total_pages": min(1, len(rows))}
    return json.dumps({name: rows, **tail}).encode()


def _moment(text: str) -> datetime:
    # Python 3.10 reads no Z.
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _project(number: int) -> dict[str, Any]:
    return {
        "id": f"proj_{number:05}",
        "name": f"project {number}",
        "updated_at": f"{BEGIN:%Y-%m-%dT%H:%M:%SZ}",
    }


def _row(kind: str, number: int, project: str) -> dict[str, Any]:
    moment = f"{BEGIN + timedelta(minutes=number):%Y-%m-%dT%H:%M:%SZ}"
    return {
        "id": f"{kind}_{project}_{number}",
        "project_id": project,
        "created_at": moment,
        "updated_at": moment,
    }


if __name__ == "__main__":
    asyncio.run(serve(Account(int(sys.argv[1]), float(sys.argv[2]) / 1_000)))
