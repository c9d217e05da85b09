"""Servers whose answers do not agree with each other lose no row, or it is said how many.

The simulation checks that. Each test also bounds the requests, so that what an odd server costs
stays known (docs/exactness.md, "More requests").
"""

from __future__ import annotations

import re
from copy import deepcopy
from typing import Any

import pytest

from stand_in.server import Api, Request
from stand_in.world import RUNS, to_text
from tests.support import in_process
from tests.support.in_process import Collector
from tests.support.simulation import Act, Maker, Simulation

WAITS = "the bookmark waits"
SILENTLY = {"tells_limit": "asked", "tells_pages": False}


def check_whole(
    history: Simulation, first: Collector, most: int, most_ahead: int | None = None
) -> None:
    """Every row came, without a word and in so many requests, and then nothing is left to send.

    Over several connections there may be more: it is a matter of chance which page comes first.
    """
    assert history.missing == set()
    assert [it for it in first.warnings if "is not in the schema" not in it] == []
    assert history.is_caught_up
    is_alone = history.arrangement.connections == 1
    assert first.asked() <= (most if is_alone else 1.5 * (most_ahead or most) + 3)
    history.world.advance(minutes=10)
    idle = history.sync()
    assert (idle.ids, idle.warnings, idle.asked()) == ([], [], 1)


@pytest.mark.parametrize(
    ("rows", "oddities", "most", "most_ahead"),
    [
        (3_000, {}, 7, 7),
        (700, {"sizes": "known"}, 4, 4),
        (3_000, {"sizes": "known", **SILENTLY}, 16, 28),
        (3_000, {"sizes": "rounded"}, 18, 40),
        (3_000, {"sizes": "ignored"}, 127, 150),
        (3_000, {"counts": "capped"}, 10, 12),
        (3_000, {"counts": "capped", "sizes": "rounded"}, 21, 21),
        # Pages of 30 rows, of which the count says that the second is the last.
        (77, {"counts": "capped", "sizes": "rounded", "page_size": 40}, 8, 8),
        (1_200, {"is_volatile": True}, 3, 3),
        (3_000, {"backends": "capped"}, 37, 45),
        (700, {"most_rows": 33}, 30, 30),
        (700, {"most_rows": 100, **SILENTLY}, 12, 12),
        (700, {"most_rows": 499, "tells_limit": "not", "tells_pages": False}, 7, 7),
        # Twenty rows in each hour; as PostgreSQL may, whose plan depends on the limit.
        (3_000, {"ties": "by size"}, 14, 14),
    ],
)
def test_every_row_comes_once_and_without_a_word(
    odd: Maker, rows: int, oddities: dict[str, Any], most: int, most_ahead: int
) -> None:
    history = odd(rows, 180 if "ties" in oddities else 1, **oddities)
    check_whole(history, history.sync(), most, most_ahead)


@pytest.mark.parametrize("number", [2, 3])
@pytest.mark.parametrize("what", ["the first", "a row", "the last"])
def test_a_row_is_left_out_of_one_answer(odd: Maker, number: int, what: str) -> None:
    history = odd(700, has_glitches=True)
    check_whole(history, history.sync(glitches={number: f"{what} is left out"}), 4)


def test_two_backends_of_which_one_caps_its_pages_untold(odd: Maker) -> None:
    history = odd(3_000, backends="capped", **SILENTLY)
    for _ in range(10):
        done = history.sync()
        assert done.asked() <= (41 if history.arrangement.connections == 1 else 200)
        # What it says is missing, though some may have come with a sync before it.
        owed = re.findall(f"did not show ([0-9]+) of them; {WAITS}", "".join(done.warnings))
        assert sum(map(int, owed)) >= len(history.missing)
        if not owed:
            break
        history.world.advance(minutes=10)
    assert (history.missing, history.is_caught_up) == (set(), True)


@pytest.mark.parametrize("number", [3, 6])
def test_an_unread_row_jumps_to_the_front(odd: Maker, number: int) -> None:
    history = odd(3_000, order_by="updated_at")
    oldest = sorted(row["id"] for row in history.runs).index(history.runs[-1]["id"])
    acts = [Act("advance", seconds=5), Act("update", picks=(oldest,))]
    # Pages that were fetched ahead may be for nothing.
    check_whole(history, history.sync([(number, act) for act in acts]), 9, 9 + 3)


