"""A stream as the SDK wants it: every private name of its `Stream`, each with its reason.

`tests/singer/test_sdk_guards.py` fails when the SDK changes one of them.
"""

from __future__ import annotations

import logging
import sys
from abc import abstractmethod
from collections.abc import Generator, Iterator, Sequence
from typing import Any, cast

from singer_sdk import Tap, metrics
from singer_sdk.exceptions import AbortedSyncFailedException, AbortedSyncPausedException
from singer_sdk.helpers._batch import BaseBatchFileEncoding, BatchConfig
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.helpers.types import Context
from singer_sdk.mapper import CustomStreamMap, SameRecordTransform
from singer_sdk.singerlib import RecordMessage
from typing_extensions import override

from tap_dagctl.errors import ConfigurationError, OutputError, Stopped, TapError, one_line
from tap_dagctl.records.record import Record, as_dict
from tap_dagctl.singer.catalog import CatalogStream
from tap_dagctl.singer.state import StateStream
from tap_dagctl.singer.writer import Writer
from tap_dagctl.summary import Part

_OWN_PACKAGES = ("tap_dagctl", "singer_sdk", "simpleeval", "builtins")
_ENDS_OF_A_TEST = (AbortedSyncFailedException, AbortedSyncPausedException)


class _Timer(metrics.Timer):
    """Does not call it a failure that `--test` stops after a record."""

    @override
    def __exit__(self, exc_type: type[BaseException] | None, *rest: Any) -> None:  # noqa: PYI036 - handed on
        is_test = exc_type and issubclass(exc_type, _ENDS_OF_A_TEST)
        super().__exit__(None if is_test else exc_type, *rest)


