"""Whatever an answer or its headers hold is loaded, or costs time or one line, and no row."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stand_in.server import Api, Reply, Request
from stand_in.world import RUNS, from_text
from tap_dagctl.api import prefetch, responses
from tap_dagctl.api.decoding import decode_json
from tap_dagctl.errors import PassingError
from tests.support import in_process
from tests.support.at_request import instead
from tests.support.in_process import waiting_at_once
from tests.support.made_up_rows import ANY_JSON, LEAST, MOST
from tests.support.syncs import Tap


def is_loadable(value: Any) -> bool:
    """Whether every loader can take `value`, and all that stands in it, names included."""
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list):
        return all(map(is_loadable, value))
    if isinstance(value, str):
        return not re.search("[\x00\ud800-\udfff]", value)
    if isinstance(value, float):
        return math.isfinite(value)
    return not isinstance(value, int) or LEAST <= value <= MOST


@given(text=ANY_JSON)
def test_whatever_comes_can_be_loaded_and_is_unchanged_if_it_could_be(text: str) -> None:
    # Half of a surrogate pair may also come as bytes.
    value = decode_json(text.encode("utf-8", "surrogatepass"))

    assert is_loadable(value)
    # Python itself takes no integer of more digits.
    said = json.loads(text, parse_int=lambda digits: digits if len(digits) > 999 else int(digits))
    if is_loadable(said) and not re.search("[0-9]{999}", text):
        # As text: 1 and 1.0 are equal, and so are -0.0 and 0.
        assert json.dumps(value) == json.dumps(said)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"\\\\u0000"', "\\u0000"),
        # Names that come out the same lose neither value.
        ('{"\\u0000": 1, "\ufffd": 2}', {"\ufffd\ufffd": 1, "\ufffd": 2}),
        ('{"\\u0000": 1, "\\ud800": 2}', {"\ufffd": 1, "\ufffd\ufffd": 2}),
        ('[{"a": 18446744073709551616}]', [{"a": "18446744073709551616"}]),
        ("9" * 400 + ".5", "9" * 400 + ".5"),
    ],
)
def test_what_no_loader_can_take_is_kept_in_another_form(text: str, value: Any) -> None:
    assert decode_json(text.encode()) == value


DATES = [
    "Fri, 31 Dec 9999 23:59:59 -2359",
    "Mon, 01 Jan 0001 00:00:00 +2359",
    "Sat, 01 Jan 0000 00:00:00 GMT",
    # Of a clock that was never set: everything would be read and sent again each time.
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "Tue, 31 Dec 2199 23:59:59 GMT",
    "Tue, 02 Jun 2026 08:49:37 +99999999",
    "Tue, 02 Jun 2026 25:61:61 GMT",
]
PARTS = st.text(st.characters(codec="latin-1"), max_size=12) | st.sampled_from(
    ["Fri,", "31", "Dec", "9999", "-1", "23:59:59", "GMT", "9" * 400]
)


@given(text=st.sampled_from(DATES) | st.lists(PARTS, max_size=6).map(" ".join))
@example("9" * 400)
# A digit, and no number.
@example("²")
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
    def odd(request: Request) -> Reply:
        reply = api.true_reply(request)
        return replace(reply, status=status, headers=reply.headers | headers)

    state, came = None, set[str]()
    instead(api, "/runs", odd)
    for number in range(3):
        api.world.put(RUNS, "proj_a", {"id": f"run_{number}"})
        api.world.advance(seconds=10)
        api.tells_time = number > 0 or "Date" not in headers
        with waiting_at_once() as clock:
            output = tap(state=state, max_attempts=2)
        assert "Traceback" not in output.stderr
        assert all(0 <= wait <= 120 for wait in clock.waits)
        state = output.state
        api.misbehave = lambda _: None
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
        # The right one is neither the first nor that of the project's own list.
        (("/projects", "/proj_b/runs"), 7_200, 0),
    ],
)
def test_the_earliest_of_several_clocks_counts(
    api: Api, wrong: str | tuple[str, ...], by: int, behind: int
) -> None:
    def late(request: Request) -> Reply:
        return replace(api.true_reply(request), moment=api.world.now + timedelta(seconds=by))

    api.world.put(RUNS, "proj_b", {"id": "run_1"})
    api.world.advance(hours=1)
    instead(api, wrong, late)
    # In their order: of what is asked for ahead, the right one may come last.
    with patch.object(prefetch, "WORTH_WAITING_SECONDS", math.inf):
        state = in_process.sync(api, streams=("runs",)).states[-1]
    part = state["bookmarks"]["runs"]["partitions"][1]
    bookmark = from_text(part["replication_key_value"])
    # An answer may take a second, and more where the machine is busy.
    assert behind <= (api.world.now - bookmark).total_seconds() < behind + 15

    api.misbehave = lambda _: None
    api.world.advance(minutes=10)
    api.world.change(RUNS, "proj_b", "run_1", status="failed")
    api.world.advance(hours=3)
    (row,) = in_process.sync(api, state, ("runs",)).rows("runs")
    assert row["status"] == "failed"
