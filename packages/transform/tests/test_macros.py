"""What the macros say is SQL in every warehouse, and what they compute is what Python does."""

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

ONE_DECIMAL = macros().one_decimal("x")
CHANGE = macros().change_percent("x", "y")
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
    expected = [round(value, 1) for value in values]
    assert_in_both(server, ONE_DECIMAL, [(value, 0.0) for value in values], expected)


@given(pairs=st.lists(st.tuples(st.floats(1e-3, 1e6), st.floats(1e-3, 1e6)), min_size=1))
@example(pairs=[(80.0, 96.0), (100.0, 120.0), (100.0, 120.001), (80.0, 96.2), (400.0, 481.0)])
def test_a_change_is_pythons(server: Warehouse, pairs: list[tuple[float, float]]) -> None:
    expected = [(now - before) / before * 100 for before, now in pairs]
    assert_in_both(server, CHANGE, pairs, expected)


def assert_in_both(
    server: Warehouse, expression: str, pairs: list[tuple[float, float]], expected: list[float]
) -> None:
    """Let DuckDB and PostgreSQL evaluate it for each pair, which it calls `x` and `y`."""
    rows = ", ".join(
        f"(cast('{x!r}' as double precision), cast('{y!r}' as double precision))" for x, y in pairs
    )
    query = f"select {expression} as found from (values {rows}) as it(x, y)"  # noqa: S608 - from here
    assert [it for (it,) in duckdb.execute(query).fetchall()] == expected
    assert [row["found"] for row in server.query(query)] == expected
