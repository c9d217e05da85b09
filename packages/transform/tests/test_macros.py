"""What the macros say is SQL in every warehouse, and one decimal is Python's."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from packages.transform.tests.support.macros import macros
from tests.support.adapters import dialects
from tests.support.warehouses import Warehouse

ONE_DECIMAL = f"{macros().one_decimal('x')} as found"
NUMBERS = st.one_of(
    st.floats(-1e9, 1e9),
    # Halves that a double holds, and halves that it almost holds.
    st.integers(-40_000, 40_000).map(lambda number: number / 4),
    st.integers(-10_000_000, 10_000_000).map(lambda number: number / 100),
)
# DuckDB and PostgreSQL run it.
DIALECTS = ["snowflake", "bigquery", "databricks", "redshift"]
TYPES = ["text", "timestamp", "date", "boolean", "bigint", "double precision", "json"]
LOADED = ["text", "timestamp with time zone", "timestamp without time zone", "bigint", None]


def expressions(dialect: str) -> Iterator[str]:
    package = macros(dialect)
    for kind, loaded in product(TYPES, LOADED):
        yield package.as_type("x", kind, {"x": loaded} if loaded else {})
    yield package.week_of("day")
    yield package.month_of("day")
    yield package.days_between("day", "day")
    yield package.seconds_between("time", "time")
    yield package.from_milliseconds("number")
    yield package.percentile(0.95, "number")
    yield package.one_decimal("number")
    yield package.change_percent("number", "number")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_expression_is_sql_of_its_dialect(dialect: str) -> None:
    """Whole statements has `make adapters`."""
    quote = "`" if dialect in {"bigquery", "databricks"} else '"'
    for expression in expressions(dialect):
        text = f"select {expression} as found from loaded"  # noqa: S608 - of the macros
        dialects.check(text.replace('"', quote), dialect)


@given(values=st.lists(NUMBERS, min_size=1, max_size=40))
@example(values=[20.25, 20.35, 20.75, 22.45, 0.05, 0.15, 0.25, 0.35, -0.25, -22.45, 0.0])
def test_one_decimal_is_pythons(server: Warehouse, values: list[float]) -> None:
    rows = [f"({number}, cast('{it!r}' as double precision))" for number, it in enumerate(values)]
    query = f"select {ONE_DECIMAL} from (values {', '.join(rows)}) as it(n, x)"  # noqa: S608 - from here
    expected = [round(value, 1) for value in values]
    assert [it for (it,) in duckdb.execute(query).fetchall()] == expected
    assert [row["found"] for row in server.query(query)] == expected
