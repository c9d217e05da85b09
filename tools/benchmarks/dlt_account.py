"""An account of many projects with dlt's REST source, its extract step alone.

`python benchmarks/dlt_account.py URL FOLDER [parallelized]`; dlt's state and files
are in the folder.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from typing import Any

import dlt  # type: ignore[import-not-found]  # in an environment of its own
from dlt.sources.rest_api import rest_api_source  # type: ignore[import-not-found]

PAGES = {"type": "page_number", "base_page": 1, "total_path": "total_pages"}
FIRST_DAYS, LOOKBACK, WEEK = 30, 2, 7


def below(
    name: str, path: str, rows_key: str, params: dict[str, Any], *, is_paged: bool = False
) -> dict[str, Any]:
    """Return a resource below the projects."""
    return {
        "name": name,
        "table_name": name.partition("__")[0],
        "include_from_parent": ["id"],
        "parallelized": "parallelized" in sys.argv,
        "endpoint": {
            "path": f"projects/{{resources.projects.id}}/{path}",
            "params": {"limit": 500, **params} if is_paged else params,
            "data_selector": rows_key,
            "paginator": PAGES if is_paged else "single_page",
        },
    }


def since(cursor: str, first: str, convert: Callable[[str], int] | None = None) -> dict[str, Any]:
    """Return a parameter that dlt's incremental cursor fills in."""
    made = {"type": "incremental", "cursor_path": cursor, "initial_value": first}
    return {**made, "convert": convert} if convert else made


def windows(first: date, today: date) -> list[dict[str, str]]:
    """Return the weeks from the one of a day to the one of today."""
    monday = first - timedelta(days=first.weekday())
    starts = [monday + timedelta(days=n) for n in range(0, (today - monday).days + 1, WEEK)]
    return [
        {"start_date": str(start), "end_date": str(start + timedelta(days=WEEK - 1))}
        for start in starts
    ]


def adding(window: dict[str, str]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return what adds its window to a row."""
    return lambda row: {**row, **window}


def main() -> None:
    """Extract the account into dlt's own files."""
    pipeline = dlt.pipeline("benchmark", destination="duckdb", pipelines_dir=sys.argv[2])
    today = datetime.now(tz=timezone.utc).date()
    first = today - timedelta(days=FIRST_DAYS - 1)
    if last := _last_day(pipeline.state):
        first = date.fromisoformat(last) - timedelta(days=LOOKBACK)

    def days_since(day: str) -> int:
        return (today - min(first, date.fromisoformat(day))).days + 1

    updated = {"updated_after": since("updated_at", "1970-01-01T00:00:00Z")}
    daily = {"days": since("date", str(first), days_since)}
    source = rest_api_source(
        {
            "client": {"base_url": sys.argv[1]},
            "resources": [
                {
                    "name": "projects",
                    "endpoint": {
                        "path": "projects",
                        "data_selector": "projects",
                        "paginator": "single_page",
                    },
                },
                below("runs", "runs", "runs", updated, is_paged=True),
                below("model_executions", "model-executions", "executions", updated, is_paged=True),
                below("plans", "plans", "plans", {}, is_paged=True),
                below("jobs", "jobs", "jobs", {}),
                below("daily_stats", "runs/daily-stats", "daily_stats", daily),
                *(
                    {
                        **below(f"model_stats__{n}", "model-executions/stats", "stats", window),
                        "processing_steps": [{"map": adding(window)}],
                    }
                    for n, window in enumerate(windows(first, today))
                ),
            ],
        },
        name="account",
    )
    pipeline.extract(source)


def _last_day(state: dict[str, Any]) -> str | None:
    resources = state.get("sources", {}).get("account", {}).get("resources", {})
    cursor = resources.get("daily_stats", {}).get("incremental", {}).get("date", {})
    last: str | None = cursor.get("last_value")
    return last


if __name__ == "__main__":
    main()