class PagewiseStream(CatalogStream, StateStream):
    """A stream that comes in pages; `part` counts the records that go to the target."""

    # The SDK's would drop what a catalog does not list inside an object.
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE
    _is_schema_written = False

    def __init__(self, tap: Tap) -> None:
        super().__init__(tap)
        self.part = Part(self.name)

    @property
    def is_test(self) -> bool:
        """This is `--test`, which reads a record of each stream and stops."""
        return self.ABORT_AT_RECORD_COUNT is not None

    @abstractmethod
    def record_pages(self, context: Context | None) -> Iterator[Sequence[Record]]:
        """Yield the records of `context`, some at a time."""

    def sync_ends_early(self, error: BaseException) -> None:
        """Prepare for the end of the whole sync by an error or a signal.

        Not in the signal's handler: it may have come while a line was logged.
        """

    @override
    def get_records(self, context: Context | None) -> Iterator[dict[str, Any]]:
        for records in self.record_pages(context):
            yield from self.conversion.convert(map(as_dict, records))

    @override
    def _sync_records(
        self, context: Context | None = None, *, write_messages: bool = True
    ) -> Generator[dict[str, Any], Any, Any]:
        """Sync page by page where the SDK would write each record as it is, else as the SDK does.

        The SDK's own work for each record (singer_sdk/streams/core.py, `_sync_records`) takes
        several times as long as fetching and encoding it; there is no public way round it. Nothing
        is yielded page by page: `Stream.sync` throws it away.
        """
        records = super()._sync_records(context, write_messages=write_messages)
        try:
            if not write_messages:
                yield from self._records_of_batch(records)
            elif context and self._are_records_final:
                self._sync_pages(context)
            else:
                yield from records
        except (Exception, Stopped) as error:
            if not isinstance(error, OutputError):
                self.sync_ends_early(error)
                self._states.write_pending()
            raise

    @override
    def log_sync_costs(self) -> None:
        """Write the last state: the one public hook the SDK calls when every stream is through."""
        self._states.write_pending()
        super().log_sync_costs()

    def _records_of_batch(self, records: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Yield what is selected, as the maps leave it; the SDK would write all into the file."""
        if len(self.stream_maps) > 1:
            msg = f"stream_maps: with batch_config there can be no copy (__source__) of {self.name}"
            raise ConfigurationError(msg)
        for record in records:
            yield from (message.record for message in self._generate_record_messages(record))

    @property
    def _are_records_final(self) -> bool:
        """Selection, maps, flattening, a catalog and `--test` leave records as they are."""
        (first, *others) = self.stream_maps
        return (
            self.selected
            and not (self.is_test or self.child_streams or others or first.flattening_enabled)
            and type(first) is SameRecordTransform
            and not self.conversion.is_needed
        )

    def _sync_pages(self, context: Context) -> None:
        record_counter, timer = self.get_record_counter(), self.get_sync_timer()
        writer = cast("Writer", self._tap.message_writer)
        (stream_map,) = self.stream_maps
        since_state = 0
        with record_counter, timer:
            record_counter.with_context(context)
            timer.with_context(context)
            self._write_starting_replication_value(context)
            for records in self.record_pages(context):
                if since_state >= self.STATE_MSG_FREQUENCY or self._states.is_late:
                    # Not before the next page is asked for: then the state knows of this one.
                    since_state = 0
                    self._write_state_message()
                writer.write_records(stream_map.stream_alias, records)
                record_counter.increment(len(records))
                self.part.rows_sent += len(records)
                self.state_manager.is_flushed = False
                since_state += len(records)
            self._finalize_state(self.get_context_state(context))
        self._write_state_message()

    @override
    def _write_schema_message(self) -> None:
        """Write the schema once; the SDK writes it again for each project."""
        if not self._is_schema_written:
            self._is_schema_written = True
            super()._write_schema_message()

    @override
    def get_batches(
        self, batch_config: BatchConfig, context: Context | None = None
    ) -> Iterator[tuple[BaseBatchFileEncoding, list[str]]]:
        try:
            yield from super().get_batches(batch_config, context)
        except Exception as error:
            # Libraries for S3 and its like raise errors of their own, such as botocore's. Those of
            # a row that is read or mapped are others.
            package = type(error).__module__.partition(".")[0]
            if (
                not isinstance(error, (ImportError, OSError, ValueError))
                and package in _OWN_PACKAGES
            ):
                raise
            root = one_line(batch_config.storage.root)
            msg = f"batch_config: no file can be written to {root}: {one_line(repr(error))}"
            raise OutputError(msg) from None

    @override
    def _generate_record_messages(
        self, record: dict[str, Any]
    ) -> Generator[RecordMessage, None, None]:
        """Make the messages of a record; the SDK lets any error of a map's expression through."""
        try:
            for message in super()._generate_record_messages(record):
                self.part.rows_sent += 1
                yield message
        except RecursionError:
            raise  # `Command` explains what is nested too deeply
        except Exception as error:
            if not any(isinstance(stream_map, CustomStreamMap) for stream_map in self.stream_maps):
                raise
            # The SDK's own error says which expression, and not why.
            cause = error.__cause__ or error
            why = one_line(f"{type(cause).__name__}: {cause}")
            if getattr(cause, "name", None) == "fake":
                why += "; `fake` needs the package faker: install it beside the tap"
            msg = f"stream_maps: an expression fails on a row of {self.name}: {why}"
            raise ConfigurationError(msg) from None

    @override
    def _process_record(
        self,
        record: dict[str, Any],
        child_context: Context | None = None,
        partition_context: Context | None = None,
    ) -> None:
        """Sync what is below the record.

        The SDK leaves that out where a map drops or filters the record, so whoever did not want
        the projects in the warehouse lost all their runs. There is no public switch.
        """
        for context in self.generate_child_contexts(record=record, context=child_context):
            self._sync_children(context)

    @override
    def get_sync_timer(self) -> metrics.Timer:
        return _Timer(metrics.Metric.SYNC_DURATION, {metrics.Tag.STREAM: self.name})

    @override
    def log(self, message: str, *args: Any, level: int = logging.INFO, **kwargs: Any) -> None:
        # The SDK calls it an unhandled error when `--test` ends, or `Command` reports an error.
        is_reported = isinstance(sys.exc_info()[1], (TapError, OSError, RecursionError))
        expected = self.is_test or is_reported
        # And it says of each stream of each project that it begins.
        quiet = level == logging.INFO or (level == logging.ERROR and expected)
        super().log(message, *args, level=logging.DEBUG if quiet else level, **kwargs)
