"""Servers whose answers do not agree with each other lose no row, or it is said how many.

That no row is lost or sent again, the simulation checks. Each test bounds the requests, so that
what an odd server costs stays known (docs/exactness.md, "More requests").
"""

from __future__ import annotations

import re
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.arrangement import Arrangement
from tests.support.simulation import Act, Simulation

if TYPE_CHECKING:
    from collections.abc import Callable

    from stand_in.server import Api, Request
    from tests.support.simulation import Sync

    Odd = Callable[..., Simulation]

WAITS = "the bookmark waits"
SOME_SIZES = {"sizes": "known"}
ROUNDED = {"sizes": "rounded"}
CAPPED = {"counts": "capped"}
SILENTLY = {"tells_limit": "asked", "tells_pages": False}


def check_whole(history: Simulation, first: Sync, most: int, most_ahead: int | None = None) -> None:
    """Every row came, without a word and in so many requests, and then nothing is left to send.

    Over several connections there may be more: it is a matter of chance which page comes first.
    """
    assert history.missing == set()
    assert [it for it in first.warnings if "is not in the schema" not in it] == []
    assert history.is_caught_up
    is_alone = history.arrangement.connections == 1
    assert first.asked <= (most if is_alone else 1.5 * (most_ahead or most) + 3)
    history.world.advance(minutes=10)
    idle = history.sync()
    assert (idle.ids, idle.warnings, idle.asked) == ([], [], 1)


@pytest.mark.parametrize(
    ("rows", "oddities", "most", "most_ahead"),
    [
        (3_000, {}, 7, 7),
        (700, SOME_SIZES, 4, 4),
        (3_000, SOME_SIZES, 16, 28),
        (3_000, SOME_SIZES | SILENTLY, 16, 28),
        (3_000, ROUNDED, 18, 40),
        (3_000, {"sizes": "ignored"}, 127, 150),
        (3_000, CAPPED, 10, 12),
        (3_000, CAPPED | ROUNDED, 21, 21),
        # Pages of 30 rows, of which the count says that the second is the last.
        (77, CAPPED | ROUNDED | {"page_size": 40}, 8, 8),
        (1_200, {"is_volatile": True}, 3, 3),
        (3_000, {"backends": "capped"}, 37, 45),
    ],
)
def test_every_row_comes_once_and_without_a_word(
    odd: Odd, rows: int, oddities: dict[str, Any], most: int, most_ahead: int
) -> None:
    history = odd(rows, **oddities)
    check_whole(history, history.sync(), most, most_ahead)


@pytest.mark.parametrize("number", [2, 3])
@pytest.mark.parametrize("what", ["the first", "a row", "the last"])
def test_a_row_is_left_out_of_one_answer(odd: Odd, number: int, what: str) -> None:
    history = odd(700, has_glitches=True)
    check_whole(history, history.sync(glitches={number: f"{what} is left out"}), 4)


def test_a_row_that_only_smaller_pages_show(api: Api, odd: Odd) -> None:
    loops = 0

    def answer(request: Request, _: int) -> dict[str, Any]:
        nonlocal loops
        loops += request.params["page"] == "1"
        hidden = {late} if loops < 2 else set()
        hidden |= {later} if int(request.params["limit"]) > 450 else set()
        answer = api.answer(request)
        return {**answer, "runs": [row for row in answer["runs"] if row["id"] not in hidden]}

    history = odd(1_000)
    late, later = (history.runs[position]["id"] for position in (700, 800))
    history.answer = answer
    first = history.sync()
    assert (first.warnings, history.missing) == ([], set())
    assert history.is_caught_up


