from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tap_dagctl.pagination.dedup import SeenRows

if TYPE_CHECKING:
    from tap_dagctl.records.record import Row


def row(key: str, moment: str = "2026-03-01T00:00:00.000000Z") -> Row:
    return key, moment, {"id": key, "updated_at": moment}


LATER = "2026-03-02T00:00:00.000000Z"


@pytest.mark.parametrize(
    ("page", "are_in_order"),
    [
        ([row("b"), row("c")], True),
        # One that has moved there says nothing.
        ([row("c", LATER), row("b")], True),
        ([row("c"), row("b")], False),
    ],
)
def test_an_unread_row_before_one_that_was_read_is_out_of_order(
    page: list[Row], are_in_order: bool
) -> None:
    """Then a checkpoint would not say what was read."""
    seen = SeenRows(10)
    seen.unmoved_until = "2026-03-01T12:00:00.000000Z"
    seen.add([row("a"), row("b")], 0)
    seen.add(page, 1)
    assert seen.are_in_order == are_in_order
