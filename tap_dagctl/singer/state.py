"""The SDK's handling of state, made fit for hundreds of projects.

The SDK goes through all partitions to find one, and writes the whole state after each of them: with
hundreds of projects nearly all the time goes there, and nearly all the output is STATE.
"""

from __future__ import annotations

import logging
import time
from functools import cached_property
from typing import Any, cast

import msgspec
from singer_sdk import Stream
from singer_sdk.helpers import types
from singer_sdk.helpers._state import StateWriter
from singer_sdk.singerlib.encoding.simple import StateMessage
from singer_sdk.streams._state import StreamStateManager
from typing_extensions import override

from tap_dagctl.singer.writer import Writer

# After so long a state may go out though few bytes of records have gone out since the last one.
SECONDS_BETWEEN_STATES = 60.0
# Here the SDK says, of each stream of each project, from which bookmark on it is read.
LOGGER = "tap-dagctl.bookmarks"


class SparingStateWriter(StateWriter):
    """Writes a state when as many bytes of records have gone out since the last one as it has.

    After `SECONDS_BETWEEN_STATES` it may go out sooner, as long as all states together stay below
    the records and one state. So, with the one at the end, they never weigh more than the records
    and a few states. Unless it `is_sparing`, each goes out at once.
    """

    is_sparing = True

    def __init__(self, writer: Writer) -> None:
        super().__init__(writer)
        self._writer = writer
        self._pending: types.TapState | None = None
        self._last, self._last_at = b"", time.monotonic()
        self._record_bytes_then = self._state_bytes = 0
        # The size of the state when it was last encoded.
        self._least_size = 0

    @override
    def write_state(self, state: types.TapState) -> None:
        """Write `state` now if it is worth its bytes, else with a later one or at the end."""
        if not self.is_sparing:
            super().write_state(state)
            return
        self._pending = state
        since = self._writer.record_bytes - self._record_bytes_then
        may_be_early = self.is_late and self._state_bytes <= self._writer.record_bytes
        if since < self._least_size and not may_be_early:
            return
        encoded = msgspec.json.encode(state)
        self._least_size = len(encoded)
        if encoded != self._last and (since >= len(encoded) or may_be_early):
            self._write(state, encoded)

    @property
    def is_late(self) -> bool:
        return time.monotonic() - self._last_at >= SECONDS_BETWEEN_STATES

    def write_pending(self) -> None:
        """Write the state that waits, or else the last one again where records have followed it."""
        if self._pending is not None:
            self.write_now(self._pending)
        elif self._last and self._has_record_followed:
            self._write(msgspec.json.decode(self._last), self._last)

    def write_now(self, state: types.TapState) -> None:
        """Write `state`, unless the last message was the same.

        Some targets, such as target-jsonl, hand on a state only if no record follows it.
        """
        encoded = msgspec.json.encode(state)
        if encoded != self._last or self._has_record_followed:
            self._write(state, encoded)

    @property
    def _has_record_followed(self) -> bool:
        return self._writer.record_bytes > self._record_bytes_then

    def _write(self, state: types.TapState, encoded: bytes) -> None:
        self._pending = None
        self._writer.write_message(StateMessage(value=state))
        self._last, self._last_at = encoded, time.monotonic()
        self._record_bytes_then = self._writer.record_bytes
        self._state_bytes += len(encoded)


class IndexedStateManager(StreamStateManager):
    """Finds the state of a project at once."""

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - the SDK's own
        super().__init__(**kwargs)
        # The SDK would log a line for each project to the stream's own logger.
        self._logger = logging.getLogger(LOGGER)

    @override
    def get_context_state(self, context: types.Context | None) -> dict[str, Any]:
        if not context:
            return super().get_context_state(context)
        project_id = context["project_id"]
        if project_id not in self._index:
            self._index[project_id] = {"context": dict(context)}
            self.stream_state.setdefault("partitions", []).append(self._index[project_id])
        return self._index[project_id]

    def copy_of_context_state(self, context: types.Context) -> dict[str, Any]:
        """Return the state of `context` to look at; none is made if there is none."""
        return dict(self._index.get(context["project_id"], {}))

    @cached_property
    def _index(self) -> dict[str, dict[str, Any]]:
        partitions = self.stream_state.setdefault("partitions", [])
        return {partition["context"]["project_id"]: partition for partition in partitions}


class StateStream(Stream):
    """A stream that writes its bookmark itself, when a walk is complete."""

    @cached_property
    @override
    def state_manager(self) -> IndexedStateManager:
        return IndexedStateManager(
            tap_name=self.tap_name, stream_name=self.name, tap_state=self._tap_state
        )

    @property
    def _states(self) -> SparingStateWriter:
        return cast("SparingStateWriter", self._tap.state_writer)

    @override
    def get_replication_key_signpost(self, context: types.Context | None = None) -> None:
        """Return None: the SDK's ceiling is this machine's clock, which may be wrong."""

    @override
    def _increment_stream_state(
        self, latest_record: dict[str, Any], *, context: types.Context | None = None
    ) -> None:
        """Leave the bookmark alone.

        The SDK would compare the records' times as strings and, when only rows older than the
        bookmark come (the overlap), move it back (singer_sdk/helpers/_state.py,
        `increment_state` and `finalize_state_progress_markers`). There is no public switch.
        """

    @override
    def compare_start_date(self, value: str, start_date_value: str) -> str:
        """Return the bookmark, which `Bookmark.cursor` weighs against `start_date`.

        The SDK's comparison raises on a bookmark or a `start_date` it cannot parse.
        """
        return value
