"""One decimal in SQL is Python's, in both databases."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from packages.transform.tests.support.macros import macros
from tests.support.warehouses import connected

ONE_DECIMAL = macros().one_decimal("x")
NUMBERS = st.one_of(
    st.floats(-1e9, 1e9),
    # Halves that a double holds, and halves that it almost holds.
    st.integers(-40_000, 40_000).map(lambda number: number / 4),
    st.integers(-10_000_000, 10_000_000).map(lambda number: number / 100),
)


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def connection(request: pytest.FixtureRequest) -> Iterator[Any]:
    with connected(request) as connection:
        yield connection


@given(values=st.lists(NUMBERS, min_size=1, max_size=40))
@example(values=[20.25, 20.35, 20.75, 22.45, 0.05, 0.15, 0.25, 0.35, -0.25, -22.45, 0.0])
def test_one_decimal_is_pythons(connection: Any, values: list[float]) -> None:
    rows = [f"({number}, cast('{it!r}' as double precision))" for number, it in enumerate(values)]
    query = f"select {ONE_DECIMAL} from (values {', '.join(rows)}) as it(n, x)"  # noqa: S608 - from here
    found = connection.execute(query).fetchall()
    assert [it for (it,) in found] == [round(value, 1) for value in values]
