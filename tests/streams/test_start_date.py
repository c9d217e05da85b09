"""A `start_date` in the future, by the server's clock, is warned of once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from stand_in.server import Api
    from tests.support.syncs import Tap


@pytest.mark.parametrize(("hours", "warnings"), [(1, 1), (24 * 400, 1), (-1, 0)])
def test_the_future_is_the_servers(api: Api, tap: Tap, hours: int, warnings: int) -> None:
    start = (api.world.now + timedelta(hours=hours)).isoformat()
    output = tap(start_date=start)

    assert output.exit_code == 0, output.stderr
    assert len(output.warnings) == warnings
    assert output.stderr.count(f"start_date {start} lies in the future: no runs") == warnings
