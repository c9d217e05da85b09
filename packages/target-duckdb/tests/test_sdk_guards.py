"""Fail when the SDK changes a private name the target touches, or a fault it works round."""

from __future__ import annotations

import inspect
import json
import logging
import re
from decimal import Decimal
from typing import Any

import pytest
from singer_sdk import Target
from singer_sdk.mapper import PluginMapper, SameRecordTransform
from singer_sdk.plugin_base import BaseSingerReader, PluginBase
from singer_sdk.singerlib.encoding import GenericSingerReader
from singer_sdk.singerlib.json import deserialize_json

from target_duckdb.reader import LineReader
from target_duckdb.singer import LinewiseTarget

_PRIVATE = sorted(
    name for name in vars(LinewiseTarget) if name in vars(Target) and re.match("_[a-z]", name)
)


def test_every_private_name_of_the_sdk_is_guarded_here() -> None:
    assert set(_PRIVATE) - {"_abc_impl"} == {
        "_handle_termination",
        "_process_activate_version_message",
        "_process_batch_message",
        "_process_record_message",
        "_process_schema_message",
        "_process_state_message",
        "_write_state_message",
    }


@pytest.mark.parametrize("name", [name for name in _PRIVATE if name != "_abc_impl"])
def test_the_sdk_calls_it_with_the_same_parameters(name: str) -> None:
    theirs, ours = (inspect.signature(getattr(it, name)) for it in (Target, LinewiseTarget))

    assert list(theirs.parameters) == list(ours.parameters)


def test_the_sdk_hands_each_message_to_one_method() -> None:
    source = inspect.getsource(BaseSingerReader.process_lines)
    for kind in ("schema", "record", "state", "activate_version", "batch"):
        assert f"self._process_{kind}_message," in source
    assert list(inspect.signature(GenericSingerReader.process_lines).parameters) == list(
        inspect.signature(LineReader.process_lines).parameters
    )


def test_the_sdk_does_with_a_record_what_the_long_way_does_or_duckdb() -> None:
    """A line that is new here may have to be done on both ways."""
    source = inspect.getsource(Target._process_record_message)
    calls = [
        "self._assert_line_requires(",
        "self._assert_sink_exists(",
        "copy.copy(",
        "stream_map.transform(",
        "self.get_sink(",
        "sink._get_context(",
        "sink._add_sdc_metadata_to_record(",
        "sink._remove_sdc_metadata_from_record(",
        "sink._validate_and_parse(",
        "sink.preprocess_record(",
        "sink._singer_validate_message(",
        "sink.tally_record_read(",
        "sink.process_record(",
        "sink.record_counter_metric.increment(",
        "sink._after_process_record(",
        "self.logger.info(",
        "self.drain_one(",
        "self._handle_max_record_age(",
    ]
    for call in calls:
        assert call in source
    assert sum(source.count(f"{it}.") for it in ("self", "sink", "stream_map")) == 26


def test_the_map_that_changes_nothing_changes_nothing() -> None:
    record = {"a": 1, "b": {"c": [1]}}
    same = SameRecordTransform("it", {"properties": {}}, [], None)

    assert same.transform(record) is record
    assert not same.flattening_enabled
    assert PluginMapper({}, logging.getLogger()).default_mapper_type is SameRecordTransform


def test_the_sdk_still_loads_what_came_under_an_old_schema_late() -> None:
    """When this fails, `_process_schema_message` may not need to load first."""
    source = inspect.getsource(Target.get_sink)
    assert "self._sinks_to_clear.append(self._sinks_active.pop(stream_name))" in source
    assert "self.drain" not in source


def test_the_sdk_still_counts_what_waits_to_an_older_version() -> None:
    """When this fails, `_process_activate_version_message` may not be needed any more."""
    assert "self.drain" not in inspect.getsource(Target._process_activate_version_message)


def test_the_sdk_still_leaves_maps_out_of_batch_files() -> None:
    """When this fails, `_process_batch_message` may not be needed any more."""
    assert "transform" not in inspect.getsource(Target._process_batch_message)


def test_the_sdk_still_cannot_write_the_decimals_it_reads() -> None:
    """When this fails, `_write_state_message` may not be needed any more."""
    state: Any = deserialize_json('{"at": 0.5}')

    assert state == {"at": Decimal("0.5")}
    assert "json.dumps(state)" in inspect.getsource(Target._write_state_message)
    with pytest.raises(TypeError):
        json.dumps(state)


def test_the_sdk_hands_a_state_on_when_all_is_loaded() -> None:
    source = inspect.getsource(Target.drain_all)

    assert source.index("self._drain_all(self._sinks_to_clear, 1)") < source.index(
        "self._drain_all(self._sinks_active.values(), self.max_parallelism)"
    )
    assert source.index("self._sinks_active.values(), self.max") < source.index(
        "self._write_state_message(copy.deepcopy(self._latest_state))"
    )
    assert "self._latest_state = state" in inspect.getsource(Target._process_state_message)


def test_the_sdk_still_loads_at_a_signal_and_ends_with_0() -> None:
    """When this fails, `_handle_termination` may not be needed any more."""
    assert "self.drain_all(is_endofpipe=True)" in inspect.getsource(Target._handle_termination)
    assert "sys.exit(0)" in inspect.getsource(PluginBase._handle_termination)
    assert "signal.signal(signal.SIGTERM, self._handle_termination)" in inspect.getsource(
        PluginBase._setup_signal_handlers
    )
