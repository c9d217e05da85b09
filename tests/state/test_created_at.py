"""Windows of `model_stats` begin no earlier than the project: each costs a request."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from stand_in.world import to_text
from tests.support import in_process

if TYPE_CHECKING:
    from stand_in.server import Api
    from tests.support.in_process import Collector

DAY = timedelta(days=1)
TODAY = date(2026, 3, 2)


def windows(api: Api) -> list[str]:
    path = "proj_a/model-executions/stats"
    asked = [it.params["start_date"] for it in api.requests if it.path.endswith(path)]
    api.requests.clear()
    # Where this machine is slow, windows are asked for at the same time, in any order.
    return sorted(asked)


def rows(pipe: Collector) -> list[dict[str, Any]]:
    return [row for name, row in pipe.records if name == "model_stats"]


def execute(api: Api, days_ago: int) -> None:
    start = to_text(api.world.now - timedelta(days=days_ago))
    execution = {"id": f"e{days_ago}", "model_name": "orders", "start_time": start}
    api.world.put("executions", "proj_a", execution)


@pytest.mark.parametrize("offset", ["Z", "+14:00", "-12:00"])
def test_a_start_date_long_before_the_project_asks_for_no_empty_window(
    api: Api, offset: str
) -> None:
    for days_ago in (0, 20, 45):
        execute(api, days_ago)
    created = (api.world.now - timedelta(days=45)).strftime("%Y-%m-%dT00:00:00") + offset
    api.world.projects["proj_a"].row["created_at"] = created
    first = in_process.sync(api, start_date="1970-01-01")

    assert len(asked := windows(api)) == 8
    assert asked[0] == "2026-01-12"
    assert len(rows(first)) == 3
    # From then on what late runs may change is read, as always.
    again = in_process.sync(api, first.states[-1], start_date="1970-01-01")
    assert windows(api) == ["2026-02-23", "2026-03-02"]
    assert rows(again) == []


@pytest.mark.parametrize(
    "created", [None, "", "soon", 7, "0000-00-00T00:00:00Z", "9999-12-31T23:59:59Z", ["x"]]
)
def test_where_it_is_not_known_windows_begin_as_the_settings_say(api: Api, created: object) -> None:
    execute(api, 45)
    api.world.projects["proj_a"].row["created_at"] = created
    pipe = in_process.sync(api, start_date="2025-10-01")

    assert windows(api)[0] == "2025-09-29"
    assert len(rows(pipe)) == 1


def test_a_project_that_is_older_than_was_said_is_read_from_its_beginning(api: Api) -> None:
    for days_ago in (1, 30):
        execute(api, days_ago)
    row = api.world.projects["proj_a"].row
    row["created_at"] = to_text(api.world.now - 3 * DAY)
    first = in_process.sync(api, start_date="1970-01-01")
    assert len(rows(first)) == 1
    windows(api)

    row["created_at"] = to_text(api.world.now - 31 * DAY)
    again = in_process.sync(api, first.states[-1], start_date="1970-01-01")
    assert len(rows(again)) == 1
    # And one that is said to be younger loses nothing since the last sync.
    api.world.advance(hours=24 * 21)
    execute(api, 10)
    row["created_at"] = to_text(api.world.now - DAY)
    windows(api)
    last = in_process.sync(api, again.states[-1], start_date="1970-01-01")
    assert windows(api) == ["2026-02-23", "2026-03-02", "2026-03-09", "2026-03-16", "2026-03-23"]
    assert [item["start_date"] for item in rows(last)] == ["2026-03-09"]
