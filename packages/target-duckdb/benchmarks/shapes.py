"""Wide tables, many streams and a full file: the loader beside what a user would pick instead.

Run it with the Python that has the target: `python -m benchmarks.shapes [OTHER]`. OTHER is the
`target-duckdb` of another environment, such as version 0.8.0 of the package registry. `script` is
what one would write by hand: it decodes the lines, and gives DuckDB the records of each stream.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import duckdb

from benchmarks.measure import cpu_seconds

ROUNDS = 3
# Tables, columns, rows in each, other tables of 20 columns in the file.
SHAPES = {
    "no table": (0, 0, 0, 0),
    "1 table of 10 columns": (1, 10, 1, 0),
    "1 of 10, beside 500 others": (1, 10, 1, 500),
    "1 of 1,000": (1, 1000, 1, 0),
    "1 of 3,000": (1, 3000, 1, 0),
    "1 of 1,000, 1,000 rows": (1, 1000, 1000, 0),
    "10 of 100": (10, 100, 1, 0),
    "20 of 100": (20, 100, 1, 0),
    "1,200 of 5, 3 rows each": (1200, 5, 3, 0),
}
_KINDS = (("integer", "BIGINT"), ("string", "VARCHAR"), ("number", "DOUBLE"))


def messages(path: Path, tables: int, columns: int, rows: int) -> None:
    """Write so many streams of so many properties and records."""
    properties = {f"c{n}": {"type": ["null", _KINDS[n % 3][0]]} for n in range(columns)}
    with path.open("w") as file:
        for table in range(tables):
            head: dict[str, Any] = {"type": "SCHEMA", "stream": f"t{table}"}
            head |= {"key_properties": ["c0"], "schema": {"properties": properties}}
            file.write(json.dumps(head) + "\n")
            for row in range(rows):
                record = {f"c{n}": (row, f"x{row}", row / 2)[n % 3] for n in range(columns)}
                line = {"type": "RECORD", "stream": f"t{table}", "record": record}
                file.write(json.dumps(line) + "\n")


def script(warehouse: str) -> None:
    """Load standard input as one would by hand."""
    columns: dict[str, dict[str, str]] = {}
    records: dict[str, list[Any]] = {}
    types = dict(_KINDS)
    for line in sys.stdin:
        message = json.loads(line)
        if message["type"] == "SCHEMA":
            properties = message["schema"]["properties"].items()
            columns[message["stream"]] = {it: types[kind["type"][1]] for it, kind in properties}
        else:
            records.setdefault(message["stream"], []).append(message["record"])
    with duckdb.connect(warehouse) as connection, tempfile.TemporaryDirectory() as folder:
        for stream, kinds in columns.items():
            named = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
            connection.execute(f"CREATE TABLE IF NOT EXISTS {stream} ({named}, PRIMARY KEY (c0))")
            file = Path(folder, stream)
            file.write_text("".join(json.dumps(it) + "\n" for it in records[stream]))
            source = f"read_json('{file}', format = 'newline_delimited', columns = {kinds})"
            connection.execute(f"INSERT OR REPLACE INTO {stream} SELECT * FROM {source}")


def seconds(command: list[str], lines: Path, folder: Path, others: int) -> float:
    """Return how much CPU a load takes, where there are so many other tables in the file."""
    config, warehouse = folder / "config.json", folder / "warehouse.duckdb"
    config.write_text(json.dumps({"filepath": str(warehouse), "default_target_schema": "main"}))
    warehouse.unlink(missing_ok=True)
    if others:
        columns = ", ".join(f"c{n} INTEGER" for n in range(20))
        # So that an older DuckDB opens it, too.
        older: dict[str, Any] = {"storage_compatibility_version": "v1.2.0"}
        with duckdb.connect(str(warehouse), config=older) as connection:
            for number in range(others):
                connection.execute(f"CREATE TABLE other{number} ({columns})")
    return cpu_seconds([*command, str(warehouse if "script" in command else config)], lines)


def main() -> None:
    """Measure each shape, each way in turn; the median counts."""
    ways = {
        "ours": [sys.executable, "-m", "target_duckdb", "--config"],
        "script": [sys.executable, "-m", "benchmarks.shapes", "script"],
    }
    if sys.argv[1:]:
        ways["other"] = [sys.argv[1], "--config"]
    print("| seconds of CPU | " + " | ".join(ways) + " |")
    print("|---|" + "---|" * len(ways))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for shape, (tables, columns, rows, others) in SHAPES.items():
            lines = folder / "lines"
            messages(lines, tables, columns, rows)
            found: dict[str, list[float]] = {}
            for _ in range(ROUNDS):
                for way, command in ways.items():
                    found.setdefault(way, []).append(seconds(command, lines, folder, others))
            ours = median(found["ours"])
            cells = [f"{ours:.2f}"]
            for way in list(ways)[1:]:
                taken = median(found[way])
                cells.append(f"{taken:.2f} ({taken / ours:.1f} x)")
            print(f"| {shape} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["script"]:
        script(sys.argv[2])
    else:
        main()
