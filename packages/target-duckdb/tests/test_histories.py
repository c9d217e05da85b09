"""What must hold for every input: the tables are what a reader of the messages would remember."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.support.histories import Stream, equal, histories, same
from tests.support.program import Loader, Message

History = tuple[list[Stream], list[Message]]

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
    streams, messages = history
    flags = {it: data.draw(st.booleans()) for it in ("validate_records", "add_record_metadata")}
    size = data.draw(st.sampled_from([1, 2, 5, 1000]))
    style = data.draw(st.sampled_from(_STYLES))
    rest = data.draw(st.sampled_from([{}, {"time_extracted": "2026-03-02T05:59:30Z"}]))
    messages = [it | rest if it["type"] == "RECORD" else it for it in messages]
    place = data.draw(st.integers(0, len(messages) - 1))
    with tempfile.TemporaryDirectory() as directory:
        loader = Loader(Path(directory), batch_size_rows=size, **flags)
        loader.load(map(style, messages[:place]))
        run = loader.load([*map(style, _going_on(messages, place)), ""])

        assert run.states[-1] == {"at": "end"}
        for stream in streams:
            found = stream.found(loader.rows(stream.name))
            assert same(found, stream.expected()), (found, stream.expected())


@given(history=histories(), data=st.data())
def test_killed_at_any_moment_the_tables_and_the_last_state_belong_together(
    history: History, data: Any
) -> None:
    streams, messages = history
    numbered: list[Message] = []
    for place, message in enumerate(messages, start=1):
        numbered += [message, {"type": "STATE", "value": {"place": place}}]
    with tempfile.TemporaryDirectory() as directory:
        loader = Loader(Path(directory), batch_size_rows=data.draw(st.sampled_from([1, 3])))
        place = 0
        # As soon as there is a file, or at any other time.
        moments = st.lists(st.none() | st.floats(0.0, 0.25), min_size=1, max_size=3)
        for seconds in data.draw(moments):
            process = loader.start(_going_on(numbered, 2 * place))
            while seconds is None and process.is_alive() and not loader.file.exists():
                pass
            time.sleep(seconds or 0.0)
            process.kill()
            states = loader.end(process).states
            place = max([place, *(it["place"] for it in states if "place" in it)])
        run = loader.run_one_way(_going_on(numbered, 2 * place))
        assert run.exit_code == 0, run.stderr

        for stream in streams:
            found, expected = stream.found(loader.rows(stream.name)), stream.expected()
            if stream.keys:
                assert same(found, expected), (found, expected)
            else:
                # What came after the last state comes once more.
                assert all(any(equal(it, row) for it in found) for row in expected)
                assert all(any(equal(it, row) for row in expected) for it in found)
