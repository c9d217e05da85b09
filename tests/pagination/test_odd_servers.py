"""Servers whose answers do not agree with each other lose no row, or it is said how many.

Each test bounds the requests, so that what an odd server costs stays known.
"""

from __future__ import annotations

import random
import re
import threading
from functools import cache, partial
from typing import TYPE_CHECKING

import pytest

from stand_in.world import RUNS, from_text
from tests.support.odd_list import PROJECT, OddList, check_whole, of_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from stand_in.server import Api, Request
    from tests.support.odd_list import Answer, Synced

    Answers = Callable[[OddList, Request, int], Answer]

KNOWN_SIZES, DEFAULT_SIZE = (10, 25, 50, 100, 250, 500), 50
WAITS = "the bookmark waits"


def without_rows(runs: OddList, kind: str) -> Callable[[Request], Answer]:
    """Return what answers without rows, and with the right count, or as a list with none."""
    no_list = {"runs": None, "total": 0, "total_pages": 0}
    instead: Answer = {"runs": []} if kind == "[]" else no_list
    return lambda request: {**runs.api.answer(request), **instead}


def some_known_sizes(runs: OddList, request: Request, _: int) -> Answer:
    asked = int(request.params["limit"])
    return of_size(runs.api, request, asked if asked in KNOWN_SIZES else DEFAULT_SIZE)


