"""A connection that the server closed after its last answer costs nothing but a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import in_process
from tests.support.syncs import config_of, run_tap
from tests.support.waiting import waiting_at_once

if TYPE_CHECKING:
    from pathlib import Path

    from stand_in.server import Api
    from stand_in.world import World


@pytest.fixture(autouse=True)
def rows(world: World) -> None:
    for number in range(60):
        world.put("runs", "proj_a", {"id": f"run_{number}"})
    world.advance(hours=1)


@pytest.mark.parametrize(
    ("closes", "connections"),
    [("at once", 1), ("at the next request", 1), ("at the next request", 4)],
)
def test_a_closed_connection_costs_no_try(api: Api, closes: str, connections: int) -> None:
    undisturbed = in_process.sync(api, page_size=20)
    requests = len(api.requests)
    api.requests.clear()
    api.closes = closes
    with waiting_at_once() as clock:
        pipe = in_process.sync(api, page_size=20, max_attempts=1, max_connections=connections)

    assert clock.waits == []
    assert pipe.records == undisturbed.records
    assert len(api.requests) == requests


def test_nor_is_it_a_warning_with_tls(tls: Api, tmp_path: Path, trusting: dict[str, str]) -> None:
    tls.closes = "at the next request"
    output = run_tap(
        tmp_path, config_of(tls, max_attempts=1, page_size=20), environment=trusting
    ).succeeded

    assert output.warnings == []
    assert len(output.records("runs")) == 60
