"""Nothing lost, nothing sent twice, while the rows move: made-up histories, and each cause alone.

The causes are those of docs/exactness.md; each test fails when its cure is taken out.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from stand_in.world import EXECUTIONS, RUNS
from tap_dagctl.state.sent_records import LETTERS, SentRecords
from tests.support.arrangement import Arrangement
from tests.support.histories import prove
from tests.support.memory import FEW, peak_kilobytes
from tests.support.simulation import Act, Simulation

if TYPE_CHECKING:
    from stand_in.server import Api

ROWS = 200
EVERY_ORDER = pytest.mark.parametrize(
    ("order_by", "descending"),
    [("updated_at", False), ("created_at", True), ("start_time", False), ("id", True)],
)


pytestmark = pytest.mark.usefixtures("state_after_every_page")


def advance(seconds: float) -> Act:
    return Act("advance", seconds=seconds)


def filled(api: Api, rows: int = ROWS, **arrangement: Any) -> Simulation:
    history = Simulation(api, Arrangement(**{"page_size": 20, **arrangement}))
    history.fill(rows)
    return history


@pytest.mark.parametrize("seed", range(2))
def test_no_made_up_history_loses_or_repeats_a_row(seed: int) -> None:
    figures = prove(seed, 25)

    assert figures["histories"] >= 25
    assert figures["records sent"] > 500
    assert figures["cut off"] >= 3


@EVERY_ORDER
def test_ceiling_a_row_that_changes_behind_the_reader(
    api: Api, order_by: str, descending: bool
) -> None:
    history = filled(api, order_by=order_by, descending=descending, overlap_seconds=0)
    everywhere = tuple(range(0, ROWS, 7))
    # The clock moves on: a bookmark from the end of the walk would leave these behind.
    history.sync([(8, Act("update", picks=everywhere)), (9, advance(600)), (10, advance(600))])
    history.act(advance(600))

    history.end()


def test_floor_a_bookmark_stays_when_only_older_rows_come(api: Api) -> None:
    # Without a clock, the rows are all the tap has to go by.
    history = filled(api, tells_time=False, overlap_seconds=600, descending=True)
    history.sync()
    newest = sorted(history.runs, key=lambda row: row["updated_at"])[-60:]
    for row in newest:
        history.world.delete(RUNS, "proj_0", row["id"])

    # The simulation checks that no bookmark goes back.
    assert history.sync().ids == []
    history.end()


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02T06:00:00.5Z",
        "2026-03-02T06:00:00.000000001Z",
        "2026-03-02T08:00:00+02:00",
        "2026-03-01T22:00:00.123456789-08:00",
        "2026-03-02 06:00:00+00:00",
        "2026-03-02T06:00:00",
        "2026-03-02",
    ],
)
def test_comparison_a_bookmark_is_an_instant_however_it_is_written(api: Api, text: str) -> None:
    history = filled(api)
    bookmark = {"replication_key": "updated_at", "replication_key_value": text}
    part = {"context": {"project_id": "proj_0"}, **bookmark}
    history.take({"bookmarks": {"runs": {"partitions": [part]}}})

    assert len(history.sync().ids) == ROWS
    history.end()


@EVERY_ORDER
@pytest.mark.parametrize("kind", ["delete", "update"])
def test_shifting_pages_a_row_that_leaves_its_place_pulls_no_other_past_the_reader(
    api: Api, order_by: str, descending: bool, kind: str
) -> None:
    history = filled(api, order_by=order_by, descending=descending)
    # That only what changes during the walk is left to the next sync, each sync checks.
    history.sync([(6, Act(kind, picks=tuple(range(0, ROWS, 3))))])
    history.end()


@EVERY_ORDER
def test_shifting_pages_all_rows_have_moved(api: Api, order_by: str, descending: bool) -> None:
    history = filled(api, order_by=order_by, descending=descending)
    sync = history.sync([(6, Act("stamp")), (7, Act("delete", picks=tuple(range(60))))])

    assert sync.asked <= 3 * ROWS / 20
    history.end()


def test_repeats_an_idle_sync_sends_nothing_and_asks_once(api: Api) -> None:
    history = filled(api, projects=2, overlap_seconds=20)
    history.act(Act("insert", picks=tuple(range(5))))
    assert len(history.sync().ids) == ROWS + 5
    for _ in range(3):
        history.act(advance(3))
        idle = history.sync()
        assert idle.ids == []
        assert len(idle.requests) == 1 + 2 * 2
        assert set(idle.requests.values()) == {1}


def test_repeats_a_table_stamped_at_once_is_remembered(api: Api) -> None:
    history = filled(api)
    history.act(Act("stamp"))
    for seconds, rows in ((30, ROWS), (61, 0), (0, 0)):
        assert len(history.sync().ids) == rows
        history.act(advance(seconds))
    assert history.sync().asked == 1


def test_repeats_beyond_what_is_remembered(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tap_dagctl.state.sent_records.MAX_REMEMBERED", 50)
    history = filled(api)
    history.act(Act("stamp"))
    history.sync()
    assert len(history.part["sent"]) == 50 * LETTERS

    with pytest.raises(AssertionError, match="sent again"):
        history.sync()
    history.check()


@EVERY_ORDER
@pytest.mark.parametrize("stopped", [True, False])
def test_interruption_at_any_line(api: Api, order_by: str, descending: bool, stopped: bool) -> None:
    for cut in (13, 91, 170):
        history = filled(api, order_by=order_by, descending=descending)
        history.act(Act("stamp"))
        acts = [(7, Act("update", picks=(3, 90, 180)))]
        history.sync(acts, cut, stopped=stopped)
        history.act(Act("delete", picks=tuple(range(0, ROWS, 11))))
        history.end()


def test_interruption_a_long_walk_goes_on_where_it_was(api: Api) -> None:
    history = filled(api)
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


@pytest.mark.parametrize("deleted", [0, 5])
def test_interruption_a_page_size_that_is_raised_holds_for_a_walk_that_goes_on(
    api: Api, deleted: int
) -> None:
    history = filled(api)
    history.sync(cut=100)
    rows = sorted(history.runs, key=lambda row: row["updated_at"])
    for row in rows[ROWS - deleted :]:
        history.world.delete(RUNS, "proj_0", row["id"])

    # Rows that were counted before and are gone cost one more, and no walk to the end.
    assert history.sync(page_size=500).asked == 2 + (deleted > 0)
    history.end()


def test_interruption_a_checkpoint_of_other_rows_is_not_resumed(api: Api) -> None:
    """Without `start_date`, rows stand in front of it that nobody has read."""
    history = filled(api)
    stamps = sorted(row["updated_at"] for row in history.runs)
    history.sync(cut=150, start_date=stamps[4])

    history.end()


def test_memory_of_ten_times_the_rows_is_about_the_same() -> None:
    """The short version of `make memory`; what is kept of a row takes 8 to 16 bytes."""
    more = peak_kilobytes(10 * FEW) - peak_kilobytes(FEW)
    assert more * 1024 / (9 * FEW) <= 60


def test_what_comes_late_comes_within_the_overlap(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = filled(api, overlap_seconds=60)
    history.sync()
    history.act(Act("insert", picks=(1,), late=1.0))
    assert len(history.sync().ids) == 1

    # The promise ends there (docs/exactness.md), and a longer overlap widens it.
    monkeypatch.setattr(history, "_check_promise", lambda _: None)
    history.act(Act("insert", picks=(1,), late=1.2))
    assert history.sync().ids == []
    assert history.sync(overlap_seconds=90).ids
    history.check()


def test_a_project_that_is_new_is_read_whole(api: Api) -> None:
    history = filled(api)
    history.sync()
    history.world.add_project("proj_new", "new")
    history.world.put(EXECUTIONS, "proj_new", {"id": "old", "updated_at": "2020-01-01T00:00:00Z"})

    new = history.sync()
    assert new.ids == ["old"]
    assert new.asked == 1


@pytest.mark.parametrize(
    ("order_by", "descending"), [("created_at", True), ("start_time", True), ("id", False)]
)
def test_a_page_overtaken_by_a_newer_version(api: Api, order_by: str, descending: bool) -> None:
    history = filled(api, order_by=order_by, descending=descending, connections=4)
    # One of them stands where the page that is overtaken and the one behind it overlap.
    for row in range(0, ROWS, 8):
        history.take({})
        history.sync([(5, Act("update", picks=(row, row + 1)))], overtaken={4})
    history.end()


@pytest.mark.parametrize("number", [5, 6])
def test_a_page_overtaken_by_a_version_of_the_same_moment(api: Api, number: int) -> None:
    history = filled(api, 0, order_by="created_at", connections=4)
    history.act(Act("insert", picks=tuple(range(ROWS))))
    # Those that do not change are anchors.
    changed = Act("update", picks=tuple(range(0, ROWS, 2)))
    history.sync([(number + 1, changed)], overtaken={number})
    history.end()


def test_a_row_from_the_future_does_not_take_the_bookmark_with_it(api: Api) -> None:
    history = filled(api, tells_time=False, page_size=500)
    # Without a Date the other clock there is is this machine's.
    history.world.now = datetime.now(tz=timezone.utc) + timedelta(days=1)
    future = {"updated_at": "2099-01-01T00:00:00Z", "start_time": "2099-01-01T00:00:00Z"}
    history.world.put(RUNS, "proj_0", {"id": "future", **future})
    history.sync()
    assert history.part["replication_key_value"] < "2099"


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
