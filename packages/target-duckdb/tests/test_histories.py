"""What must hold for every input: the tables are what a reader of the messages would remember."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.histories import equal, histories, same
from tests.support.program import Loader, record, schema
from tests.support.types import INTEGER

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.histories import History
    from tests.support.program import Message


# However a message is written, it is loaded.
_STYLES: list[Callable[[Message], str]] = [
    json.dumps,
    lambda it: json.dumps(it, separators=(",", ":"), ensure_ascii=False),
    lambda it: json.dumps(it, sort_keys=True),
    lambda it: "  " + json.dumps(it, indent=1).replace("\n", " "),
    lambda it: json.dumps(dict(reversed(it.items()))) + "\r",
]


def _going_on(messages: list[Message], place: int) -> list[Message]:
    """Return what a tap sends that goes on at `place`: first the schemas as they were there."""
    declared = {it["stream"]: it for it in messages[:place] if it["type"] == "SCHEMA"}
    return [*declared.values(), *messages[place:]]


@given(history=histories(), data=st.data())
def test_the_tables_hold_the_newest_record_of_every_key(history: History, data: Any) -> None:
    flags = {it: data.draw(st.booleans()) for it in ("validate_records", "add_record_metadata")}
    size = data.draw(st.sampled_from([1, 2, 5, 1000]))
    style = data.draw(st.sampled_from(_STYLES))
    rest = data.draw(st.sampled_from([{}, {"time_extracted": "2026-03-02T05:59:30Z"}]))
    messages = [it | rest if it["type"] == "RECORD" else it for it in history.messages]
    place = data.draw(st.integers(0, len(messages) - 1))
    with tempfile.TemporaryDirectory() as directory:
        loader = Loader(Path(directory), batch_size_rows=size, **flags)
        loader.load(map(style, messages[:place]))
        run = loader.load([*map(style, _going_on(messages, place)), ""])

        assert run.states[-1] == {"at": "end"}
        for stream in history.streams:
            found = stream.found(loader.rows(stream.name))
            assert same(found, stream.expected()), (found, stream.expected())


@given(history=histories(), data=st.data())
def test_killed_at_any_moment_the_tables_and_the_last_state_belong_together(
    history: History, data: Any
) -> None:
    numbered: list[Message] = []
    for place, message in enumerate(history.messages, start=1):
        numbered += [message, {"type": "STATE", "value": {"place": place}}]
    with tempfile.TemporaryDirectory() as directory:
        loader = Loader(Path(directory), batch_size_rows=data.draw(st.sampled_from([1, 3])))
        place = 0
        for seconds in data.draw(st.lists(st.floats(0.0, 0.25), min_size=1, max_size=3)):
            process = loader.start(_going_on(numbered, 2 * place))
            time.sleep(seconds)
            process.kill()
            states = loader.end(process).states
            place = max([place, *(it["place"] for it in states if "place" in it)])
        run = loader.run_one_way(_going_on(numbered, 2 * place))
        assert run.exit_code == 0, run.stderr

        for stream in history.streams:
            found, expected = stream.found(loader.rows(stream.name)), stream.expected()
            if stream.keys:
                assert same(found, expected), (found, expected)
            else:
                # What came after the last state comes once more.
                assert all(any(equal(it, row) for it in found) for row in expected)
                assert all(any(equal(it, row) for row in expected) for it in found)


@pytest.mark.parametrize("number", range(10))
def test_killed_as_soon_as_there_is_a_file_the_next_run_takes_it(
    loader: Loader, number: int
) -> None:
    messages = [schema("it", {"id": INTEGER}), record("it", {"id": number})]
    process = loader.start(messages)
    end = time.monotonic() + 120
    while not loader.file.exists():
        assert time.monotonic() < end
    process.kill()
    loader.end(process)

    assert loader.run_one_way(messages).exit_code == 0
    assert loader.rows("it") == [{"id": number}]
