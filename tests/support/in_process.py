"""Runs the tap in the test's own process, where its clock can be changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_dagctl.errors import TapError
from tap_dagctl.tap import TapDagctl
from tests.support import troubleshooting
from tests.support.simulation import Collector, handlers_kept
from tests.support.syncs import config_of

if TYPE_CHECKING:
    from stand_in.server import Api


def sync(api: Api, state: dict[str, Any] | None = None, **settings: Any) -> Collector:
    """Sync, and return what came."""
    pipe = Collector(None)
    config = config_of(api, **settings)
    try:
        with handlers_kept():
            TapDagctl(config=config, state=state, message_writer=pipe).sync_all()
    except TapError as error:
        troubleshooting.check(str(error).splitlines())
        raise
    return pipe


def runs(pipe: Collector) -> list[dict[str, Any]]:
    return [row for name, row in pipe.records if name == "runs"]
