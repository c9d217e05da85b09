"""No header and no date of a server's ends in a traceback, and none costs a row."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stand_in.server import Reply, serving
from stand_in.world import RUNS, World, from_text
from tests.support import in_process
from tests.support.in_process import waiting_at_once
from tests.support.syncs import Json, Tap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stand_in.server import Api, Request
    from tests.support.syncs import Output

START = "2020-01-01"


@pytest.fixture(scope="module")
def listing() -> Iterator[Api]:
    world = World()
    world.add_project("proj_a", "sales")
    for number in range(3):
        world.put("runs", "proj_a", {"id": f"run_{number}"})
        world.put("executions", "proj_a", {"id": f"execution_{number}", "model_name": "orders"})
    world.advance(hours=1)
    with serving(world) as api:
        yield api


def sync(api: Api, directory: pytest.TempPathFactory, state: Json | None = None) -> Output:
    tap = Tap(api, directory.getbasetemp())
    with waiting_at_once() as clock:
        output = tap(state=state, max_attempts=2, start_date=START, model_stats_window_days=3_650)
    assert "Traceback" not in output.stderr
    assert all(0 <= wait <= 120 for wait in clock.waits)
    return output


DATES = st.sampled_from(
    [
        "Fri, 31 Dec 9999 23:59:59 -2359",
        "Mon, 01 Jan 0001 00:00:00 +2359",
        "Sat, 01 Jan 0000 00:00:00 GMT",
        "Sat, 01 Jan 2000 00:00:00 GMT",
        "Tue, 31 Dec 2199 23:59:59 GMT",
        "Tue, 02 Jun 2026 08:49:37 +99999999",
        "Tue, 02 Jun 2026 25:61:61 GMT",
        "2026-06-02T08:49:37Z",
    ]
)
LATIN_1 = st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=12)
PARTS = LATIN_1 | st.sampled_from(["Fri,", "31", "Dec", "9999", "-1", "23:59:59", "GMT", "9" * 400])
VALUES = DATES | st.lists(PARTS, max_size=6).map(" ".join)
NAMES = ["Date", "Retry-After", "Location", "Content-Encoding", "Content-Type", "Set-Cookie", "X"]
HEADERS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4)
HEADERS |= DATES.map(lambda date: {"Date": date})
ANSWERS = st.tuples(HEADERS, st.sampled_from([200, 200, 302, 404, 429, 500, 503]))


@settings(max_examples=60)
@given(answers=st.lists(ANSWERS, min_size=1, max_size=2))
@example(answers=[({"Date": "Fri, 31 Dec 9999 23:59:59 GMT"}, 200)])
@example(answers=[({"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}, 429)])
@example(answers=[({"Retry-After": "9" * 400}, 503)])
@example(answers=[({"Content-Encoding": ", ".join(["gzip"] * 99)}, 200)])
def test_whatever_stands_in_a_header_is_an_answer_or_one_line_and_loses_no_row(
    listing: Api,
    tmp_path_factory: pytest.TempPathFactory,
    answers: list[tuple[dict[str, str], int]],
) -> None:
    state, held = None, set[str]()
    for number, (headers, status) in enumerate([*answers, ({}, 200)]):

        def misbehave(
            request: Request, headers: dict[str, str] = headers, status: int = status
        ) -> Reply:
            reply = listing.true_reply(request)
            reply.headers |= headers
            is_refused = status != 200 and request.path.endswith("/runs")
            return Reply(status, b"{}", headers) if is_refused else reply

        listing.tells_time = "Date" not in headers
        listing.misbehave = misbehave
        listing.world.put("runs", "proj_a", {"id": f"late_{number}"})
        listing.world.advance(seconds=10)
        output = sync(listing, tmp_path_factory, state)
        encoding = headers.get("Content-Encoding", "").strip().lower()
        assert output.exit_code == 0 or status != 200 or encoding not in {"", "identity"}
        state = output.state or state
        held |= {*output.ids("runs")}
        listing.world.advance(hours=1)
    assert held == set(listing.world.projects["proj_a"].tables["runs"])


@pytest.mark.parametrize(
    ("day", "offset"), [("0001-01-01", "+23:59"), ("1969-12-31", "Z"), ("9999-12-31", "-23:59")]
)
def test_a_row_may_be_of_any_day(
    listing: Api, tmp_path_factory: pytest.TempPathFactory, day: str, offset: str
) -> None:
    times = dict.fromkeys(("updated_at", "created_at", "start_time"), f"{day}T23:59:59{offset}")
    days = dict.fromkeys(("date", "start_date", "end_date"), day)

    def alter(answer: Json) -> None:
        for rows in answer.values():
            for row in rows if isinstance(rows, list) else []:
                row.update(times | days)

    listing.misbehave, listing.alter = lambda _: None, alter
    sync(listing, tmp_path_factory, sync(listing, tmp_path_factory).state)
    listing.alter = lambda _: None


@pytest.mark.parametrize(
    ("wrong", "by", "behind"),
    [
        # In seconds. The projects' list comes before the first page.
        ("/runs", 7_200, 0),
        ("/projects", -10_800, 10_800),
        # Clocks of two servers may differ a little.
        ("/runs", 40, -40),
    ],
)
def test_the_earlier_of_two_clocks_counts(api: Api, wrong: str, by: int, behind: int) -> None:
    def misbehave(request: Request) -> Reply | None:
        if not request.path.endswith(wrong):
            return None
        return replace(api.true_reply(request), moment=api.world.now + timedelta(seconds=by))

    api.world.put(RUNS, "proj_a", {"id": "run_1"})
    api.world.advance(hours=1)
    api.misbehave = misbehave
    state = in_process.sync(api, streams=("runs",)).states[-1]
    part = state["bookmarks"]["runs"]["partitions"][0]
    bookmark = from_text(part["replication_key_value"])
    # An answer may take a second, and more where the machine is busy.
    assert behind <= (api.world.now - bookmark).total_seconds() < behind + 15

    api.misbehave = lambda _: None
    api.world.advance(minutes=10)
    api.world.change(RUNS, "proj_a", "run_1", status="failed")
    api.world.advance(hours=3)
    (row,) = in_process.sync(api, state, ("runs",)).rows("runs")
    assert row["status"] == "failed"
