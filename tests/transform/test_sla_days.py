"""The days over the SLA, when it was kept again, and their history: what Python makes of them."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.macros import answer_sql
from tests.support.warehouses import connected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Days = dict[tuple[str, date], float | None]
    Ask = Callable[[str, Days], list[tuple[Any, ...]]]

TODAY = date(2026, 3, 4)
SLAS = {"late": 600.0, "strict": 0.0, "gone": 600.0}
P95 = st.sampled_from([None, 0.0, 600.0, 600.5])


def days_in(dates: st.SearchStrategy[date]) -> st.SearchStrategy[Days]:
    return st.dictionaries(st.tuples(st.sampled_from(sorted(SLAS)), dates), P95, max_size=30)


TABLES = (
    """create table stg_dagctl__daily_stats (project_id varchar, date date,
        p95_duration_seconds double precision, max_duration_seconds double precision,
        total_runs bigint)""",
    "create table known_projects (project_id varchar, project_name varchar, is_gone boolean)",
    """create table project_slas (project_id varchar, project_name varchar,
        sla_seconds double precision)""",
    "insert into project_slas values ('late', 'a', 600), ('strict', 'b', 0), ('gone', 'c', 600)",
    "insert into known_projects values ('late', 'a', false), ('strict', 'b', false)",
    "insert into known_projects values ('gone', 'c', true)",
)


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def ask(request: pytest.FixtureRequest) -> Iterator[Ask]:
    """Return what asks an answer once these days are loaded."""
    with connected(request) as connection:
        for statement in TABLES:
            connection.execute(statement)
        queries = {
            name: answer_sql(
                name, request.param, dagctl_as_of=f"{TODAY} 12:00:00", dagctl_sla_days=7
            )
            for name in ("sla_breaches", "sla_months")
        }

        def rows(columns: str, days: Days) -> list[tuple[Any, ...]]:
            connection.execute("delete from stg_dagctl__daily_stats")
            loaded = ", ".join(
                f"('{project}', date '{day}', {'null' if p95 is None else p95}, null, 1)"
                for (project, day), p95 in days.items()
            )
            if loaded:
                connection.execute(f"insert into stg_dagctl__daily_stats values {loaded}")  # noqa: S608 - from here
            answer = columns.rpartition(" ")[2]
            text = f"with {answer} as ({queries[answer]}) select {columns} order by 1, 2"
            found: list[tuple[Any, ...]] = connection.execute(text).fetchall()
            return found

        yield rows


@settings(deadline=None, max_examples=40)
@given(days=days_in(st.integers(-2, 9).map(lambda ago: TODAY - timedelta(days=ago))))
def test_a_day_is_over_until_a_later_whole_day_kept_the_sla(ask: Ask, days: Days) -> None:
    found = ask("project_id, date, kept_again_on from sla_breaches", days)

    assert found == [
        (
            project,
            day,
            min(
                (
                    later
                    for (other, later), seconds in days.items()
                    if other == project and day < later < TODAY
                    if seconds is not None and seconds <= SLAS[project]
                ),
                default=None,
            ),
        )
        for (project, day), p95 in sorted(days.items())
        if project != "gone" and TODAY - timedelta(days=7) < day <= TODAY
        if p95 is not None and p95 > SLAS[project]
    ]


@settings(deadline=None, max_examples=40)
@given(days=days_in(st.dates(date(2026, 1, 28), TODAY + timedelta(days=2))))
def test_a_month_counts_the_days_with_a_p95_and_those_over(ask: Ask, days: Days) -> None:
    found = ask(
        "project_id, month, measured_days, days_over, max_p95_duration_seconds from sla_months",
        days,
    )

    measured = sorted(
        (project, day.replace(day=1), p95)
        for (project, day), p95 in days.items()
        if p95 is not None and day <= TODAY
    )
    expected = []
    for (project, month), rows in groupby(measured, key=lambda row: row[:2]):
        seconds = [p95 for _, _, p95 in rows]
        over = sum(p95 > SLAS[project] for p95 in seconds)
        expected.append((project, month, len(seconds), over, max(seconds)))
    assert found == expected
