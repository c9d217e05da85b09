from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stand_in.server import Api
from tests.support.odd_servers import Arrangement
from tests.support.simulation import Simulation


@pytest.fixture
def filled(api: Api, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Simulation]:
    """Makes a history of so many rows, in small pages; a state goes out after each."""
    monkeypatch.setattr("tap_dagctl.streams.kinds.PAGES_A_STATE", 1)

    def filled(rows: int = 200, **arrangement: Any) -> Simulation:
        return Simulation(api, Arrangement(**{"page_size": 20, **arrangement}), rows)

    return filled


@pytest.fixture(params=[1, 4], ids=["one connection", "four connections"])
def odd(api: Api, request: pytest.FixtureRequest) -> Callable[..., Simulation]:
    """Makes the history of a server that is as odd as the arguments say, the newest rows first."""

    def odd(rows: int, every: float = 1, **oddities: Any) -> Simulation:
        usual = {"page_size": 500, "order_by": "created_at", "descending": True}
        arrangement = Arrangement(connections=request.param, **{**usual, **oddities})
        return Simulation(api, arrangement, rows, every=every)

    return odd
