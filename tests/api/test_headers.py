"""No header and no date of a server's ends in a traceback, and none costs a row."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stand_in.server import Api, Reply, Request
from stand_in.world import RUNS, from_text
from tap_dagctl.api import responses
from tap_dagctl.errors import PassingError
from tests.support import in_process
from tests.support.in_process import waiting_at_once
from tests.support.syncs import Tap

DATES = [
    "Fri, 31 Dec 9999 23:59:59 -2359",
    "Mon, 01 Jan 0001 00:00:00 +2359",
    "Sat, 01 Jan 0000 00:00:00 GMT",
    "Tue, 31 Dec 2199 23:59:59 GMT",
    "Tue, 02 Jun 2026 08:49:37 +99999999",
    "Tue, 02 Jun 2026 25:61:61 GMT",
]
PARTS = st.text(st.characters(codec="latin-1"), max_size=12) | st.sampled_from(
    ["Fri,", "31", "Dec", "9999", "-1", "23:59:59", "GMT", "9" * 400]
)


@given(text=st.sampled_from(DATES) | st.lists(PARTS, max_size=6).map(" ".join))
@example("9" * 400)
def test_whatever_stands_in_a_header_is_a_time_or_none(text: str) -> None:
    clock = responses.server_clock({"Date": text})
    assert clock is None or clock > 0
    error = responses.status_error(503, {"Retry-After": text}, b"", clock, {})
    assert isinstance(error, PassingError)
    assert error.retry_after is None or error.retry_after >= 0
    responses.status_error(302, {"Location": text}, b"", clock, {})


def test_an_answer_of_400_names_the_dates_asked_for() -> None:
    dates = {"updated_after": 1, "days": 2, "start_date": 3, "end_date": 4}
    error = responses.status_error(400, {}, b"", None, {"page": 1, **dates})
    asked = "it asked for updated_after=1, days=2, start_date=3, end_date=4, and the request"
    assert error.advice.startswith(asked)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        *(({"Date": date}, 200) for date in DATES),
        ({"Retry-After": DATES[0]}, 429),
        ({"Retry-After": "9" * 400}, 503),
        ({"Content-Encoding": ", ".join(["gzip"] * 99)}, 200),
        ({"Location": "http://["}, 302),
    ],
)
def test_an_odd_header_is_an_answer_or_one_line_and_loses_no_row(
    api: Api, tap: Tap, headers: dict[str, str], status: int
) -> None:
    def misbehave(request: Request) -> Reply | None:
        if not request.path.endswith("/runs"):
            return None
        reply = api.true_reply(request)
        return replace(reply, status=status, headers=reply.headers | headers)

    state, came = None, set[str]()
    for number in range(3):
        api.world.put(RUNS, "proj_a", {"id": f"run_{number}"})
        api.world.advance(seconds=10)
        api.tells_time = number > 0 or "Date" not in headers
        api.misbehave = misbehave if number == 0 else lambda _: None
        with waiting_at_once() as clock:
            output = tap(state=state, max_attempts=2)
        assert "Traceback" not in output.stderr
        assert all(0 <= wait <= 120 for wait in clock.waits)
        state = output.state
        came |= {*output.ids("runs")}
        api.world.advance(hours=1)
    assert came == {"run_0", "run_1", "run_2"}


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
