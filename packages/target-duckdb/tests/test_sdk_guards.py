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


def test_private_names_of_the_sdk_are_these_with_the_same_parameters() -> None:
    private = {it for it in vars(LinewiseTarget) if it in vars(Target) and re.match("_[a-z]", it)}
    assert private - {"_abc_impl"} == {
        *(f"_process_{it}_message" for it in ("activate_version", "batch", "record", "schema")),
        *("_process_state_message", "_write_state_message", "_handle_termination"),
    }
    pairs = [(getattr(Target, it), getattr(LinewiseTarget, it)) for it in private - {"_abc_impl"}]
    for theirs, ours in (*pairs, (GenericSingerReader.process_lines, LineReader.process_lines)):
        assert [*inspect.signature(theirs).parameters] == [*inspect.signature(ours).parameters]


def test_the_sdk_hands_each_message_to_one_method() -> None:
    source = inspect.getsource(BaseSingerReader.process_lines)
    for kind in ("schema", "record", "state", "activate_version", "batch"):
        assert f"self._process_{kind}_message," in source


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


def test_the_map_that_changes_nothing_changes_nothing() -> None:
    record = {"a": 1, "b": {"c": [1]}}
    same = SameRecordTransform("it", {"properties": {}}, [], None)

    assert same.transform(record) is record
    assert not same.flattening_enabled
    assert PluginMapper({}, logging.getLogger()).default_mapper_type is SameRecordTransform


def test_the_sdk_still_cannot_write_the_decimals_it_reads() -> None:
    """When this fails, `_write_state_message` may not be needed any more."""
    state: Any = deserialize_json('{"at": 0.5}')

    assert state == {"at": Decimal("0.5")}
    with pytest.raises(TypeError):
        json.dumps(state)


@pytest.mark.parametrize(
    ("theirs", "lines"),
    [
        # What came under an old schema is loaded late: `_process_schema_message` loads it first.
        (
            Target.get_sink,
            ["self._sinks_to_clear.append(self._sinks_active.pop(stream_name))", "!self.drain"],
        ),
        # What waits counts to an older version: so `_process_activate_version_message` loads it.
        (Target._process_activate_version_message, ["!self.drain"]),
        # Maps are left out: `_process_batch_message` applies them.
        (Target._process_batch_message, ["!transform"]),
        # Its encoder does not know decimals: so there is `_write_state_message`.
        (Target._write_state_message, ["json.dumps(state)"]),
        # A state is handed on when all is loaded, in this order.
        (
            Target.drain_all,
            [
                "self._drain_all(self._sinks_to_clear, 1)",
                "self._drain_all(self._sinks_active.values(), self.max_parallelism)",
                "self._write_state_message(copy.deepcopy(self._latest_state))",
            ],
        ),
        (Target._process_state_message, ["self._latest_state = state"]),
        # At a signal it loads, and ends with 0: so there is `_handle_termination`.
        (Target._handle_termination, ["self.drain_all(is_endofpipe=True)"]),
        (PluginBase._handle_termination, ["sys.exit(0)"]),
        (
            PluginBase._setup_signal_handlers,
            ["signal.signal(signal.SIGTERM, self._handle_termination)"],
        ),
    ],
)
def test_the_sdk_still_does_what_the_target_works_round(theirs: Any, lines: list[str]) -> None:
    source = inspect.getsource(theirs)
    places = [source.find(line) for line in lines if not line.startswith("!")]

    assert -1 not in places
    assert places == sorted(places)
    assert not [line for line in lines if line.startswith("!") and line[1:] in source]
