"""`make demo`: two syncs of a made-up dagctl account into a DuckDB file, and what they tell.

Everything is real but the account: Meltano, the tap, the loader and the warehouse are the ones a
user runs; the API is the tests' stand-in, on loopback.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
MELTANO = ROOT / ".tools" / "meltano" / "bin" / "meltano"
OUTPUT = ROOT / "output"
WAREHOUSE = OUTPUT / "demo.duckdb"
STATE = OUTPUT / "demo-state.db"
LOG = OUTPUT / "demo.log"
HOURS_BETWEEN = 6
SLA_SECONDS = 1_800
RISE_PERCENT = 20
TABLES = {
    "projects": "id",
    "runs": "id",
    "model_executions": "id",
    "daily_stats": "project_id, date",
    "model_stats": "project_id, model_name, start_date, end_date",
}
BREACHES = """
    select p.name as project, s.date, s.p95_duration_seconds as p95,
           s.max_duration_seconds as longest, s.total_runs as runs
    from dagctl.daily_stats s join dagctl.projects p on p.id = s.project_id
    where s.p95_duration_seconds > $seconds
      and s.date::date > (select max(date::date) from dagctl.daily_stats) - 7
    order by s.date, project
"""
SLOWER = """
    select p.name as project, now.model_name as model, now.start_date as week,
           before.p95_duration_seconds as before, now.p95_duration_seconds as p95,
           round(100 * (now.p95_duration_seconds / before.p95_duration_seconds - 1), 1) as change
    from dagctl.model_stats now
    join dagctl.model_stats before
      on (before.project_id, before.model_name) = (now.project_id, now.model_name)
     and before.end_date::date + 1 = now.start_date::date
    join dagctl.projects p on p.id = now.project_id
    where before.p95_duration_seconds > 0 and change > $percent
    order by change desc
"""


def main() -> None:
    """Run the demo."""
    for path in (WAREHOUSE, STATE, LOG):
        path.unlink(missing_ok=True)
    with _stand_in() as account:
        print("First sync: 90 days of three projects…", flush=True)
        seconds = _sync(account)
        first = _snapshot()
        for table, rows in first.items():
            print(f"  {table:<17}{len(rows):>7,} rows")
        print(f"  in {seconds:.1f} s")
        _advance(account)
        print(f"\n{HOURS_BETWEEN} hours later by the API's clock. Second sync…", flush=True)
        seconds = _sync(account)
        for table, rows in _snapshot().items():
            added = rows.keys() - first[table].keys()
            changed = [key for key in first[table] if rows[key] != first[table][key]]
            print(f"  {table:<17}{len(added):>7,} added {len(changed):>6,} changed")
        print(f"  in {seconds:.1f} s")
    _answers()
    _what_next()


@contextmanager
def _stand_in() -> Iterator[dict[str, str]]:
    # Yesterday, just after noon, a run of sales_warehouse is going on: the second sync shows that
    # it is finished, and that its row was replaced.
    now = datetime.now(tz=timezone.utc).replace(hour=12, minute=1, second=40) - timedelta(days=1)
    # It ends when its standard input is closed, so it cannot outlive this program.
    with subprocess.Popen(
        [sys.executable, "-m", "tests.dagctl_api", "--now", now.isoformat()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    ) as process:
        if process.stdin is None or process.stdout is None:
            sys.exit("demo: the stand-in API has no pipes")
        line = process.stdout.readline()
        if not line:
            sys.exit("demo: the stand-in API did not start; its error stands above")
        yield json.loads(line)
        process.stdin.close()


def _sync(account: dict[str, str]) -> float:
    began = time.monotonic()
    # Nothing of a real account that the environment or .env may hold is used.
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TAP_DAGCTL", "TARGET_DUCKDB", "MELTANO"))
    }
    environment |= {
        "DAGCTL_TOKEN": account["token"],
        "ORG_ID": account["organization_id"],
        "PROJECT_ID": "",
        "TAP_DAGCTL_API_TOKEN": account["token"],
        "TAP_DAGCTL_ORGANIZATION_ID": account["organization_id"],
        "TAP_DAGCTL_PROJECT_IDS": "[]",
        "TAP_DAGCTL_API_URL": account["url"],
        "TARGET_DUCKDB_FILEPATH": str(WAREHOUSE),
        "MELTANO_DATABASE_URI": f"sqlite:///{STATE}",
        "NO_COLOR": "1",
    }
    with LOG.open("a") as log:
        done = subprocess.run(
            [str(MELTANO), "run", "tap-dagctl", "target-duckdb"],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
            check=False,
        )
    if done.returncode:
        print("".join(LOG.read_text().splitlines(keepends=True)[-20:]), file=sys.stderr)
        sys.exit(f"demo: meltano run failed; its whole log is {LOG}")
    return time.monotonic() - began


def _advance(account: dict[str, str]) -> None:
    url = f"{account['url']}/stand-in/advance?seconds={HOURS_BETWEEN * 3600}"
    request = urllib.request.Request(url, method="POST")  # noqa: S310 - the stand-in, on loopback
    # No proxy: one that the environment names does not know this machine's loopback.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    opener.open(request, timeout=60).close()


def _snapshot() -> dict[str, dict[tuple[Any, ...], tuple[Any, ...]]]:
    """Return every table's rows by their key."""
    snapshot = {}
    with duckdb.connect(str(WAREHOUSE), read_only=True) as connection:
        for table, key in TABLES.items():
            rows = connection.sql(f"select ({key}), * from dagctl.{table}").fetchall()  # noqa: S608 - names from above
            snapshot[table] = {_hashable(row[0]): row[1:] for row in rows}
    return snapshot


def _hashable(key: object) -> tuple[Any, ...]:
    return tuple(key.values()) if isinstance(key, dict) else (key,)


def _answers() -> None:
    with duckdb.connect(str(WAREHOUSE), read_only=True) as connection:
        print(f"\nDays of the last 7 whose p95 broke an SLA of {SLA_SECONDS:,} s:")
        for project, day, p95, longest, runs in connection.execute(
            BREACHES, {"seconds": SLA_SECONDS}
        ).fetchall():
            print(f"  {day}  {project}: p95 {p95:,.0f} s, longest {longest:,.0f} s, {runs} runs")
        print(f"\nModels whose weekly p95 rose by more than {RISE_PERCENT} %:")
        for project, model, week, before, p95, change in connection.execute(
            SLOWER, {"percent": RISE_PERCENT}
        ).fetchall():
            print(f"  week of {week}  {model} ({project}): {before:.1f} → {p95:.1f} s, +{change} %")


def _what_next() -> None:
    print(f"\nThe warehouse: {WAREHOUSE.relative_to(ROOT)} (schema dagctl). With your own account:")
    print("  cp .env.example .env    # then write your token and organization into it")
    print("  .tools/meltano/bin/meltano run tap-dagctl target-duckdb")
    print(
        "  .venv/bin/python -c \"import duckdb; duckdb.connect('output/warehouse.duckdb')"
        ".sql('from dagctl.runs').show()\""
    )


if __name__ == "__main__":
    main()
