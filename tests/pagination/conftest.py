from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.odd_list import OddList

if TYPE_CHECKING:
    from stand_in.server import Api


@pytest.fixture(params=[1, 4], ids=["one connection", "four connections"])
def runs(api: Api, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> OddList:
    return OddList(api, caplog, request.param)
