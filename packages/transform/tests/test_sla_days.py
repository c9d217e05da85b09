"""The days over the SLA, when it was kept again, and their history: what Python makes of them."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packages.transform.tests.support.macros import answer_sql
from tests.support.warehouses import connected

if TYPE_CHECKING:
    from collections.abc import Iterator

    Days = dict[tuple[str, date], float | None]

TODAY = date(2026, 3, 4)
NOW = {"dagctl_as_of": f"{TODAY} 12:00:00", "dagctl_sla_days": 7}
SLAS = {"late": 600.0, "strict": 0.0, "gone": 600.0}
P95 = st.sampled_from([None, 0.0, 600.0, 600.5])
# Many of the newest days, two that are yet to come, and some of the months before.
DATES = st.integers(-2, 9) | st.integers(10, 35)
TABLES = """
    create table stg_dagctl__daily_stats (project_id varchar, date date,
        p95_duration_seconds double precision, max_duration_seconds double precision,
        total_runs bigint);
    create table known_projects as select * from (
        values ('late', 'a', false), ('strict', 'b', false), ('gone', 'c', true)
    ) as given(project_id, project_name, is_gone);
    create table project_slas as select * from (
        values ('late', 'a', 600), ('strict', 'b', 0), ('gone', 'c', 600)
    ) as given(project_id, project_name, sla_seconds)
"""


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def database(request: pytest.FixtureRequest) -> Iterator[tuple[Any, dict[str, str]]]:
    """Return a connection, and the query of each answer."""
    with connected(request) as connection:
        connection.execute(TABLES)
        names = ("sla_breaches", "sla_months")
        yield connection, {name: answer_sql(name, request.param, **NOW) for name in names}


@settings(deadline=None, max_examples=60)
@given(
    days=st.dictionaries(
        st.tuples(st.sampled_from(sorted(SLAS)), DATES.map(lambda ago: TODAY - timedelta(ago))),
        P95,
        max_size=30,
    )
)
def test_the_days_over_the_sla_and_their_months(
    database: tuple[Any, dict[str, str]], days: Days
) -> None:
    connection, queries = database
    connection.execute("delete from stg_dagctl__daily_stats")
    for (project, day), p95 in days.items():
        row = f"'{project}', '{day}', {'null' if p95 is None else p95}, null, 1"
        connection.execute(f"insert into stg_dagctl__daily_stats values ({row})")  # noqa: S608 - from here

    def rows(table: str, columns: str) -> list[tuple[Any, ...]]:
        text = f"with it as ({queries[table]}) select {columns} from it order by 1, 2"  # noqa: S608 - from here
        found: list[tuple[Any, ...]] = connection.execute(text).fetchall()
        return found

    # A day is over until a later whole day kept the SLA.
    kept = [
        key
        for key, p95 in days.items()
        if p95 is not None and p95 <= SLAS[key[0]] and key[1] < TODAY
    ]
    assert rows("sla_breaches", "project_id, date, kept_again_on") == [
        (
            project,
            day,
            min((it for other, it in kept if other == project and it > day), default=None),
        )
        for (project, day), p95 in sorted(days.items())
        if project != "gone" and TODAY - timedelta(days=7) < day <= TODAY
        if p95 is not None and p95 > SLAS[project]
    ]

    # A month counts the days with a p95, and those over.
    measured = sorted(
        (project, day.replace(day=1), p95)
        for (project, day), p95 in days.items()
        if p95 is not None and day <= TODAY
    )
    expected = []
    for (project, month), its in groupby(measured, key=lambda row: row[:2]):
        seconds = [p95 for _, _, p95 in its]
        over = sum(p95 > SLAS[project] for p95 in seconds)
        expected.append((project, month, len(seconds), over, max(seconds)))
    columns = "project_id, month, measured_days, days_over, max_p95_duration_seconds"
    assert rows("sla_months", columns) == expected
