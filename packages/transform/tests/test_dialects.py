"""What a macro says in a warehouse's own way is SQL there; `make adapters` has whole statements."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest

from packages.transform.tests.support.macros import macros
from tests.support.adapters import dialects

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
    quote = "`" if dialect in {"bigquery", "databricks"} else '"'
    for expression in expressions(dialect):
        text = f"select {expression} as found from loaded"  # noqa: S608 - of the macros
        dialects.check(text.replace('"', quote), dialect)