def test_a_row_that_only_smaller_pages_show(api: Api, odd: Maker) -> None:
    history = odd(1_000)
    late, later = (history.runs[position]["id"] for position in (700, 800))
    loops = 0

    def answer(request: Request, _: int) -> dict[str, Any]:
        nonlocal loops
        loops += request.params["page"] == "1"
        hidden = {late} if loops < 2 else set()
        hidden |= {later} if int(request.params["limit"]) > 450 else set()
        answer = api.answer(request)
        return {**answer, "runs": [row for row in answer["runs"] if row["id"] not in hidden]}

    history.answer = answer
    assert history.sync().warnings == []
    assert history.missing == set()


def test_a_walk_begun_again_repeats_no_row(filled: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tap_dagctl.pagination.paginator.ROWS_KEPT", 10)
    monkeypatch.setattr("tap_dagctl.pagination.paginator.MAX_ROWS", 0)
    history = filled(connections=1)
    # All rows that the walk remembers move to the end. It has forgotten those before them.
    by_id = sorted(row["id"] for row in history.runs)
    moved = Act("update", picks=tuple(by_id.index(row["id"]) for row in history.runs[20:100]))
    assert sorted(history.sync([(6, moved)]).ids) == by_id
    history.end()


def test_a_loop_sends_nothing_of_long_ago(odd: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tap_dagctl.pagination.paginator.ROWS_KEPT", 0)
    history = odd(3_000, has_glitches=True)
    check_whole(history, history.sync(glitches={4: "a row is left out"}), 14)


@pytest.mark.parametrize("no_rows", [{"runs": []}, {"runs": None, "total": 0, "total_pages": 0}])
def test_an_outage_of_an_hour(api: Api, odd: Maker, no_rows: dict[str, Any]) -> None:
    """Without rows, and with the right count, or like a list with none."""
    good, history = 2, odd(3_000)
    history.answer = lambda request, number: (
        api.answer(request) | (no_rows if number > good else {})
    )
    for _ in range(4):
        history.act(Act("insert", picks=(1,)))
        out = history.sync()
        (warning,) = out.warnings
        assert WAITS in warning
        assert history.bookmark is None
        assert out.asked() <= 34
        history.world.advance(minutes=15)
        # The next sync is not answered at all; the one after it in part.
        good = 2 - good
    assert history.missing

    history.answer = None
    check_whole(history, history.sync(), 7)


@pytest.mark.parametrize(
    ("order_by", "share", "most", "behind"),
    # Rows stand still, or jump to the front.
    [("created_at", 2, 14, 2), ("updated_at", 100, 9, 4)],
)
def test_one_answer_comes_from_a_replica_that_lags(
    api: Api, odd: Maker, order_by: str, share: int, most: int, behind: int
) -> None:
    """Pages overlap, so it shows rows of the page before it as they were."""
    history = odd(3_000, order_by=order_by)
    project = history.world.projects["proj_0"]
    true, stale = project.tables, deepcopy(project.tables)

    def answer(request: Request, number: int) -> dict[str, Any]:
        project.tables = stale if number == behind else true
        answer = api.answer(request)
        project.tables = true
        return answer

    history.answer = answer
    changed = Act("update", picks=tuple(range(0, 3_000, share)))
    first = history.sync([(2, changed), (2, Act("advance", seconds=5))])
    assert (len({*first.ids}), first.warnings, history.is_caught_up) == (3_000, [], True)
    assert first.asked() <= (most if history.arrangement.connections == 1 else 14)
    history.answer = None
    history.end()


def test_a_row_is_not_sent_as_it_was_long_before(api: Api, odd: Maker) -> None:
    history = odd(3_000)
    stale = {row["id"]: row for row in history.runs[::2]}
    history.act(Act("stamp"))
    history.world.advance(hours=1)

    def answer(request: Request, number: int) -> dict[str, Any]:
        # The third shows rows that came before, as they were an hour ago.
        answer = api.answer(request)
        again = [*stale.values()][:300] if number == 3 else []
        return {**answer, "runs": [*answer["runs"], *again]}

    history.answer = answer
    history.sync()
    assert history.missing == set()


def test_a_sync_that_resumes_sends_no_row_as_it_was_before(api: Api, odd: Maker) -> None:
    history = odd(3_000, page_size=100)
    history.world.change("runs", "proj_0", history.runs[-100]["id"], status="running")
    before = history.runs[-100]

    def answer(request: Request, _: int) -> dict[str, Any]:
        answer = api.answer(request)
        if "updated_after" in request.params:
            # A replica that lags answers for the second walk.
            answer["runs"] = [before if it["id"] == before["id"] else it for it in answer["runs"]]
        return answer

    history.world.advance(seconds=10)
    history.sync(cut=2_500)
    history.world.advance(seconds=10)
    history.world.change("runs", "proj_0", before["id"], status="failed")
    history.answer = answer
    history.sync()
    assert history.missing == set()


def test_a_row_is_shown_as_it_was_before_the_last_sync_and_then_as_it_is(api: Api) -> None:
    key = {"id": "x", "created_at": to_text(api.world.now)}
    api.world.put(RUNS, "proj_a", {**key, "updated_at": key["created_at"], "status": "running"})
    before = dict(api.world.rows(RUNS, "proj_a")[0])
    api.world.advance(seconds=200)
    api.world.change(RUNS, "proj_a", "x", status="failed")
    settings: Any = {"project_ids": ["proj_a"], "overlap_seconds": 300}
    first = in_process.sync(api, None, ["runs"], **settings)
    api.world.advance(seconds=150)
    # A replica that lags shows it first.
    api.alter = lambda answer: answer["runs"].insert(0, before) if "runs" in answer else None
    second = in_process.sync(api, first.states[-1], ["runs"], **settings)

    assert [row["status"] for row in first.rows("runs")] == ["failed"]
    assert [row["status"] for row in second.rows("runs")] == ["running", "failed"]


# A server that filters behind its `LIMIT` leaves rows out of its pages and keeps their places.
SMALL = 60
ROWS = 3 * SMALL
SMALL_PAGES = {"page_size": SMALL, "most_rows": SMALL}
# The positions of the list that show no row.
LEFT_OUT: dict[str, list[int]] = {
    "a row of each page": [3, SMALL + 7, ROWS - 1],
    "the first row": [0],
    "the rows that overlap": [*range(SMALL - 2, SMALL + 1)],
    "the second page": [*range(SMALL, 2 * SMALL)],
    "all but the last page": [*range(2 * SMALL)],
    "all but the last row": [*range(ROWS - 1)],
}
COUNTS = ("yes", "no", "pages")


@pytest.mark.parametrize("cut", [None, 70, 110])
@pytest.mark.parametrize(
    ("name", "counts_hidden"),
    # There one row is counted, and nothing says that it is behind many places that show none.
    [(it, how) for it in LEFT_OUT for how in COUNTS if (it, how) != ("all but the last row", "no")],
)
def test_rows_left_out_cost_no_other_row(
    filled: Maker, name: str, counts_hidden: str, cut: int | None
) -> None:
    connections = 1 if len(name) % 2 else 4
    history = filled(ROWS, counts_hidden=counts_hidden, connections=connections, **SMALL_PAGES)
    history.hide(LEFT_OUT[name])
    first = history.sync(cut=cut, stopped=cut == 110)
    if cut is None:
        assert len(first.ids) == ROWS - len(LEFT_OUT[name])
        history.check()
        history.act(Act("update", picks=tuple(range(0, 60, 3))))
    history.end()


@pytest.mark.parametrize("position", [3, 499, 1_499])
def test_rows_counted_and_left_out_are_looked_for_once_more(filled: Maker, position: int) -> None:
    history = filled(1_500, page_size=500)
    history.hide([position])
    # Two to nine pages of 500 rows, the most there are, cost one more, and so does each end.
    assert history.sync().asked() <= 2 * (3 + 1) + 2


def test_a_list_of_which_no_row_is_shown_leaves_the_bookmark_where_it_was(filled: Maker) -> None:
    history = filled(3)
    history.hide([0, 1, 2])
    assert history.sync().asked() <= 6
    assert history.bookmark is None
    # It waits no longer than a day, though the server's clock was ahead at first.
    history.part["owed"]["since"] = "2036-01-01T00:00:00.000000Z"
    history.sync()
    assert history.part["owed"]["since"] < "2036"

    # Had they only been late, they would come now.
    history.world.delete("runs", "proj_0", history.runs[0]["id"])
    history.act(Act("insert", picks=(1,)))
    assert len(history.sync().ids) == 1
    history.end()
