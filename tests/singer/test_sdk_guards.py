"""Fail when the SDK changes a private name the tap touches, or a fault the tap works round."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from singer_sdk import Stream, Tap, metrics
from singer_sdk.configuration._dict_config import parse_environment_config
from singer_sdk.helpers._state import _find_in_partitions_list, increment_state
from singer_sdk.mapper import PluginMapper
from singer_sdk.plugin_base import PluginBase
from singer_sdk.streams._state import StreamStateManager

from tap_dagctl.tap import TapDagctl


@pytest.mark.parametrize(
    ("function", "lines"),
    [
        # `test_output.py` compares what comes out; this names what `PagewiseStream` touches.
        (
            Stream._sync_records,
            """
            self._write_starting_replication_value(current_context)
            self._write_record_message(record)
            % self.STATE_MSG_FREQUENCY == 0
            self._finalize_state(state)
            self._write_state_message()
            record_counter.increment()
            self._increment_stream_state(record, context=current_context)
            self.get_sync_timer()
            """,
        ),
        # Whatever is yielded is thrown away, and a schema is written for each context.
        (
            Stream.sync,
            """
            for _ in self._sync_records(context=context):
            self._write_schema_message()
            """,
        ),
        # When this fails, `PagewiseStream` need not sync children itself.
        (
            Stream._process_record,
            """
            if self.stream_maps[0].get_filter_result(record):
            self._sync_children(copy.copy(context))
            """,
        ),
        (
            Stream._generate_record_messages,
            """
            stream_map.transform(record)
            version=self._stream_version
            time_extracted=utc_now()
            """,
        ),
        # When this fails, `InterruptibleTap.setup_mapper` may not be needed any more.
        (Tap.setup_mapper, "register_raw_streams_from_catalog(self.catalog)"),
        (PluginMapper.register_raw_streams_from_catalog, "get_selected_schema("),
        (PluginBase.__init__, "config_dict.update(self._env_var_config)"),
        # The SDK sets logging up as the command is made.
        (PluginBase.__dict__["cli"].method, "_setup_console_logging(log_level="),
        # When these fail, `InterruptibleTap` may not be needed any more.
        (
            PluginBase._setup_signal_handlers,
            "signal.signal(signal.SIGTERM, self._handle_termination)",
        ),
        (PluginBase._handle_termination, "sys.exit(0)"),
        # When these fail, `SparingStateWriter` may be passed by.
        (Stream._write_state_message, "self._tap.state_writer.write_state("),
        (Tap.__dict__["state_writer"].fget, "return self._state_writer"),
        (Tap.sync_all, "self._state_writer.write_state(self.state)"),
        # It moves a bookmark back. When this fails, `PagewiseStream` may not be needed.
        (increment_state, "progress_dict = stream_or_partition_state[PROGRESS_MARKERS]"),
        # When these fail, `IndexedStateManager` may not be needed.
        (_find_in_partitions_list, "for partition_state in partitions"),
        (Stream.get_context_state, "self.state_manager.get_context_state("),
        # This logger tells where each project begins.
        (StreamStateManager, "self._logger = logging.getLogger("),
        (StreamStateManager, "self._logger.info("),
        # A test that stops after a record is called a failure.
        (metrics.Timer.__exit__, "Status.SUCCEEDED if exc_type is None else Status.FAILED"),
        # `Syncs` comes last, reports on the others, and writes no state of theirs.
        (Tap.sync_all, "for stream in self.streams.values():"),
        (Stream._sync_batches, "self._write_state_message()"),
    ],
)
def test_the_sdk_still_does_this_here(function: Any, lines: str) -> None:
    source = inspect.getsource(function)
    for line in lines.strip().splitlines():
        assert line.strip() in source


def test_the_sdk_leaves_numbers_of_the_environment_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """When this fails, `InterruptibleTap._env_var_config` may not be needed any more."""
    assert TapDagctl._env_var_prefix == "TAP_DAGCTL_"
    monkeypatch.setenv("TAP_DAGCTL_SECONDS", "2.5")
    for kind in ("number", "string"):
        schema = {"properties": {"seconds": {"type": [kind]}}}
        assert parse_environment_config(schema, "TAP_DAGCTL_") == {"seconds": "2.5"}
