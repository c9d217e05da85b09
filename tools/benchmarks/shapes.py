"""Wide tables, many streams and a full file: what our loader takes for a new file of each."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from statistics import median

import duckdb

from benchmarks.chains import OURS
from benchmarks.measure import json_file, pipeline

TITLE = "## Wide tables and many streams"
# Tables, columns of each, rows of each, other tables in the file.
SHAPES = {
    "no table": (0, 0, 0, 0),
    "1 table of 10 columns, 1 row": (1, 10, 1, 0),
    "the same, beside 500 other tables": (1, 10, 1, 500),
    "1 table of 1,000 columns, 1 row": (1, 1000, 1, 0),
    "1 table of 3,000 columns, 1 row": (1, 3000, 1, 0),
    "10 tables of 100 columns, 1 row each": (10, 100, 1, 0),
    "20 tables of 100 columns, 1 row each": (20, 100, 1, 0),
    "1,200 tables of 5 columns, 3 rows each": (1200, 5, 3, 0),
}
_KINDS = ("integer", "string", "number")


def tables(times: int) -> list[str]:
    """Measure each shape, in turns; the median counts."""
    found: dict[str, list[float]] = {shape: [] for shape in SHAPES}
    for _ in range(times):
        for shape, sizes in SHAPES.items():
            found[shape].append(_seconds(*sizes))
    table = [TITLE, "", "Our loader, into a new file.", ""]
    table += ["| sync | seconds of CPU |", "|---|---|"]
    return table + [f"| {shape} | {median(runs):.2f} |" for shape, runs in found.items()]


def _seconds(number: int, columns: int, rows: int, others: int) -> float:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file, lines = folder / "warehouse.duckdb", folder / "lines"
        if others:
            with duckdb.connect(str(file)) as connection:
                listed = ", ".join(f"c{column} INTEGER" for column in range(20))
                for other in range(others):
                    connection.execute(f"CREATE TABLE other{other} ({listed})")
        _write(lines, number, columns, rows)
        config = json_file(folder / "target.json", {"filepath": str(file)})
        return pipeline([["cat", str(lines)], [OURS, "--config", config]], folder).cpu


def _write(path: Path, number: int, columns: int, rows: int) -> None:
    properties = {f"c{n}": {"type": ["null", _KINDS[n % 3]]} for n in range(columns)}
    with path.open("w") as file:
        for table in range(number):
            of_stream = {"stream": f"t{table}"}
            head = {"type": "SCHEMA", "key_properties": ["c0"], **of_stream}
            file.write(json.dumps(head | {"schema": {"properties": properties}}) + "\n")
            for row in range(rows):
                record = {f"c{n}": (row, f"x{row}", row / 2)[n % 3] for n in range(columns)}
                file.write(json.dumps({"type": "RECORD", **of_stream, "record": record}) + "\n")
