from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.arrangement import Arrangement
from tests.support.simulation import Simulation

if TYPE_CHECKING:
    from collections.abc import Callable

    from stand_in.server import Api


@pytest.fixture
def state_after_every_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tap_dagctl.streams.kinds.PAGES_A_STATE", 1)


@pytest.fixture(params=[1, 4], ids=["one connection", "four connections"])
def odd(api: Api, request: pytest.FixtureRequest) -> Callable[..., Simulation]:
    """Makes the history of a server that is as odd as the arguments say, the newest rows first."""

    def odd(rows: int, every: float = 1, **oddities: Any) -> Simulation:
        usual = {"page_size": 500, "order_by": "created_at", "descending": True}
        arrangement = Arrangement(connections=request.param, **{**usual, **oddities})
        history = Simulation(api, arrangement)
        history.fill(rows, every)
        return history

    return odd
