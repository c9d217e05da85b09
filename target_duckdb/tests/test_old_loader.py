"""A file that target-duckdb 0.8.0 wrote, the loader of that name on the registry, goes on here.

`data/` has one, written with DuckDB 1.2.2 and `add_metadata_columns`: keys are primary keys, names
are in lower case, integers are HUGEINT, dates are text.
"""

from __future__ import annotations

import gzip
import json
from datetime import datetime
from pathlib import Path

import pytest

from tests.support.program import (
    DATE,
    FLAG,
    INTEGER,
    NUMBER,
    OBJECT,
    TEXT,
    TIMESTAMP,
    Loader,
    record,
    schema,
)

_FILE = Path(__file__).parent / "data" / "written-by-target-duckdb-0.8.0.duckdb.gz"
_RUNS = schema(
    "runs",
    {
        "id": {"type": "string"},
        "project_id": TEXT,
        "rows": INTEGER,
        "few": INTEGER,
        "seconds": NUMBER,
        "at": TIMESTAMP,
        "day": DATE,
        "ok": FLAG,
        "extra": OBJECT,
        "Name": TEXT,
        "new": TEXT,
    },
)
_DAYS = schema(
    "daily_stats",
    {"project_id": {"type": "string"}, "date": {"type": "string", "format": "date"}, "n": INTEGER},
    ["project_id", "date"],
)


@pytest.mark.parametrize("metadata", [True, False])
@pytest.mark.parametrize("size", [1, 1000])
def test_the_next_sync_goes_on(tmp_path: Path, size: int, metadata: bool) -> None:
    loader = Loader(tmp_path, batch_size_rows=size, add_record_metadata=metadata)
    loader.file.write_bytes(gzip.decompress(_FILE.read_bytes()))
    changed = {
        "id": "r1",
        "rows": 2**70,
        "few": 2**40,
        "seconds": 0.5,
        "at": "2026-03-05T02:00:00+02:00",
        "day": "2026-03-05",
        "ok": False,
        "extra": {"b": [1]},
        "Name": "",
        "new": "x",
    }
    days = [{"project_id": "p", "date": f"2026-03-0{n}", "n": n * 10} for n in (2, 3)]
    loader.load([
        _RUNS,
        record("runs", changed | {"Name": "older"}),
        record("runs", changed, time_extracted="2026-03-05T00:00:00Z"),
        record("runs", {"id": "r9"}),
        _DAYS,
        *(record("daily_stats", day) for day in days),
    ])  # fmt: skip

    assert loader.query("SELECT id, name, new FROM raw.runs ORDER BY id") == [
        ("r0", "old", None),
        ("r1", "", "x"),
        ("r2", "old", None),
        ("r9", None, None),
    ]
    statement = 'SELECT rows, few, seconds, "at", day, ok, extra FROM raw.runs WHERE id = ?'
    *values, extra = loader.query(statement, "r1")[0]
    at = datetime(2026, 3, 5)  # noqa: DTZ001
    assert values == [2**70, 2**40, 0.5, at, "2026-03-05", False]
    assert json.loads(extra) == {"b": [1]}
    assert loader.query("SELECT date, n FROM raw.daily_stats ORDER BY date") == [
        ("2026-03-01", 1),
        ("2026-03-02", 20),
        ("2026-03-03", 30),
    ]
