"""No row makes up for a missing one: those of an interrupted walk, or those that came in later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_dagctl import timestamps
from tap_dagctl.api.request import Answer
from tap_dagctl.pagination.count import RowCount
from tap_dagctl.pagination.page import Page, PageNumber

if TYPE_CHECKING:
    from tap_dagctl.records.record import Row

BEGAN = "2026-03-02T06:00:00.000000Z"


def add(count: RowCount, total: int, rows: dict[str, dict[str, str]]) -> None:
    """Count a page of rows, by id, each with its `updated_at` and what else it has."""
    page: list[Row] = [(key, row["updated_at"], dict(row)) for key, row in rows.items()]
    answer = Answer(None, timestamps.parse(BEGAN), timestamps.parse(BEGAN), 0.0, 0.0)
    count.add(Page(1, 500, page, total, 1, PageNumber(1, 500), answer), page)


def test_a_loop_does_not_count_what_came_before_an_interruption() -> None:
    row = {"created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00.000000Z"}
    count = RowCount(None, expected=0, surplus=0)
    count.resume(5, 10, BEGAN)
    add(count, 10, {"6": row, "7": row})
    assert count.missing() == 3

    count.begin_loop()
    # It shows again four of the five, and the two.
    add(count, 10, dict.fromkeys("123467", row))
    assert count.missing() == 4


def test_a_row_that_an_update_brings_into_the_list_makes_up_for_none() -> None:
    listed = {"created_at": "2026-02-28T00:00:00Z", "updated_at": "2026-03-01T00:00:00.000000Z"}
    old = {"created_at": "2025-01-01T00:00:00Z", "updated_at": "2026-03-02T06:00:09.000000Z"}
    count = RowCount("2026-02-01T00:00:00.000000Z", expected=0, surplus=0)
    add(count, 2, {"1": listed})
    add(count, 3, {"2": old})
    assert count.missing() == 1


def test_rows_that_are_deleted_do_not_make_up_for_missing_ones() -> None:
    row = {"created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00.000000Z"}
    count = RowCount(None, expected=0, surplus=0)
    # Two rows are inserted, which is not noticed in the rows, and two are deleted.
    for total, rows in ((8, "1234"), (10, "567"), (8, "8")):
        add(count, total, dict.fromkeys(rows, row))
    assert count.missing() == 2
