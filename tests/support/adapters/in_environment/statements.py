"""Runs the statements that come as lines of JSON, and answers each with a line: for Snowflake.

It runs in the environment of dbt-snowflake, which has the connector.
"""

from __future__ import annotations

import json
import sys
from datetime import date
from decimal import Decimal
from typing import Any

import snowflake.connector
from snowflake.connector.constants import FIELD_TYPES

_TIMES = {number for number, kind in enumerate(FIELD_TYPES) if kind.name.startswith("TIMESTAMP")}


def main() -> None:
    settings = json.loads(sys.stdin.readline())
    with snowflake.connector.connect(**settings) as connection:
        for line in sys.stdin:
            cursor = connection.cursor()
            text = json.loads(line)
            described = cursor.execute(text).description
            times = {at for at, column in enumerate(described) if column.type_code in _TIMES}
            if times:
                cursor.execute(_with_times_as_text(text, described, times))
            columns = [column.name.lower() for column in described]
            rows = [
                [
                    {"datetime": value} if at in times and value is not None else _plain(value)
                    for at, value in enumerate(row)
                ]
                for row in cursor.fetchall()
            ]
            print(json.dumps({"columns": columns, "rows": rows}), flush=True)


def _with_times_as_text(text: str, described: Any, times: set[int]) -> str:
    """Read times as text: the server sends a time that is null as the beginning of 1970."""
    names = [f'"{column.name}"' for column in described]
    values = [f"cast({name} as text)" if at in times else name for at, name in enumerate(names)]
    return f"select {', '.join(values)} from ({text})"  # noqa: S608 - of the tests' own queries


def _plain(value: Any) -> Any:
    """Write a day as its type's name and its text."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, date):
        return {"date": value.isoformat()}
    return value


if __name__ == "__main__":
    main()
