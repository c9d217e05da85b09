"""The tap with all it can offer, so that the docs leave nothing out."""

from __future__ import annotations

from singer_sdk import Stream

from tap_dagctl.singer.stream import PagewiseStream
from tap_dagctl.streams import STREAMS
from tap_dagctl.tap import TapDagctl


def tap(*, include_sensitive: bool = True) -> TapDagctl:
    """Return a tap that offers every stream and every field, or what it offers by default."""
    required = {"api_token": "none", "organization_id": "none"}
    return TapDagctl(config={**required, "include_sensitive": include_sensitive})


def streams() -> list[PagewiseStream]:
    """Return its streams."""
    one = tap()
    return [stream(one, one.sync) for stream in STREAMS]


def summary(stream: Stream) -> str:
    """Return what one row of the stream is, without a full stop."""
    return (stream.__doc__ or "").splitlines()[0].rstrip(".")


def replication(stream: PagewiseStream) -> str:
    """Return how the stream is replicated and when it is read, in words."""
    if not stream.selected_by_default:
        return "appended by each sync; only if it is selected"
    text = f"incremental on `{stream.replication_key}`" if stream.replication_key else "full table"
    return f"{text}; only with `include_sensitive`" if stream.is_sensitive else text
