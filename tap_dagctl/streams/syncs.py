"""The stream about the sync itself, written when the others are through or it ends early."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING
from uuid import uuid4

from typing_extensions import override

from tap_dagctl import schemas, timestamps
from tap_dagctl.singer.stream import PagewiseStream
from tap_dagctl.singer.writer import Writer
from tap_dagctl.streams.projects import Projects

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from singer_sdk import Tap
    from singer_sdk.helpers.types import Context

    from tap_dagctl.records.builder import Record
    from tap_dagctl.streams.base import Sync


class Syncs(PagewiseStream):
    """A stream of a project in one sync: how much of it was read, and why not all.

    It has no bookmark. The SDK syncs it last, because its name sorts last.
    """

    name = "syncs"
    schema = schemas.SYNCS
    primary_keys = ("sync_id", "stream", "project_id")
    selected_by_default = False
    _is_written = False

    def __init__(self, tap: Tap, sync: Sync) -> None:
        super().__init__(tap)
        self._sync = sync
        self._sync_id = uuid4().hex
        sync.before_early_end = self._write_early

    def _write_early(self) -> None:
        if self.selected and not self.is_tried and not self._is_written:
            self.sync()

    @override
    def record_pages(self, context: Context | None) -> Iterator[Sequence[Record]]:
        if self.is_tried or self._is_written:
            return
        self._is_written = True
        writer = self._tap.message_writer
        with writer.uninterrupted() if isinstance(writer, Writer) else nullcontext():
            yield self._records()

    @override
    def _write_state_message(self) -> None:
        """Write no state.

        With `batch_config`, the state may know of rows of another stream that have not gone out
        when this is written early.
        """

    def _records(self) -> list[Record]:
        parts, bookmarks = self._sync.summary.parts, self._bookmarks()
        self._sync.summary.count(self._sync.client.traffic)
        below = sum(part.nanoseconds for part in parts if part.project_id is not None)
        return [
            {
                "sync_id": self._sync_id,
                "stream": part.stream,
                "project_id": part.project_id or "",
                "began_at": timestamps.render(part.began),
                "ended_at": timestamps.render(part.ended),
                "rows_read": part.rows_read,
                "rows_sent": part.rows_sent,
                "requests": part.requests,
                # What is below the projects is read while they are gone through.
                "seconds": (part.nanoseconds - below * (part.stream == Projects.name))
                / timestamps.NANOSECONDS,
                "error": part.error,
                "bookmark": bookmarks.get((part.stream, part.project_id or "")),
                schemas.ADDITIONAL_PROPERTIES: None,
            }
            for part in parts
        ]

    def _bookmarks(self) -> dict[tuple[str, str], object]:
        return {
            (stream, partition["context"]["project_id"]): partition.get("replication_key_value")
            for stream, state in self.tap_state.get("bookmarks", {}).items()
            for partition in state.get("partitions", ())
        }
