"""The script dagctl's own guide would have you write, over every list of every project.

`python benchmarks/plain_account.py URL STATE_FILE`: what has changed since the cursors in the file
is printed, one request after another, and the cursors are written.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import requests

OVERLAP = timedelta(seconds=60)
FIRST_DAYS, LOOKBACK, WEEK = 30, 2, 7


def main() -> None:
    """Read every project, then write the cursors."""
    url, file = sys.argv[1], Path(sys.argv[2])
    cursors = json.loads(file.read_text()) if file.exists() else {}
    today = datetime.now(tz=timezone.utc).date()
    first = today - timedelta(days=FIRST_DAYS - 1)
    if "day" in cursors:
        first = date.fromisoformat(cursors["day"]) - timedelta(days=LOOKBACK)
    with requests.Session() as session:
        for project in get(session, f"{url}/projects")["projects"]:
            write("projects", project)
            below = f"{url}/projects/{project['id']}"
            seen = cursors.setdefault(project["id"], {})
            for stream, path, rows_key in (
                ("runs", "runs", "runs"),
                ("model_executions", "model-executions", "executions"),
            ):
                for row in pages(session, f"{below}/{path}", rows_key, seen.get(stream)):
                    write(stream, row)
                    seen[stream] = max(seen.get(stream, ""), row["updated_at"])
            for row in pages(session, f"{below}/plans", "plans", None):
                write("plans", row)
            for row in get(session, f"{below}/jobs")["jobs"]:
                write("jobs", row)
            days = (today - first).days + 1
            for row in get(session, f"{below}/runs/daily-stats", days=days)["daily_stats"]:
                write("daily_stats", {"project_id": project["id"], **row})
            start = first - timedelta(days=first.weekday())
            while start <= today:
                end = start + timedelta(days=WEEK - 1)
                window = {"start_date": str(start), "end_date": str(end)}
                for row in get(session, f"{below}/model-executions/stats", **window)["stats"]:
                    write("model_stats", {"project_id": project["id"], **window, **row})
                start += timedelta(days=WEEK)
    file.write_text(json.dumps({**cursors, "day": str(today)}))


def pages(
    session: requests.Session, url: str, rows_key: str, cursor: str | None
) -> Iterator[dict[str, Any]]:
    """Yield the newest of each id that was updated since the cursor, less the overlap."""
    params: dict[str, Any] = {"page": 1, "limit": 500}
    if cursor is not None:
        after = datetime.fromisoformat(cursor.replace("Z", "+00:00")) - OVERLAP
        params["updated_after"] = f"{after:%Y-%m-%dT%H:%M:%SZ}"
    newest: dict[str, dict[str, Any]] = {}
    while True:
        body = get(session, url, **params)
        newest.update({row["id"]: row for row in body[rows_key]})
        if params["page"] >= body["total_pages"]:
            break
        params["page"] += 1
    yield from newest.values()


def get(session: requests.Session, url: str, **params: str | int) -> dict[str, Any]:
    """Return an answer."""
    answer = session.get(url, params=params, timeout=60)
    answer.raise_for_status()
    body: dict[str, Any] = answer.json()
    return body


def write(stream: str, row: dict[str, Any]) -> None:
    """Write a row, with the name of its stream."""
    print(json.dumps({"stream": stream, "record": row}))


if __name__ == "__main__":
    main()
