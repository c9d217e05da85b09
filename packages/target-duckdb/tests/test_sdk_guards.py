"""Fail when the SDK changes a private name the target touches, or a fault it works round."""

from __future__ import annotations

import inspect
import logging
import re
from typing import Any

import pytest
from singer_sdk import Target
from singer_sdk.mapper import PluginMapper, SameRecordTransform
from singer_sdk.plugin_base import PluginBase

from target_duckdb.singer import LinewiseTarget


def test_private_names_of_the_sdk_are_these_with_the_same_parameters() -> None:
    private = {it for it in vars(LinewiseTarget) if it in vars(Target) and re.match("_[a-z]", it)}
    assert private - {"_abc_impl"} == {
        *(f"_process_{it}_message" for it in ("activate_version", "batch", "record", "schema")),
        *("_process_state_message", "_write_state_message", "_handle_termination"),
    }
    for name in private - {"_abc_impl"}:
        theirs, ours = (inspect.signature(getattr(it, name)) for it in (Target, LinewiseTarget))
        assert [*theirs.parameters] == [*ours.parameters]


def test_the_sdk_does_with_a_record_what_the_long_way_does_or_duckdb() -> None:
    """A line that is new here may have to be done on both ways."""
    source = inspect.getsource(Target._process_record_message)
    found = re.findall(r"\b(?:self|sink|stream_map)\.\w+(?:\.\w+)*\(", source)
    assert {it.removesuffix("(") for it in found} == {
        *("self._assert_line_requires", "self._assert_sink_exists", "stream_map.transform"),
        *("self.get_sink", "sink._get_context", "sink._add_sdc_metadata_to_record"),
        *("sink._remove_sdc_metadata_from_record", "sink._validate_and_parse"),
        *("sink.preprocess_record", "sink._singer_validate_message", "sink.tally_record_read"),
        *("sink.process_record", "sink.record_counter_metric.increment"),
        *("sink._after_process_record", "self.logger.info", "self.drain_one"),
        "self._handle_max_record_age",
    }


def test_the_map_that_changes_nothing_is_the_one_that_a_stream_has_by_default() -> None:
    assert PluginMapper({}, logging.getLogger()).default_mapper_type is SameRecordTransform


@pytest.mark.parametrize(
    ("theirs", "pattern"),
    [
        # What came under an old schema is loaded late: `_process_schema_message` loads it first.
        (Target.get_sink, r"^(?!.*self\.drain).*self\._sinks_to_clear\.append\("),
        # What waits counts to an older version: so `_process_activate_version_message` loads it.
        (Target._process_activate_version_message, r"^(?!.*self\.drain)"),
        # Maps are left out: `_process_batch_message` applies them.
        (Target._process_batch_message, "^(?!.*transform)"),
        # Its encoder does not know decimals: so there is `_write_state_message`.
        (Target._write_state_message, r"json\.dumps\(state\)"),
        # A state is handed on when all is loaded, in this order.
        (
            Target.drain_all,
            r"_drain_all\(self\._sinks_to_clear.*_drain_all\(.*_write_state_message",
        ),
        (Target._process_state_message, r"self\._latest_state = state"),
        # At a signal it loads, and ends with 0: so there is `_handle_termination`.
        (Target._handle_termination, r"self\.drain_all\(is_endofpipe=True\)"),
        (PluginBase._setup_signal_handlers, r"SIGTERM, self\._handle_termination\)"),
    ],
)
def test_the_sdk_still_does_what_the_target_works_round(theirs: Any, pattern: str) -> None:
    assert re.search(pattern, inspect.getsource(theirs), re.DOTALL)
