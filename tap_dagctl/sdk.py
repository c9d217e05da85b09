"""Every private name of the SDK that the tap touches, each with its reason.

`tests/test_sdk_guards.py` fails when the SDK changes one of them.
"""

from __future__ import annotations

import sys
from abc import abstractmethod
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from singer_sdk import Stream, Tap
from singer_sdk.cli import plugin_cli
from singer_sdk.configuration._dict_config import parse_environment_config
from singer_sdk.helpers._catalog import get_selected_schema
from singer_sdk.mapper import CustomStreamMap, SameRecordTransform
from singer_sdk.plugin_base import PluginBase

from tap_dagctl import environment, logs
from tap_dagctl.errors import ConfigurationError, OutputError, Stopped, one_line
from tap_dagctl.output import Output, abandon
from tap_dagctl.records import as_dict

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence
    from types import FrameType

    import click
    from singer_sdk.helpers._batch import BaseBatchFileEncoding, BatchConfig
    from singer_sdk.helpers.types import Context
    from singer_sdk.singerlib import RecordMessage

    from tap_dagctl.records import Record


class PagewiseStream(Stream):
    """A stream that comes in pages, and writes its bookmark itself, when a walk is complete."""

    @abstractmethod
    def record_pages(self, context: Context | None) -> Iterator[Sequence[Record]]:
        """Yield the records of `context`, some at a time."""

    @override
    def get_records(self, context: Context | None) -> Iterator[dict[str, Any]]:
        for records in self.record_pages(context):
            yield from map(as_dict, records)

    @override
    def _sync_records(
        self, context: Context | None = None, *, write_messages: bool = True
    ) -> Generator[dict[str, Any], Any, Any]:
        """Sync page by page where the SDK would write each record as it is, else as the SDK does.

        What the SDK does for each record (singer_sdk/streams/core.py, `_sync_records`) takes
        several times as long as fetching and encoding it; there is no public way round it. Nothing
        is yielded page by page: `Stream.sync` throws it away.
        """
        writer = self._tap.message_writer
        if write_messages and context and self._are_records_final and isinstance(writer, Output):
            self._sync_pages(context, writer)
            return
        records = super()._sync_records(context, write_messages=write_messages)
        if write_messages:
            yield from records
            return
        # The SDK would write into a BATCH file what is not selected, and what no map has seen.
        if len(self.stream_maps) > 1:
            msg = f"stream_maps: with batch_config there can be no copy (__source__) of {self.name}"
            raise ConfigurationError(msg)
        for record in records:
            for message in self._generate_record_messages(record):
                yield message.record

    @property
    def _are_records_final(self) -> bool:
        """Whether selection, maps, flattening, a catalog and `--test` leave records as they are."""
        (first, *others) = self.stream_maps
        return (
            self.selected
            and self.ABORT_AT_RECORD_COUNT is None
            and not self.child_streams
            and not others
            and type(first) is SameRecordTransform
            and not first.flattening_enabled
            and self.effective_schema == self.schema
            and all(self.mask["properties", name] for name in self.schema["properties"])
        )

    def _sync_pages(self, context: Context, writer: Output) -> None:
        record_counter, timer = self.get_record_counter(), self.get_sync_timer()
        (stream_map,) = self.stream_maps
        since_state = 0
        with record_counter, timer:
            record_counter.with_context(context)
            timer.with_context(context)
            self._write_starting_replication_value(context)
            for records in self.record_pages(context):
                if since_state >= self.STATE_MSG_FREQUENCY:
                    # Not before the next page is asked for: then the state knows of this one.
                    since_state = 0
                    self._write_state_message()
                writer.write_records(stream_map.stream_alias, records, self._stream_version)
                record_counter.increment(len(records))
                self.state_manager.is_flushed = False
                since_state += len(records)
            self._finalize_state(self.get_context_state(context))
        self._write_state_message()

    @override
    def get_batches(
        self, batch_config: BatchConfig, context: Context | None = None
    ) -> Iterator[tuple[BaseBatchFileEncoding, list[str]]]:
        try:
            yield from super().get_batches(batch_config, context)
        except (ImportError, OSError, ValueError) as error:
            root = one_line(batch_config.storage.root)
            msg = f"batch_config: no file can be written to {root}: {one_line(repr(error))}"
            raise OutputError(msg) from None

    @override
    def _generate_record_messages(
        self, record: dict[str, Any]
    ) -> Generator[RecordMessage, None, None]:
        """Make the messages of a record, or say that a map cannot; the SDK lets any error through.

        Raises:
            ConfigurationError: an expression of a stream map failed.
        """
        try:
            yield from super()._generate_record_messages(record)
        except RecursionError:
            raise  # what is nested too deeply has a line of its own
        except Exception as error:
            if not any(isinstance(stream_map, CustomStreamMap) for stream_map in self.stream_maps):
                raise
            why = one_line(repr(error))
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
    def get_replication_key_signpost(self, context: Context | None = None) -> None:
        """Return None: the SDK's ceiling is this machine's clock, which may be wrong."""

    @override
    def _increment_stream_state(
        self,
        latest_record: dict[str, Any],
        *,
        context: Context | None = None,
    ) -> None:
        """Leave the bookmark alone.

        The SDK would compare the records' times as strings and, when only rows older than the
        bookmark come (the overlap), move it back (singer_sdk/helpers/_state.py,
        `increment_state` and `finalize_state_progress_markers`). There is no public switch.
        """

    @override
    def compare_start_date(self, value: str, start_date_value: str) -> str:
        """Return the bookmark: `bookmark.updated_after` weighs it against `start_date`.

        The SDK's comparison raises on a bookmark or a `start_date` it cannot parse.
        """
        return value


