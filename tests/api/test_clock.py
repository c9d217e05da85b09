"""The server's clock is the earliest that its answers tell: one `Date` ahead hides no change."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from stand_in.world import RUNS, from_text
from tests.support.in_process import sync

if TYPE_CHECKING:
    from stand_in.server import Api, Reply, Request

# An answer may take a second, and more where the machine is busy.
TOLERANCE = timedelta(seconds=15)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("wrong", "by", "behind"),
    [
        # The projects' list comes before the first page.
        ("/runs", 2 * HOUR, 0 * HOUR),
        ("/projects", 2 * HOUR, 0 * HOUR),
        ("/runs", -3 * HOUR, 3 * HOUR),
        ("/projects", -3 * HOUR, 3 * HOUR),
        # Clocks of two servers may differ a little.
        ("/runs", timedelta(seconds=40), timedelta(seconds=-40)),
    ],
)
def test_the_earlier_of_two_clocks_counts(
    api: Api, wrong: str, by: timedelta, behind: timedelta
) -> None:
    def misbehave(request: Request) -> Reply | None:
        if not request.path.endswith(wrong):
            return None
        return replace(api.true_reply(request), moment=api.world.now + by)

    api.world.put(RUNS, "proj_a", {"id": "run_1"})
    api.world.advance(hours=1)
    api.misbehave = misbehave
    state = sync(api, streams=("runs",)).states[-1]
    part = state["bookmarks"]["runs"]["partitions"][0]
    bookmark = from_text(part["replication_key_value"])
    assert timedelta() <= api.world.now - behind - bookmark < TOLERANCE

    api.misbehave = lambda _: None
    api.world.advance(minutes=10)
    api.world.change(RUNS, "proj_a", "run_1", status="failed")
    api.world.advance(hours=3)
    assert [row["status"] for row in sync(api, state, ("runs",)).rows("runs")] == ["failed"]