def test_a_walk_that_begins_again_repeats_no_row(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tap_dagctl.pagination.paginator.ROWS_KEPT", 10)
    monkeypatch.setattr("tap_dagctl.pagination.paginator.MAX_ROWS", 0)
    history = Simulation(api, Arrangement(page_size=20, connections=1))
    history.fill(200)
    # All rows that the walk remembers move to the end. It has forgotten those before them.
    by_id = sorted(row["id"] for row in history.runs)
    moved = Act("update", picks=tuple(by_id.index(row["id"]) for row in history.runs[20:100]))
    assert sorted(history.sync([(6, moved)]).ids) == by_id
    history.end()


def test_a_loop_sends_nothing_that_came_long_ago(odd: Odd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tap_dagctl.pagination.paginator.ROWS_KEPT", 0)
    history = odd(3_000, has_glitches=True)
    check_whole(history, history.sync(glitches={4: "a row is left out"}), 14)


@pytest.mark.parametrize("ties", [20, 200])
def test_ties_are_ordered_by_the_page_size(odd: Odd, ties: int) -> None:
    """So many rows in each hour; as PostgreSQL may, whose plan depends on the limit."""
    history = odd(3_000, 3_600 / ties, ties="by size")
    check_whole(history, history.sync(), 14)


@pytest.mark.parametrize("kind", ["[]", "null"])
def test_an_outage_of_an_hour(api: Api, odd: Odd, kind: str) -> None:
    """Without rows, and with the right count, or like a list with none."""
    no_rows: dict[str, Any] = (
        {"runs": []} if kind == "[]" else {"runs": None, "total": 0, "total_pages": 0}
    )
    good, history = 2, odd(3_000)

    def answer(request: Request, number: int) -> dict[str, Any]:
        return {**api.answer(request), **(no_rows if number > good else {})}

    history.answer = answer
    for _ in range(4):
        history.act(Act("insert", picks=(1,)))
        out = history.sync()
        (warning,) = out.warnings
        assert WAITS in warning
        assert history.bookmark is None
        assert out.asked <= 34
        history.world.advance(minutes=15)
        # The next sync is not answered at all; the one after it in part.
        good = 2 - good
    assert history.missing

    history.answer = None
    check_whole(history, history.sync(), 7)


def test_two_backends_of_which_one_caps_its_pages_untold(odd: Odd) -> None:
    history = odd(3_000, backends="capped", **SILENTLY)
    for _ in range(10):
        done = history.sync()
        assert done.asked <= (41 if history.arrangement.connections == 1 else 200)
        if not done.warnings:
            break
        # Of what it says, some may have come with a sync before it.
        (warning,) = done.warnings
        owed = re.search(f"counts 3000 rows and did not show ([0-9]+) of them; {WAITS}", warning)
        assert owed is not None
        assert int(owed[1]) >= len(history.missing)
        assert history.bookmark is None
        history.world.advance(minutes=10)
    assert history.missing == set()
    assert history.is_caught_up


@pytest.mark.parametrize("number", [2, 5])
def test_an_unread_row_jumps_to_the_front(api: Api, odd: Odd, number: int) -> None:
    history = odd(3_000, order_by="updated_at")
    oldest = history.runs[-1]["id"]

    def answer(request: Request, came: int) -> dict[str, Any]:
        if came == number:
            history.world.advance(seconds=5)
            history.world.change("runs", "proj_0", oldest, status="failed")
        return api.answer(request)

    history.answer = answer
    first = history.sync()
    assert oldest in first.ids
    history.answer = None
    # Pages that were fetched ahead may be for nothing.
    check_whole(history, first, 9, 9 + 3)


@pytest.mark.parametrize("behind", [2, 4])
@pytest.mark.parametrize(
    ("order_by", "share", "most", "most_ahead"),
    # Rows stand still, or jump to the front.
    [("created_at", 2, 14, 14), ("updated_at", 100, 9, 14)],
)
def test_one_answer_comes_from_a_replica_that_lags(
    api: Api, odd: Odd, order_by: str, share: int, most: int, most_ahead: int, behind: int
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
    assert first.asked <= (most if history.arrangement.connections == 1 else most_ahead)
    history.answer = None
    history.end()


def test_a_row_is_not_sent_as_it_was_long_before(api: Api, odd: Odd) -> None:
    """One answer shows some rows that came already as they were an hour ago."""
    history = odd(3_000)
    stale, shown = {row["id"]: row for row in history.runs[::2]}, set[str]()
    history.act(Act("stamp"))
    history.world.advance(hours=1)

    def answer(request: Request, number: int) -> dict[str, Any]:
        answer = api.answer(request)
        again = {key: stale[key] for key in stale.keys() & shown if number == 3}
        answer["runs"] = [again.get(row["id"], row) for row in answer["runs"]]
        shown.update(row["id"] for row in answer["runs"])
        return answer

    history.answer = answer
    history.sync()
    assert history.missing == set()


def test_a_sync_that_resumes_sends_no_row_as_it_was_before(api: Api, odd: Odd) -> None:
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
