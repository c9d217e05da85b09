"""Fail when the SDK changes a private name the tap touches, or a fault the tap works round."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from singer_sdk import Stream, Tap, metrics
from singer_sdk import typing as th
from singer_sdk.configuration._dict_config import parse_environment_config
from singer_sdk.helpers._catalog import get_selected_schema
from singer_sdk.helpers._state import StateWriter, _find_in_partitions_list
from singer_sdk.mapper import PluginMapper
from singer_sdk.plugin_base import PluginBase
from singer_sdk.streams._state import StreamStateManager
from typing_extensions import override

from stand_in.world import World
from tap_dagctl.singer.stream import PagewiseStream
from tap_dagctl.singer.tap import InterruptibleTap
from tap_dagctl.tap import TapDagctl

if TYPE_CHECKING:
    import pytest

    from stand_in.server import Api


def test_the_sdk_moves_the_bookmark_in_one_method_with_these_parameters() -> None:
    theirs = inspect.signature(Stream._increment_stream_state)
    ours = inspect.signature(PagewiseStream._increment_stream_state)

    assert list(theirs.parameters) == list(ours.parameters)
    assert "self._increment_stream_state(record, context=current_context)" in inspect.getsource(
        Stream._sync_records
    )


def test_the_sdk_still_moves_a_bookmark_back() -> None:
    """When this fails, `PagewiseStream` may not be needed any more."""

    class Rows(Stream):
        name = "rows"
        replication_key = "updated_at"
        schema = th.PropertiesList(th.Property("updated_at", th.DateTimeType)).to_dict()

        @override
        def get_records(self, context: Any) -> Any:
            yield {"updated_at": "2026-03-02T05:59:30Z"}

    tap = TapDagctl(
        config={"api_token": World().token, "organization_id": "org"},
        state={"bookmarks": {"projects": {}, "rows": _bookmark("2026-03-02T06:00:00Z")}},
    )
    tap.setup_mapper()
    rows = Rows(tap)
    tap.mapper.register_raw_stream_schema("rows", rows.schema, [])
    rows.sync()

    assert tap.state["bookmarks"]["rows"]["replication_key_value"] == "2026-03-02T05:59:30Z"


def _bookmark(value: str) -> dict[str, str]:
    return {"replication_key": "updated_at", "replication_key_value": value}


def test_the_hook_that_ends_a_sync_is_called_once_for_each_stream(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    monkeypatch.setattr(Stream, "log_sync_costs", lambda stream: calls.append(stream.name))
    tap = TapDagctl(
        config={
            "api_token": api.world.token,
            "organization_id": api.world.organization_id,
            "api_url": api.url,
        },
    )
    tap.sync_all()

    assert sorted(calls) == sorted(tap.streams)


def test_the_sdk_still_leaves_out_what_is_below_a_record_that_a_map_drops() -> None:
    """When this fails, `PagewiseStream` need not sync children itself."""
    theirs = inspect.signature(Stream._process_record)
    ours = inspect.signature(PagewiseStream._process_record)

    assert list(theirs.parameters) == list(ours.parameters)
    assert "if self.stream_maps[0].get_filter_result(record):" in inspect.getsource(
        Stream._process_record
    )
    assert list(inspect.signature(Stream._sync_children).parameters) == ["self", "child_context"]


def test_the_sdk_still_makes_maps_from_the_catalog_alone() -> None:
    """When this fails, `InterruptibleTap.setup_mapper` may not be needed any more."""
    assert "register_raw_streams_from_catalog(self.catalog)" in inspect.getsource(Tap.setup_mapper)
    source = inspect.getsource(PluginMapper.register_raw_streams_from_catalog)
    assert "get_selected_schema(" in source
    assert list(inspect.signature(get_selected_schema).parameters) == [
        "stream_name",
        "schema",
        "mask",
    ]


def test_the_sdk_makes_messages_of_a_record_in_one_generator() -> None:
    theirs = inspect.signature(Stream._generate_record_messages)
    ours = inspect.signature(PagewiseStream._generate_record_messages)

    assert list(theirs.parameters) == list(ours.parameters)
    assert "stream_map.transform(record)" in inspect.getsource(Stream._generate_record_messages)


def test_the_sdk_reads_the_environment_in_one_place_and_leaves_numbers_as_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """When this fails, `InterruptibleTap._env_var_config` may not be needed any more."""
    assert "config_dict.update(self._env_var_config)" in inspect.getsource(PluginBase.__init__)
    assert TapDagctl._env_var_prefix == "TAP_DAGCTL_"
    monkeypatch.setenv("TAP_DAGCTL_SECONDS", "2.5")
    for kind, value in (("number", "2.5"), ("string", "2.5")):
        schema = {"properties": {"seconds": {"type": [kind]}}}
        assert parse_environment_config(schema, "TAP_DAGCTL_") == {"seconds": value}


def test_the_sdk_sets_logging_up_as_the_command_is_made() -> None:
    assert "_setup_console_logging(log_level=" in inspect.getsource(
        PluginBase.__dict__["cli"].method
    )


def test_the_sdk_still_ends_a_signal_in_one_method_with_exit_code_0() -> None:
    """When this fails, `InterruptibleTap` may not be needed any more."""
    theirs = inspect.signature(Tap._handle_termination)
    ours = inspect.signature(InterruptibleTap._handle_termination)

    assert list(theirs.parameters) == list(ours.parameters)
    assert "signal.signal(signal.SIGTERM, self._handle_termination)" in inspect.getsource(
        PluginBase._setup_signal_handlers
    )
    assert "sys.exit(0)" in inspect.getsource(PluginBase._handle_termination)


def test_the_sdks_loop_does_what_the_page_by_page_one_does() -> None:
    """`test_fast_path.py` compares what comes out; this names what `PagewiseStream` touches."""
    theirs, source = (
        inspect.signature(Stream._sync_records),
        inspect.getsource(Stream._sync_records),
    )
    ours = inspect.signature(PagewiseStream._sync_records)

    assert list(theirs.parameters) == list(ours.parameters)
    for line in (
        "self._write_starting_replication_value(current_context)",
        "self._write_record_message(record)",
        "% self.STATE_MSG_FREQUENCY == 0",
        "self._finalize_state(state)",
        "self._write_state_message()",
        "record_counter.increment()",
    ):
        assert line in source
    message = inspect.getsource(Stream._generate_record_messages)
    assert "version=self._stream_version" in message
    assert "time_extracted=utc_now()" in message
    # Whatever is yielded is thrown away.
    assert "for _ in self._sync_records(context=context):\n                    pass" in (
        inspect.getsource(Stream.sync)
    )


def test_the_sdk_still_writes_every_state_through_the_writer_of_the_tap() -> None:
    """When this fails, `SparingStateWriter` may be passed by."""
    assert "self._tap.state_writer.write_state(" in inspect.getsource(Stream._write_state_message)
    assert "return self._state_writer" in inspect.getsource(Tap.state_writer.fget)  # type: ignore[attr-defined]
    assert "self._state_writer.write_state(self.state)" in inspect.getsource(Tap.sync_all)
    assert list(inspect.signature(StateWriter.write_state).parameters) == ["self", "state"]


def test_the_sdk_still_goes_through_all_partitions_to_find_one() -> None:
    """When this fails, `IndexedStateManager` may not be needed."""
    assert "for partition_state in partitions" in inspect.getsource(_find_in_partitions_list)
    assert "self.state_manager.get_context_state(" in inspect.getsource(Stream.get_context_state)
    named = {"tap_name", "stream_name", "tap_state"}
    assert named <= inspect.signature(StreamStateManager.__init__).parameters.keys()


def test_the_sdk_still_tells_where_each_project_begins_by_this_logger() -> None:
    source = inspect.getsource(StreamStateManager)

    assert "self._logger = logging.getLogger(" in source
    assert "self._logger.info(" in source


def test_the_sdk_still_calls_a_test_that_stops_after_a_record_a_failure() -> None:
    source = inspect.getsource(metrics.Timer.__exit__)

    assert "Status.SUCCEEDED if exc_type is None else Status.FAILED" in source
    assert "self.get_sync_timer()" in inspect.getsource(Stream._sync_records)


def test_the_sdk_still_writes_a_schema_for_each_context() -> None:
    """When this fails, `PagewiseStream` need not see to it that there is one."""
    assert "self._write_schema_message()" in inspect.getsource(Stream.sync)


def test_the_sdk_syncs_streams_by_name_so_that_what_closes_a_sync_comes_last() -> None:
    """`Syncs` reports on the others, and writes no state of theirs."""
    tap = TapDagctl(config={"include_sensitive": True}, validate_config=False)
    assert list(tap.streams)[-1] == "syncs"
    assert "for stream in self.streams.values():" in inspect.getsource(Tap.sync_all)
    assert "self._write_state_message()" in inspect.getsource(Stream._sync_batches)
    assert list(inspect.signature(Stream._write_state_message).parameters) == ["self"]
