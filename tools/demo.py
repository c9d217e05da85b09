"""`make demo`: two syncs of a made-up dagctl account into a DuckDB file, and what they tell.

Everything is real but the account: Meltano, the tap, the loader and the warehouse are the ones a
user runs; the API is the tests' stand-in, on loopback.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import duckdb

from report.answers import ask
from report.page import page
from report.warehouse import in_duckdb
from stand_in.meltano import MELTANO, environment_for

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "output"
WAREHOUSE = OUTPUT / "demo.duckdb"
STATE = OUTPUT / "demo-state.db"
LOG = OUTPUT / "demo.log"
REPORT = OUTPUT / "demo-report.html"
SCHEMA, ANSWERS = "dagctl", "dagctl_answers"
HOURS_BETWEEN = 6
TABLES = {
    "projects": "id",
    "runs": "id",
    "model_executions": "id",
    "daily_stats": "project_id, date",
    "model_stats": "project_id, model_name, start_date, end_date",
    "jobs": "id",
    "plans": "id",
    "syncs": "sync_id, stream, project_id",
}
BREACHES = "select * from dagctl_answers.sla_breaches order by date, project_name"
SLOWER = """
    select * from dagctl_answers.model_regressions
    where is_current order by change_percent desc
"""
USED = "select * from dagctl_answers.settings_used"


def main() -> None:
    """Run the demo."""
    for path in (WAREHOUSE, STATE, LOG, REPORT):
        path.unlink(missing_ok=True)
    # Yesterday, just after noon, a run of sales_warehouse is going on: the second sync shows that
    # it is finished, and that its row was replaced.
    now = datetime.now(tz=timezone.utc).replace(hour=12, minute=1, second=40) - timedelta(days=1)
    with _stand_in(now) as account:
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
        print("\ndbt builds the answers, and tests them…", flush=True)
        seconds = _build(account, now + timedelta(hours=HOURS_BETWEEN))
        print(f"  in {seconds:.1f} s")
    _answers()
    REPORT.write_text(page(ask(in_duckdb(WAREHOUSE, ANSWERS)), WAREHOUSE.name), encoding="utf-8")
    _what_next()


@contextmanager
def _stand_in(now: datetime) -> Iterator[dict[str, str]]:
    # It ends when its standard input is closed, so it cannot outlive this program.
    with subprocess.Popen(
        [sys.executable, "-m", "stand_in", "--now", now.isoformat()],
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
    return _meltano(account, "run", "tap-dagctl", "target-duckdb")


def _build(account: dict[str, str], now: datetime) -> float:
    # "Now" is the API's clock, which the account's rows go by, not this machine's.
    variables = json.dumps({"dagctl_as_of": f"{now:%Y-%m-%d %H:%M:%S}"})
    return _meltano(account, "invoke", "dbt-duckdb", "build", "--vars", variables)


def _meltano(account: dict[str, str], *arguments: str) -> float:
    """Run Meltano on the made-up account, and return how long it took, in seconds."""
    began = time.monotonic()
    environment = environment_for(account["url"], account["token"], account["organization_id"])
    # What is set here goes before the .env of a real account.
    environment |= {
        "PROJECT_ID": "",
        "TAP_DAGCTL_API_TOKEN": account["token"],
        "TAP_DAGCTL_ORGANIZATION_ID": account["organization_id"],
        "TAP_DAGCTL_PROJECT_IDS": "[]",
        "TAP_DAGCTL_EXCLUDE_PROJECT_IDS": "[]",
        "TARGET_DUCKDB_FILEPATH": str(WAREHOUSE),
        "TARGET_DUCKDB_DEFAULT_TARGET_SCHEMA": SCHEMA,
        "DAGCTL_ANSWERS_SCHEMA": ANSWERS,
        "MELTANO_DATABASE_URI": f"sqlite:///{STATE}",
    }
    with LOG.open("a") as log:
        done = subprocess.run(
            [str(MELTANO), *arguments],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
            check=False,
        )
    if done.returncode:
        print("".join(LOG.read_text().splitlines(keepends=True)[-20:]), file=sys.stderr)
        sys.exit(f"demo: meltano {arguments[0]} failed; its whole log is {LOG}")
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
            # What the loader stamps changes with every row that is sent again.
            own = "columns(lambda name: not starts_with(name, '_sdc_'))"
            rows = connection.sql(f"select ({key}), {own} from {SCHEMA}.{table}").fetchall()  # noqa: S608 - names from above
            snapshot[table] = {_hashable(row[0]): row[1:] for row in rows}
    return snapshot


def _hashable(key: object) -> tuple[Any, ...]:
    return tuple(key.values()) if isinstance(key, dict) else (key,)


def _answers() -> None:
    rows = in_duckdb(WAREHOUSE, ANSWERS)
    (used,) = rows(USED)
    print(f"\nDays of the last {used['sla_days']} whose p95 broke the SLA:")
    for row in rows(BREACHES):
        print(
            f"  {row['date']}  {row['project_name']}: p95 {row['p95_duration_seconds']:,.0f} s, "
            f"longest {row['max_duration_seconds']:,.0f} s, {row['total_runs']} runs, "
            f"SLA {row['sla_seconds']:,.0f} s"
        )
    print(f"\nModels whose p95 rose by more than {used['regression_percent']:g} % in a week:")
    for row in rows(SLOWER):
        print(
            f"  week of {row['start_date']}  {row['model_name']} ({row['project_name']}): "
            f"{row['previous_p95_duration_seconds']:.1f} → {row['p95_duration_seconds']:.1f} s, "
            f"+{row['change_percent']} %"
        )


def _what_next() -> None:
    print(f"\nA page to look at: {REPORT.relative_to(ROOT)}")
    print(f"The warehouse: {WAREHOUSE.relative_to(ROOT)} (schemas dagctl and dagctl_answers)")
    print("\nWith your own account:")
    print("  cp .env.example .env    # then write your token and organization into it")
    print("  .tools/meltano/bin/meltano run everything    # loads, and builds the answers")
    print("  make report")
    print(
        "  .venv/bin/python -c \"import duckdb; duckdb.connect('output/warehouse.duckdb')"
        ".sql('from dagctl.runs').show()\""
    )


if __name__ == "__main__":
    main()
