"""The rules of the guide's two scripts, straight, over what the API itself answers."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from tests.support.truth import FIRST_MONDAY, WINDOW_DAYS

if TYPE_CHECKING:
    from collections.abc import Callable

    from stand_in.server import Api
    from stand_in.world import Row


def ask(api: Api, path: str, **parameters: Any) -> dict[str, Any]:
    """Return one answer of the API."""
    request = urllib.request.Request(  # noqa: S310 - the stand-in, on loopback
        f"{api.url}/api/v1{path}?{urllib.parse.urlencode(parameters)}",
        headers={
            "Authorization": f"Bearer {api.world.token}",
            "X-Organization-ID": api.world.organization_id,
        },
    )
    # No proxy: one that the environment names does not know this machine's loopback.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=600) as response:
        answer: dict[str, Any] = json.load(response)
    return answer


def sla_breaches(
    api: Api, seconds_of: Callable[[Row], float], days: int = 7
) -> dict[tuple[str, date], tuple[Any, ...]]:
    """Return p95, max and runs of each day whose p95 is known and above the project's threshold."""
    return {
        (project["id"], date.fromisoformat(day["date"])): (
            day["p95_duration_seconds"],
            day.get("max_duration_seconds"),
            day.get("total_runs"),
        )
        for project in ask(api, "/projects")["projects"]
        for day in ask(api, f"/projects/{project['id']}/runs/daily-stats", days=days)["daily_stats"]
        if day.get("p95_duration_seconds") is not None
        and day["p95_duration_seconds"] > seconds_of(project)
    }


def model_regressions(
    api: Api, first: date, last: date, percent: float = 20, window_days: int = WINDOW_DAYS
) -> dict[tuple[str, str, date], tuple[float, float, float]]:
    """Return both p95s and the change of each model that got slower, by its window's first day.

    Every two consecutive windows from `first` to `last` are compared, as the tap cuts them.
    """
    found = {}
    for project in ask(api, "/projects")["projects"]:
        start = first - timedelta(days=(first - FIRST_MONDAY).days % window_days)
        before = _p95s(api, project["id"], start, window_days)
        while (start := start + timedelta(days=window_days)) <= last:
            now = _p95s(api, project["id"], start, window_days)
            for model in before.keys() & now.keys():
                previous, current = before[model], now[model]
                if not previous or not current:
                    continue
                change = (current - previous) / previous * 100
                if change > percent:
                    key = (project["id"], model, start)
                    found[key] = (previous, current, round(change, 1))
            before = now
    return found


def _p95s(api: Api, project: str, start: date, days: int) -> dict[str, float | None]:
    answer = ask(
        api,
        f"/projects/{project}/model-executions/stats",
        start_date=start.isoformat(),
        end_date=(start + timedelta(days=days - 1)).isoformat(),
    )
    return {row["model_name"]: row.get("p95_duration_seconds") for row in answer["stats"]}
