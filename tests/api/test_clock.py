"""The server's clock is the earliest that its answers tell: one `Date` ahead hides no change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from typing_extensions import override

from stand_in.world import RUNS, from_text
from tap_dagctl import timestamps
from tap_dagctl.api import client, request
from tap_dagctl.settings import Settings
from tests.support.in_process import runs, sync
from tests.support.syncs import config_of

if TYPE_CHECKING:
    from stand_in.server import Api, Reply, Request

# An answer may take a second, and more where the machine is busy.
TOLERANCE = timedelta(seconds=15)


@dataclass(frozen=True)
class AskedAt(request.Request["int | None"]):
    """When a request was sent, by the server's clock."""

    @override
    def read(self, answer: request.Answer) -> int | None:
        return answer.asked_at


def shift_clock(api: Api, by: timedelta, *endings: str) -> None:
    """Let the `Date` of the answers to these paths be ahead by so much."""

    def misbehave(request: Request) -> Reply | None:
        if not request.path.endswith(endings):
            return None
        return replace(api.true_reply(request), moment=api.world.now + by)

    api.misbehave = misbehave


def test_where_two_answers_differ_by_more_than_a_minute_the_earlier_counts(api: Api) -> None:
    asked = client.Client(Settings.from_config(config_of(api), version="0"))

    def ahead(hours: float) -> float:
        shift_clock(api, timedelta(hours=hours), "projects")
        moment = asked.get(AskedAt("/projects"))
        assert moment is not None
        return moment / timestamps.NANOSECONDS - api.world.now.timestamp()

    near = TOLERANCE.total_seconds()
    assert ahead(0) == pytest.approx(0, abs=near)
    # Clocks of two servers may differ a little.
    assert ahead(40 / 3_600) == pytest.approx(40, abs=near)
    assert ahead(2) == pytest.approx(0, abs=near)
    assert ahead(-3) == pytest.approx(-3 * 3_600, abs=near)
    assert ahead(0) == pytest.approx(-3 * 3_600, abs=near)


# The projects' list comes before the first page.
@pytest.mark.parametrize("wrong", [("/runs",), ("/projects",)])
def test_one_clock_that_is_ahead_does_not_move_the_bookmark_ahead(
    api: Api, wrong: tuple[str, ...]
) -> None:
    api.world.put(RUNS, "proj_a", {"id": "run_1"})
    api.world.advance(hours=1)
    shift_clock(api, timedelta(hours=2), *wrong)
    first = sync(api, streams=("runs",))
    state = first.states[-1]
    for part in state["bookmarks"]["runs"]["partitions"]:
        behind = api.world.now - from_text(part["replication_key_value"])
        assert timedelta() <= behind < TOLERANCE

    api.misbehave = lambda _: None
    api.world.advance(minutes=10)
    api.world.change(RUNS, "proj_a", "run_1", status="failed")
    api.world.advance(hours=3)
    assert [row["status"] for row in runs(sync(api, state, ("runs",)))] == ["failed"]