class InterruptibleTap(Tap):
    """A tap that ends at a signal with a last state, and an exit code that says so.

    Attributes:
        variables: by setting, those of the environment that settings were read from.
    """

    message_writer_class = Output
    variables: Mapping[str, str] = MappingProxyType({})
    # What no capability names, and streams heed all the same.
    hidden_settings: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    _interrupted = False

    @property
    @override
    def _env_var_config(self) -> dict[str, Any]:
        """The settings in the environment, each of its kind, or an error that names the variable.

        The SDK has no public place for that. Its own reader finds the texts, those in `.env` too.
        """
        self.append_builtin_config(self.config_jsonschema)
        schemas = {**self.config_jsonschema["properties"], **self.hidden_settings}
        texts = {name: {"type": ["string"]} for name in schemas}
        found = parse_environment_config({"properties": texts}, self._env_var_prefix)
        self.variables = {name: f"{self._env_var_prefix}{name.upper()}" for name in found}
        values = {
            name: environment.value_of(text, schemas[name]["type"], self.variables[name])
            for name, text in found.items()
        }
        return {name: value for name, value in values.items() if value is not None}

    @plugin_cli
    @override
    def cli(cls) -> click.Command:  # noqa: N805 - the SDK calls it with the class
        """The command, after logging has been set up; see the SDK.

        Raises:
            ConfigurationError: the environment asks for what logging cannot do.
        """
        with logs.set_up((f"{cls._env_var_prefix}LOGLEVEL", "LOGLEVEL")):
            return super().cli

    @override
    def setup_mapper(self) -> None:
        """Make the maps of what is selected, from the streams as the catalog has left them.

        The SDK makes them from the catalog alone: of a stream that is not selected, which has no
        field there, not even its key; of one that is not listed, none.
        """
        PluginBase.setup_mapper(self)
        for stream in self.streams.values():
            if stream.selected:
                schema = get_selected_schema(stream.name, stream.effective_schema, stream.mask)
                self.mapper.register_raw_stream_schema(stream.name, schema, stream.primary_keys)
            else:
                plain = SameRecordTransform(
                    stream.name,
                    stream.schema,
                    stream.primary_keys,
                    flattening_options=self.mapper.flattening_options,
                )
                self.mapper.stream_maps[stream.name] = [plain]

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """End with an exit code that tells the signal.

        The SDK registers this for SIGINT and SIGTERM before the tap is whole, ends with 0, and
        writes the state even into a line that is only half written.

        Raises:
            Stopped: at once, or when the line that is being written is whole.
        """
        if self._interrupted:
            # Whoever asks twice does not want to wait for a target that reads no more.
            abandon()
            raise Stopped(signum)
        self._interrupted = True
        writer = getattr(self, "message_writer", None)
        stop = partial(self._stop, signum)
        if isinstance(writer, Output):
            writer.between_lines(stop)
        else:
            stop()

    def _stop(self, signum: int) -> NoReturn:
        # There is none in discovery, nor while the tap is set up. With files, the state is ahead of
        # what was announced: the rows of the file that is being written would be lost.
        state = getattr(self, "state", None)
        if state and not self.config.get("batch_config"):
            self.state_writer.write_state(state)
        raise Stopped(signum)