def pages_as_given(runs: OddList, request: Request, number: int) -> Answer:
    answer, asked = some_known_sizes(runs, request, number), int(request.params["limit"])
    size = asked if asked in KNOWN_SIZES else DEFAULT_SIZE
    return {**answer, "total_pages": -(-answer["total"] // size)}


def rounded(runs: OddList, request: Request, _: int) -> Answer:
    return of_size(runs.api, request, max(50, int(request.params["limit"]) // 50 * 50))


def capped(answer: Answer) -> Answer:
    total = min(answer["total"], 500)
    return {**answer, "total": total, "total_pages": -(-total // answer["limit"])}


def rounded_and_capped(runs: OddList, request: Request, _: int) -> Answer:
    limit = max(50, int(request.params["limit"]) // 250 * 250)
    return capped(of_size(runs.api, request, limit))


def a_url_in_each_row(runs: OddList, request: Request, number: int) -> Answer:
    answer = runs.api.answer(request)
    rows = [{**row, "url": f"https://logs.example/{number}"} for row in answer["runs"]]
    return {**answer, "runs": rows}


def by_turns(runs: OddList, request: Request, number: int, *, is_told: bool = True) -> Answer:
    """Let one of two backends answer, of which the second has pages of 100 rows at most."""
    size = min(int(request.params["limit"]), 100 if number % 2 == 0 else 500)
    answer = of_size(runs.api, request, size)
    pages = -(-answer["total"] // size)
    return {**answer, "limit": size, "total_pages": pages} if is_told else answer


def without_one(came: int, place: int) -> Answers:
    """Leave the row of a place out of one answer."""

    def answers(runs: OddList, request: Request, number: int) -> Answer:
        answer = runs.api.answer(request)
        if number == came and answer["total"] == 700:
            del answer["runs"][place % len(answer["runs"])]
        return answer

    return answers


@pytest.mark.parametrize(
    ("rows", "answers", "most", "most_ahead"),
    [
        (3_000, lambda runs, request, _: runs.api.answer(request), 7, 7),
        (700, some_known_sizes, 4, 4),
        (3_000, some_known_sizes, 16, 28),
        (3_000, pages_as_given, 16, 28),
        (3_000, rounded, 18, 40),
        (3_000, lambda runs, it, _: of_size(runs.api, it, DEFAULT_SIZE), 127, 150),
        (3_000, lambda runs, request, _: capped(runs.api.answer(request)), 10, 12),
        (3_000, rounded_and_capped, 28, 28),
        (1_200, a_url_in_each_row, 3, 3),
        (3_000, by_turns, 37, 45),
        *((700, without_one(came, place), 4, 4) for came in (1, 2) for place in (0, 250, -1)),
    ],
)
def test_every_row_comes_once_and_without_a_word(
    runs: OddList, rows: int, answers: Answers, most: int, most_ahead: int
) -> None:
    runs.fill(rows)
    runs.answers = partial(answers, runs)

    check_whole(runs, most, most_ahead)


@pytest.mark.parametrize("ties", [20, 200])
def test_ties_are_ordered_by_the_page_size(runs: OddList, ties: int) -> None:
    """As PostgreSQL may, whose plan depends on the limit."""

    @cache
    def place(row: str, limit: str) -> float:
        return random.Random(f"{row} {limit}").random()

    def answers(request: Request, _: int) -> Answer:
        limit = request.params["limit"]
        with runs.world.lock:
            runs.world.order = lambda row: (row["updated_at"], place(row["id"], limit))
            return runs.api.answer(request)

    runs.fill(3_000, ties=ties)
    runs.answers = answers

    check_whole(runs, 13, 16)


@pytest.mark.parametrize("kind", ["[]", "null"])
def test_an_outage_of_an_hour(runs: OddList, kind: str) -> None:
    empty, good = without_rows(runs, kind), 2
    runs.fill(3_000)
    runs.answers = lambda request, number: (
        runs.true_answer(request, number) if number <= good else empty(request)
    )
    for number in range(4):
        runs.world.put(RUNS, PROJECT, {"id": f"late_{number}"})
        out = runs.sync()
        (warning,) = out.warnings
        assert WAITS in warning
        assert runs.bookmark is None
        assert out.requests[PROJECT] <= 34
        runs.world.advance(minutes=15)
        # The next sync is not answered at all; the one after it in part.
        good = 2 - good
    assert runs.missing

    runs.answers = runs.true_answer
    after = runs.sync()
    assert (runs.missing, runs.repeated, after.warnings) == (set(), set(), [])
    assert runs.is_caught_up
    assert after.requests[PROJECT] <= 7
    assert runs.sync().ids == []


def test_two_backends_of_which_one_caps_its_pages_untold(runs: OddList) -> None:
    runs.fill(3_000)
    runs.answers = partial(by_turns, runs, is_told=False)
    done = runs.sync()
    for _ in range(10):
        assert says_what_is_owed(runs, done)
        assert done.requests[PROJECT] <= (41 if runs.connections == 1 else 100)
        if not done.warnings:
            break
        runs.world.advance(minutes=10)
        done = runs.sync()
    assert (runs.missing, runs.repeated) == (set(), set())
    assert runs.is_caught_up


def says_what_is_owed(runs: OddList, done: Synced) -> bool:
    """Whether a sync said how many rows it did not get, and then left the bookmark where it was.

    Of those some may have come with a sync before it.
    """
    if not done.warnings:
        return not runs.missing
    (warning,) = done.warnings
    owed = re.search(f"counts 3000 rows and did not show ([0-9]+) of them; {WAITS}", warning)
    return owed is not None and int(owed[1]) >= len(runs.missing) and runs.bookmark is None


@pytest.mark.parametrize("number", [2, 5])
def test_an_unread_row_jumps_to_the_front(runs: OddList, number: int) -> None:
    runs.world.order = lambda row: (from_text(row["updated_at"]), row["id"])
    runs.fill(3_000)
    oldest = f"{PROJECT}_00003"

    def answers(request: Request, came: int) -> Answer:
        if came == number:
            runs.world.advance(seconds=5)
            runs.world.change(RUNS, PROJECT, oldest, status="failed")
        return runs.api.answer(request)

    runs.answers = answers
    first = runs.sync()
    assert (runs.missing, runs.repeated, first.warnings) == (set(), set(), [])
    assert oldest in first.ids
    assert first.requests[PROJECT] <= 9
    runs.answers = runs.true_answer
    runs.world.advance(minutes=10)
    idle = runs.sync()
    assert (idle.ids, idle.requests[PROJECT]) == ([], 1)


def lagging(runs: OddList, behind: int, changed: range) -> None:
    """Change some rows, of which the answer of that number does not know."""
    project = runs.world.projects[PROJECT]
    true = project.tables[RUNS]
    stale = {key: dict(row) for key, row in true.items()}
    for number in changed:
        runs.world.change(RUNS, PROJECT, f"{PROJECT}_{number:05}", status="failed")
    runs.world.advance(seconds=5)

    def answers(request: Request, number: int) -> Answer:
        with runs.world.lock:
            project.tables[RUNS] = stale if number == behind else true
            try:
                return runs.api.answer(request)
            finally:
                project.tables[RUNS] = true

    runs.answers = answers


@pytest.mark.parametrize("behind", [2, 4])
def test_a_replica_that_lags_where_rows_stand_still(runs: OddList, behind: int) -> None:
    """Pages overlap, so that it shows rows of the page before it as they were."""
    runs.fill(3_000)
    lagging(runs, behind, range(0, 3_000, 2))
    first = runs.sync()
    # `OddList.sync` sees to it that no older version comes after a newer one.
    assert (len(set(first.ids)), first.warnings, runs.is_caught_up) == (3_000, [], True)
    assert first.requests[PROJECT] <= 14

    # What it did not know is read again, as every row that changed shortly before the sync.
    runs.answers = runs.true_answer
    assert set(runs.sync().ids) <= {f"{PROJECT}_{number:05}" for number in range(0, 3_000, 2)}
    assert (runs.missing, runs.repeated) == (set(), set())
    assert runs.sync().ids == []


@pytest.mark.parametrize("behind", [2, 4])
def test_a_replica_that_lags_where_rows_jump_to_the_front(runs: OddList, behind: int) -> None:
    runs.world.order = lambda row: (from_text(row["updated_at"]), row["id"])
    runs.fill(3_000)
    lagging(runs, behind, range(0, 3_000, 100))

    check_whole(runs, 9, 14)


def test_a_row_is_not_sent_as_it_was_long_before(runs: OddList) -> None:
    """One answer shows some rows that came already as they were an hour ago."""
    runs.fill(3_000)
    stale, shown = {row["id"]: row for row in runs.world.rows(RUNS, PROJECT)[::2]}, set[str]()
    for key in stale:
        runs.world.change(RUNS, PROJECT, key, status="failed")
    runs.world.advance(hours=1)

    def answers(request: Request, number: int) -> Answer:
        answer = runs.api.answer(request)
        if number == 3:
            again = {key: row for key, row in stale.items() if key in shown}
            answer["runs"] = [again.get(row["id"], row) for row in answer["runs"]]
        shown.update(row["id"] for row in answer["runs"])
        return answer

    runs.answers = answers
    # `OddList.sync` sees to it that no older version comes after a newer one.
    runs.sync()
    assert (runs.missing, runs.repeated) == (set(), set())


def test_a_page_fetched_ahead_brings_no_old_row(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    runs, is_answered = OddList(api, caplog, 4), threading.Event()
    changing = threading.Lock()

    def answers(request: Request, number: int) -> Answer:
        first = (int(request.params["page"]) - 1) * int(request.params["limit"])
        if number > 1 and PROJECT in request.path and not is_answered.is_set():
            if 0 < first < 800:
                # The page behind it is asked for at the same time, and is answered earlier.
                assert is_answered.wait(timeout=60)
            elif changing.acquire(blocking=False):
                answer = runs.api.answer(request)
                # The others are anchors.
                for row in answer["runs"][::2]:
                    # Within the microsecond in which it was written.
                    stamp = row["updated_at"]
                    runs.world.change(RUNS, PROJECT, row["id"], status="failed", updated_at=stamp)
                is_answered.set()
                return answer
        return runs.api.answer(request)

    runs.fill(3_000)
    runs.answers = answers
    runs.sync()
    assert is_answered.is_set()
    status_of = {row["id"]: row.get("status") for row in runs.world.rows(RUNS, PROJECT)}
    assert {key: row["status"] for key, row in runs.loaded.items()} == status_of


def test_a_sync_that_resumes_sends_no_row_as_it_was_before(runs: OddList) -> None:
    row = f"{PROJECT}_00100"

    def answers(request: Request, _: int) -> Answer:
        answer = runs.api.answer(request)
        if "updated_after" in request.params:
            # A replica that lags answers for the second walk.
            answer["runs"] = [before if it["id"] == row else it for it in answer["runs"]]
        return answer

    runs.fill(3_000)
    runs.world.change(RUNS, PROJECT, row, status="running")
    (before,) = (it for it in runs.world.rows(RUNS, PROJECT) if it["id"] == row)
    runs.world.advance(seconds=10)
    runs.sync(cut=2_500, page_size=100)
    runs.world.advance(seconds=10)
    runs.world.change(RUNS, PROJECT, row, status="failed")
    runs.answers = answers
    runs.sync(page_size=100)
    assert runs.loaded[row]["status"] == "failed"
    assert runs.missing == set()
