"""A script written by hand for DuckDB: page through, keep the newest of each id, upsert.

`python benchmarks/script_into_duckdb.py URL FOLDER` fills `FOLDER/warehouse.duckdb`. It reads all
there is into memory, and knows each column beforehand.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import duckdb
import requests

COLUMNS = {
    "id": "VARCHAR",
    "project_id": "VARCHAR",
    "run_id": "VARCHAR",
    "model_name": "VARCHAR",
    "status": "VARCHAR",
    "start_time": "TIMESTAMP",
    "end_time": "TIMESTAMP",
    "duration_seconds": "DOUBLE",
    "created_at": "TIMESTAMP",
    "updated_at": "TIMESTAMP",
    "error_message": "VARCHAR",
}


def main() -> None:
    """Read everything, then load it."""
    url, folder = sys.argv[1], Path(sys.argv[2])
    rows = newest(f"{url}/projects/proj_bench/model-executions")
    lines = folder / "rows.jsonl"
    with lines.open("w") as file:
        for row in rows.values():
            file.write(json.dumps(row) + "\n")
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
        connection.execute("CREATE SCHEMA IF NOT EXISTS benchmark")
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS benchmark.model_executions ({columns}, PRIMARY KEY (id))"
        )
        read = connection.read_json(str(lines), columns=COLUMNS, format="newline_delimited")
        connection.register("read", read)
        connection.execute(
            "INSERT OR REPLACE INTO benchmark.model_executions BY NAME SELECT * FROM read"
        )


def newest(url: str) -> dict[str, dict[str, object]]:
    """Return the newest row of each id."""
    found, page = {}, 1
    with requests.Session() as session:
        while True:
            answer = session.get(url, params={"page": page, "limit": 500}, timeout=60)
            answer.raise_for_status()
            body = answer.json()
            for row in body["executions"]:
                found[row["id"]] = row
            if page >= body["total_pages"]:
                return found
            page += 1


if __name__ == "__main__":
    main()
