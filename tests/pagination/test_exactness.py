"""Nothing lost, nothing sent twice, while the rows move: each cause alone.

The causes are those of docs/exactness.md; each test fails when its cure is taken out.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from stand_in.world import RUNS
from tap_dagctl.pagination.dedup import SeenRows
from tap_dagctl.state.sent_records import LETTERS, SentRecords
from tests.support.memory import FEW, peak_kilobytes
from tests.support.simulation import Act

if TYPE_CHECKING:
    from stand_in.server import Api
    from tap_dagctl.records.record import Row
    from tests.support.simulation import Maker

ROWS = 200
EVERY_ORDER = pytest.mark.parametrize(
    ("order_by", "descending"),
    [("updated_at", False), ("created_at", True), ("start_time", False), ("id", True)],
)


def advance(seconds: float) -> Act:
    return Act("advance", seconds=seconds)


def test_floor_a_bookmark_stays_when_only_older_rows_come(filled: Maker) -> None:
    # Without a clock, the rows are all the tap has to go by.
    history = filled(tells_time=False, overlap_seconds=600, descending=True)
    history.sync()
    for row in sorted(history.runs, key=lambda row: row["updated_at"])[-60:]:
        history.world.delete(RUNS, "proj_0", row["id"])

    # The simulation checks that no bookmark goes back.
    assert history.sync().ids == []
    history.end()


@EVERY_ORDER
@pytest.mark.parametrize(
    "acts",
    [
        [Act("delete", picks=tuple(range(0, ROWS, 3)))],
        [Act("update", picks=tuple(range(0, ROWS, 3)))],
        [Act("stamp"), Act("delete", picks=tuple(range(60)))],
    ],
    ids=["delete", "update", "all have moved"],
)
def test_shifting_pages_a_row_that_leaves_its_place_pulls_no_other_past_the_reader(
    filled: Maker, order_by: str, descending: bool, acts: list[Act]
) -> None:
    history = filled(order_by=order_by, descending=descending)
    # That only what changes during the walk is left to the next sync, each sync checks.
    assert history.sync(list(enumerate(acts, 6))).asked <= 3 * ROWS / 20
    history.end()


def test_repeats_an_idle_sync_sends_nothing_and_asks_once(filled: Maker) -> None:
    history = filled(projects=2, overlap_seconds=20)
    history.act(Act("insert", picks=tuple(range(5))))
    assert len(history.sync().ids) == ROWS + 5
    for _ in range(3):
        history.act(advance(3))
        idle = history.sync()
        assert idle.ids == []
        assert len(idle.requests) == 1 + 2 * 2
        assert set(idle.requests.values()) == {1}


def test_repeats_beyond_what_is_remembered(filled: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tap_dagctl.state.sent_records.MAX_REMEMBERED", 50)
    history = filled()
    history.act(Act("stamp"))
    history.sync()
    assert len(history.part["sent"]) == 50 * LETTERS

    with pytest.raises(AssertionError, match="sent again"):
        history.sync()
    history.check()


@EVERY_ORDER
@pytest.mark.parametrize("stopped", [True, False])
@pytest.mark.parametrize("cut", [13, 91, 170])
def test_interruption_at_any_line(
    filled: Maker, order_by: str, descending: bool, stopped: bool, cut: int
) -> None:
    history = filled(order_by=order_by, descending=descending)
    history.act(Act("stamp"))
    history.sync([(7, Act("update", picks=(3, 90, 180)))], cut, stopped=stopped)
    history.act(Act("delete", picks=tuple(range(0, ROWS, 11))))
    history.end()


def test_interruption_a_long_walk_goes_on_where_it_was(api: Api, filled: Maker) -> None:
    history = filled()
    sent = history.sync(cut=150).ids
    api.requests.clear()
    following = history.sync()

    # At most the page it was in.
    assert len({*sent} & {*following.ids}) <= 20 * 1.5
    # The rest, one more as the last page is full, and one look for what changed behind the place
    # where it was cut.
    assert following.asked <= math.ceil((ROWS - 150) / 20 * 1.1) + 3
    pages = [it.params["page"] for it in api.requests if it.path.endswith("/runs")]
    # The first page is not fetched ahead, and is only asked for at the end.
    assert [number for number, page in enumerate(pages) if page == "1"] == [len(pages) - 1]
    history.end()


def test_interruption_a_checkpoint_of_other_rows_is_not_resumed(filled: Maker) -> None:
    """Without `start_date`, rows stand in front of it that nobody has read."""
    history = filled()
    history.sync(cut=150, start_date=sorted(row["updated_at"] for row in history.runs)[4])

    history.end()


def test_memory_of_ten_times_the_rows_is_about_the_same() -> None:
    """The short version of `make memory`; what is kept of a row takes 8 to 16 bytes."""
    more = peak_kilobytes(10 * FEW) - peak_kilobytes(FEW)
    assert more * 1024 / (9 * FEW) <= 60


@pytest.mark.parametrize(("order_by", "descending"), [("created_at", True), ("id", False)])
def test_a_page_overtaken_by_a_newer_version(
    filled: Maker, order_by: str, descending: bool
) -> None:
    history = filled(order_by=order_by, descending=descending)
    # One of them stands where the page that is overtaken and the one behind it overlap.
    for row in range(0, ROWS, 8):
        history.take({})
        history.sync([(5, Act("update", picks=(row, row + 1)))], overtaken={4})
    history.end()


def test_a_row_that_returns_to_what_it_was_is_sent_again() -> None:
    before, after = {"id": "a", "status": "success"}, {"id": "a", "status": "running"}
    sent = SentRecords(("id",), None)
    sent.mark_sent(before, remember=True)
    remembered = sent.remembered
    assert before in SentRecords(("id",), remembered)
    sent = SentRecords(("id",), remembered)
    sent.mark_sent(after, remember=False)

    assert before not in sent
    # And so it is after an interruption.
    assert before not in SentRecords(("id",), remembered, sent.remembered)


@pytest.mark.parametrize(
    ("page", "are_in_order"),
    # One that has moved in front of a row that was read says nothing.
    [("bc", True), ("Cb", True), ("cb", False)],
)
def test_an_unread_row_before_one_that_was_read_is_out_of_order(
    page: str, are_in_order: bool
) -> None:
    """Then a checkpoint would not say what was read."""

    def rows(keys: str) -> list[Row]:
        days = [f"2026-03-0{1 + key.isupper()}T00:00:00.000000Z" for key in keys]
        return [(key, day, {"id": key}) for key, day in zip(keys, days, strict=True)]

    seen = SeenRows(10)
    seen.unmoved_until = "2026-03-01T12:00:00.000000Z"
    seen.add(rows("ab"), 0)
    seen.add(rows(page), 1)
    assert seen.are_in_order == are_in_order
