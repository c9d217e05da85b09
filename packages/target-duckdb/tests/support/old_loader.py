"""Writes `data/keys-of-target-duckdb-0.8.0.duckdb.gz`: a table for each kind of key it makes.

Run it with a Python that has target-duckdb 0.8.0 and duckdb 1.2.2 as its first argument:
`python -m tests.support.old_loader …/bin/target-duckdb`.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[1] / "data" / "keys-of-target-duckdb-0.8.0.duckdb.gz"
# The schema of each key, and two keys that the file has.
KEYS: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "smallint": ({"type": "integer", "minimum": -32768, "maximum": 32767}, [1, -7]),
    "integer": ({"type": ["integer"], "minimum": 0, "maximum": 2147483647}, [1, 70000]),
    "bigint": ({"type": "integer", "maximum": 9223372036854775807}, [1, 2**40]),
    "hugeint": ({"type": "integer"}, [1, 2**70]),
    "double": ({"type": "number"}, [1.5, 2.0]),
    "varchar": ({"type": "string"}, ["a", "é"]),
    "either": ({"type": ["integer", "string"]}, [1, "a"]),
    "boolean": ({"type": "boolean"}, [True, False]),
    "day": ({"type": "string", "format": "date"}, ["2026-01-01", "2026-01-02"]),
    "moment": (
        {"type": "string", "format": "date-time"},
        ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5Z"],
    ),
    "daytime": ({"type": "string", "format": "time"}, ["10:00:00", "10:00:00.5"]),
    "object": ({"type": "object"}, [{"a": 1, "é": "x"}, {"a": [1, 2]}]),
    "array": ({"type": "array"}, [[1, 2], ["é"]]),
}


def messages() -> list[dict[str, Any]]:
    """What the old loader was given."""
    found: list[dict[str, Any]] = []
    for name, (kind, keys) in KEYS.items():
        properties = {"id": kind, "n": {"type": ["null", "integer"], "maximum": 32767}}
        head = {"type": "SCHEMA", "stream": name, "key_properties": ["id"]}
        found.append(head | {"schema": {"type": "object", "properties": properties}})
        found += [
            {"type": "RECORD", "stream": name, "record": {"id": key, "n": n}}
            for n, key in enumerate(keys)
        ]
    return found


def main() -> None:
    """Run it, and pack the file."""
    with tempfile.TemporaryDirectory() as name:
        file, config = Path(name, "warehouse.duckdb"), Path(name, "config.json")
        config.write_text(json.dumps({"filepath": str(file), "default_target_schema": "raw"}))
        text = "".join(json.dumps(it) + "\n" for it in messages())
        command = [sys.argv[1], "--config", str(config)]
        subprocess.run(command, input=text.encode(), check=True)
        FILE.write_bytes(gzip.compress(file.read_bytes(), 9, mtime=0))


if __name__ == "__main__":
    main()
