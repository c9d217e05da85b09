"""The stream about the sync itself, written when the others are through or it ends early."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast
from uuid import uuid4

from singer_sdk import Tap
from singer_sdk.helpers.types import Context
from typing_extensions import override

from tap_dagctl import schemas, timestamps
from tap_dagctl.records.record import Record
from tap_dagctl.singer.stream import PagewiseStream
from tap_dagctl.singer.writer import Writer
from tap_dagctl.streams.base import Sync
from tap_dagctl.streams.projects import Projects


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
        sync.before_early_end = self._write_early

    def _write_early(self) -> None:
        if self.selected and not self.is_test and not self._is_written:
            self.sync()

    @override
    def record_pages(self, context: Context | None) -> Iterator[Sequence[Record]]:
        if self.is_test or self._is_written:
            return
        self._is_written = True
        with cast("Writer", self._tap.message_writer).uninterrupted():
            yield self._records()

    @override
    def _write_state_message(self) -> None:
        """Write no state.

        With `batch_config`, the state may know of rows of another stream that have not gone out
        when this is written early.
        """

    def _records(self) -> list[Record]:
        summary, client, sync_id = self._sync.summary, self._sync.client, uuid4().hex
        summary.count(client.requests, client.rows)
        bookmarks = {
            (stream, partition["context"]["project_id"]): partition.get("replication_key_value")
            for stream, state in self.tap_state.get("bookmarks", {}).items()
            for partition in state.get("partitions", ())
        }
        below = sum(part.nanoseconds for part in summary.parts if part.project_id is not None)
        return [
            {
                "sync_id": sync_id,
                "stream": part.stream,
                "project_id": part.project_id or "",
                "began_at": timestamps.render(part.started_at),
                "ended_at": timestamps.render(part.ended_at),
                "rows_read": part.rows_read,
                "rows_sent": part.rows_sent,
                "requests": part.requests,
                # The streams below the projects are read within their time.
                "seconds": (part.nanoseconds - below * (part.stream == Projects.name))
                / timestamps.NANOSECONDS,
                "error": part.error,
                "bookmark": bookmarks.get((part.stream, part.project_id or "")),
                schemas.ADDITIONAL_PROPERTIES: None,
            }
            for part in summary.parts
        ]
