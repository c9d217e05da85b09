"""A stream about the sync itself, written when the others are through or the sync ends early."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from tap_dagctl.singer.stream import PagewiseStream
from tap_dagctl.singer.writer import Writer
from tap_dagctl.summary import Part

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from singer_sdk.helpers.types import Context

    from tap_dagctl.records.builder import Record


class ClosingStream(PagewiseStream):
    """Has no bookmark. The SDK syncs it last if its name sorts last."""

    selected_by_default = False
    _is_written = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - the SDK's own
        super().__init__(*args, **kwargs)
        self.part = Part(self.name)

    @abstractmethod
    def closing_records(self) -> list[Record]:
        """Return what there is to tell."""

    def write_early(self) -> None:
        """Write it now, unless it is not wanted or has been written."""
        if self.selected and not self.is_tried and not self._is_written:
            self.sync()

    @override
    def record_pages(self, context: Context | None) -> Iterator[Sequence[Record]]:
        if self.is_tried or self._is_written:
            return
        self._is_written = True
        writer = self._tap.message_writer
        with writer.uninterrupted() if isinstance(writer, Writer) else nullcontext():
            yield self.closing_records()

    @override
    def _write_state_message(self) -> None:
        """Write no state.

        With `batch_config`, the state may know of rows of another stream that have not gone out
        when this is written early.
        """
