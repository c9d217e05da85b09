"""The tap with all it can offer, so that the docs leave nothing out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_dagctl.streams import STREAMS
from tap_dagctl.tap import TapDagctl

if TYPE_CHECKING:
    from tap_dagctl.singer.stream import PagewiseStream


def tap() -> TapDagctl:
    """Return a tap that offers every stream and every field."""
    return TapDagctl(config={"include_sensitive": True}, validate_config=False)


def streams() -> list[PagewiseStream]:
    """Return its streams."""
    one = tap()
    return [stream(one, one.sync) for stream in STREAMS]
