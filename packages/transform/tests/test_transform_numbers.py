"""What a macro makes of a value is what Python makes of it, in both databases."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from packages.transform.tests.support.macros import macros
from tests.support.warehouses import connected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


ONE_DECIMAL = macros().one_decimal("x")
AS_TIME = macros().as_type("x", "timestamp", {"x": "text"})


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def ask(request: pytest.FixtureRequest) -> Iterator[Callable[[str, list[Any]], list[Any]]]:
    """Return what evaluates an expression for each row of named values."""
    with connected(request) as connection:
        connection.execute("set timezone = 'America/New_York'")

        def evaluate(query: str, rows: list[Any]) -> list[Any]:
            if request.param == "postgres":
                query = query.replace("%", "%%").replace("?", "%s")
            return [it for row in rows for (it,) in connection.execute(query, row).fetchall()]

        yield evaluate


numbers = st.one_of(
    st.floats(-1e9, 1e9),
    # Halves that a double holds, and halves that it almost holds.
    st.integers(-40_000, 40_000).map(lambda number: number / 4),
    st.integers(-10_000_000, 10_000_000).map(lambda number: number / 100),
)


@settings(deadline=None, max_examples=30)
@given(values=st.lists(numbers, min_size=1, max_size=40))
@example(values=[20.25, 20.35, 20.75, 22.45, 0.05, 0.15, 0.25, 0.35, -0.25, -22.45, 0.0])
def test_one_decimal_is_pythons(
    ask: Callable[[str, list[tuple[float, ...]]], list[float]], values: list[float]
) -> None:
    query = f"select {ONE_DECIMAL} from (select cast(? as double precision) as x) as given"  # noqa: S608 - the macro
    assert ask(query, [(value,) for value in values]) == [round(value, 1) for value in values]


moments = st.datetimes(
    datetime(1990, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
    datetime(2090, 1, 1),  # noqa: DTZ001 - as above
    timezones=st.sampled_from([timezone(timedelta(minutes=it)) for it in (0, 120, -300, 345)]),
)


@settings(deadline=None, max_examples=30)
@given(times=st.lists(moments, min_size=1, max_size=20))
def test_a_time_that_was_loaded_as_text_is_utc(
    ask: Callable[[str, list[tuple[Any, ...]]], list[Any]], times: list[datetime]
) -> None:
    query = f"select {AS_TIME} from (select cast(? as text) as x) as given"  # noqa: S608 - the macro
    plain = [moment.astimezone(timezone.utc).replace(tzinfo=None) for moment in times]
    for written in (times, plain):
        assert ask(query, [(moment.isoformat(),) for moment in written]) == plain
