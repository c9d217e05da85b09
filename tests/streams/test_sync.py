"""What a first sync and the next one ask for, and from when."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from stand_in.server import Api
    from tests.support.syncs import Tap


def test_the_second_sync_asks_from_the_bookmark_less_the_overlap(api: Api, tap: Tap) -> None:
    for project in ("proj_a", "proj_b"):
        api.world.put("runs", project, {"id": f"run_of_{project}"})
    api.world.advance(hours=1)
    first = tap()
    api.world.advance(minutes=10)
    api.world.change("runs", "proj_a", "run_of_proj_a", error_message="out of memory")
    second = tap(state=first.state)

    assert first.ids("runs") == ["run_of_proj_a", "run_of_proj_b"]
    assert second.ids("runs") == ["run_of_proj_a"]
    asked = [it.params for it in api.requests if it.path.endswith("proj_a/runs")]
    of_first = {"page": "1", "limit": "500", "include_stats": "false"}
    # 06:00 + 1 hour, less the second the answer may have taken, less 60
    assert asked == [of_first, of_first | {"updated_after": "2026-03-02T06:58:59.000000Z"}]
    assert {it.headers["authorization"] for it in api.requests} == {f"Bearer {api.world.token}"}


@pytest.mark.parametrize(("hours", "warnings"), [(1, 1), (-1, 0)])
def test_a_start_date_in_the_future_is_warned_of(
    api: Api, tap: Tap, hours: int, warnings: int
) -> None:
    start = (api.world.now + timedelta(hours=hours)).isoformat()
    output = tap(start_date=start).succeeded

    assert len(output.warnings) == warnings
    assert output.stderr.count(f"start_date {start} lies in the future: no runs") == warnings
