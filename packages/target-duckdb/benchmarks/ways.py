"""The short way over whole lines beside the long way, and the SDK's own: seconds of CPU each.

Run it with the Python that has the target: `python -m benchmarks.ways [ROWS]`.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.measure import cpu_seconds

ROUNDS = 5
WAYS = ("short", "long", "sdk")
PROPERTIES = {
    "id": {"type": "string"},
    "project_id": {"type": "string"},
    "status": {"type": ["string", "null"]},
    "model_name": {"type": ["string", "null"]},
    "rows": {"type": ["integer", "null"]},
    "seconds": {"type": ["number", "null"]},
    "started_at": {"type": ["string", "null"], "format": "date-time"},
    "updated_at": {"type": ["string", "null"], "format": "date-time"},
    "ok": {"type": ["boolean", "null"]},
    "extra": {"type": ["object", "null"]},
    "error": {"type": ["string", "null"]},
    "day": {"type": ["string", "null"], "format": "date"},
}


def messages(path: Path, rows: int) -> None:
    """Write a schema and so many records."""
    stream = "executions"
    schema = {"type": "object", "properties": PROPERTIES}
    head = {"type": "SCHEMA", "stream": stream, "schema": schema, "key_properties": ["id"]}
    with path.open("w") as file:
        file.write(json.dumps(head) + "\n")
        for row in range(rows):
            record = {
                "id": f"{row * 2654435761 % 2**32:032x}",
                "project_id": f"project_{row % 7}",
                "status": "succeeded",
                "model_name": f"analytics.sales.model_{row % 100}",
                "rows": row * 1000,
                "seconds": row / 7,
                "started_at": "2026-03-02T05:59:30.123456Z",
                "updated_at": f"2026-03-02T06:{row % 60:02}:00Z",
                "ok": row % 2 == 0,
                "extra": {"a": row} if row % 10 == 0 else None,
                "error": None,
                "day": "2026-03-02",
            }
            line = {"type": "RECORD", "stream": stream, "record": record}
            file.write(json.dumps(line, separators=(",", ":")) + "\n")


def load(way: str, config: Path) -> None:
    """Load standard input: as it is, by a map that changes nothing, or as the SDK does it."""
    from singer_sdk import Target  # noqa: PLC0415 - takes most of a start
    from singer_sdk.singerlib.encoding import SimpleSingerReader  # noqa: PLC0415 - the same

    from target_duckdb.target import TargetDuckDB  # noqa: PLC0415 - the same

    settings = json.loads(config.read_text())
    if way == "long":
        settings["stream_maps"] = {"*": {}}
    target = TargetDuckDB(config=settings)
    if way == "sdk":
        target.message_reader = SimpleSingerReader()
        own = Target._process_record_message  # noqa: SLF001 - what is measured
        vars(target)["_process_record_message"] = own.__get__(target)
    target.listen()


def seconds(way: str, lines: Path, folder: Path) -> float:
    """Return how much CPU a program takes that loads the file into a new warehouse."""
    config = folder / "config.json"
    warehouse = folder / "warehouse.duckdb"
    warehouse.unlink(missing_ok=True)
    config.write_text(json.dumps({"filepath": str(warehouse)}))
    return cpu_seconds([sys.executable, "-m", "benchmarks.ways", way, str(config)], lines)


def main() -> None:
    """Measure each way in turn, and no records at all; the median counts."""
    rows = int(sys.argv[1]) if sys.argv[1:] else 100_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        some, none = folder / "some.jsonl", folder / "none.jsonl"
        messages(some, rows)
        messages(none, 0)
        found: dict[str, list[float]] = {"start alone": []}
        for _ in range(ROUNDS):
            found["start alone"].append(seconds("short", none, folder))
            for way in WAYS:
                found.setdefault(way, []).append(seconds(way, some, folder))
    start, short = median(found["start alone"]), median(found["short"])
    print(f"{rows} records, {os.cpu_count()} cores, seconds of CPU")
    for way, taken in found.items():
        ratio = "" if way == "start alone" else f", {(median(taken) / short):.1f} x"
        ratio += (
            "" if way == "start alone" else f"; without the start {median(taken) - start:.2f} s"
        )
        print(f"{way}: {median(taken):.2f} s{ratio}")


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in WAYS:
        load(sys.argv[1], Path(sys.argv[2]))
    else:
        main()
