"""What must hold for every input: the tables are what a reader of the messages would remember."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.histories import equal, histories, same
from tests.support.program import INTEGER, Loader, lines, record, schema

if TYPE_CHECKING:
    from tests.support.forks import Forks
    from tests.support.histories import History
    from tests.support.program import Message

EXAMPLES = int(os.environ.get("EXAMPLES", "15"))
_slow = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def _going_on(messages: list[Message], place: int) -> list[Message]:
    """Return what a tap sends that goes on at `place`: first the schemas as they were there."""
    declared = {it["stream"]: it for it in messages[:place] if it["type"] == "SCHEMA"}
    return [*declared.values(), *messages[place:]]


@_slow
@given(history=histories(), data=st.data())
def test_the_tables_hold_the_newest_record_of_every_key(
    many: Forks, history: History, data: Any
) -> None:
    settings = {
        "batch_size_rows": data.draw(st.sampled_from([1, 2, 5, 1000])),
        "validate_records": data.draw(st.booleans()),
    }
    style = data.draw(st.sampled_from([{}, {"separators": (",", ":"), "ensure_ascii": False}]))
    place = data.draw(st.integers(0, len(history.messages) - 1))
    with tempfile.TemporaryDirectory() as directory:
        loader = Loader(Path(directory), **settings)
        for messages in (history.messages[:place], _going_on(history.messages, place)):
            run = many.run(loader, [json.dumps(it, **style) for it in messages])
            assert run.exit_code == 0, run.stderr

        assert run.states[-1] == {"at": "end"}
        for stream in history.streams:
            found = stream.found(loader.rows(stream.name))
            assert same(found, stream.expected()), (found, stream.expected())


@_slow
@given(history=histories(), data=st.data())
def test_killed_at_any_moment_the_tables_and_the_last_state_belong_together(
    many: Forks, history: History, data: Any
) -> None:
    messages = history.messages
    numbered: list[Message] = []
    for place, message in enumerate(messages, start=1):
        numbered += [message, {"type": "STATE", "value": {"place": place}}]
    with tempfile.TemporaryDirectory() as directory:
        loader = Loader(Path(directory), batch_size_rows=data.draw(st.sampled_from([1, 3])))
        place = 0
        for seconds in data.draw(st.lists(st.floats(0.0, 0.25), min_size=1, max_size=3)):
            (loader.directory / "input").write_bytes(lines(_going_on(numbered, 2 * place)))
            pid = many.start(loader)
            time.sleep(seconds)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            states = many.wait(loader).states
            place = max([place, *(it["place"] for it in states if "place" in it)])
        run = many.run(loader, _going_on(numbered, 2 * place))
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
    many: Forks, loader: Loader, number: int
) -> None:
    messages = [schema("it", {"id": INTEGER}), record("it", {"id": number})]
    (loader.directory / "input").write_bytes(lines(messages))
    pid = many.start(loader)
    end = time.monotonic() + 120
    while not loader.file.exists():
        assert time.monotonic() < end
    # On a busy machine it may have ended by now.
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    many.wait(loader)

    assert many.run(loader, messages).exit_code == 0
    assert loader.rows("it") == [{"id": number}]
