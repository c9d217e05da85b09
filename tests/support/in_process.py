"""Runs the tap in the test's own process, and collects what it sends."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from logging.handlers import BufferingHandler
from typing import Any
from unittest.mock import Mock, patch

from singer_sdk.singerlib.encoding.simple import Message, RecordMessage, StateMessage
from typing_extensions import override

from stand_in.server import Api, Request
from stand_in.world import Row
from tap_dagctl.errors import TapError
from tap_dagctl.records.record import Record, as_dict
from tap_dagctl.singer.writer import Writer
from tap_dagctl.tap import TapDagctl
from tests.support import troubleshooting
from tests.support.syncs import Json, config_of, handlers_kept, join_prefetch


class Killed(BaseException):
    """The end of a process that had no time to do anything more."""


class Collector(Writer):
    """The pipe to a loader, cut off after so many messages.

    Attributes:
        last_words: called then, where the tap may still write its state.
        warnings: what the tap logged of warnings and errors.
        requests: what it asked for.
    """

    def __init__(self, most: int | None) -> None:
        super().__init__()
        self.last_words: Callable[[], Mapping[str, Any]] | None = None
        self.is_killed = False
        self._left = math.inf if most is None else most
        self.records: list[tuple[str, Row]] = []
        self.states: list[dict[str, Any]] = []
        self.warnings: list[str] = []
        self.requests: list[Request] = []

    @override
    def write_records(self, stream: str, records: Sequence[Record]) -> None:
        for record in records:
            self.write_message(RecordMessage(stream, as_dict(record)))

    @override
    def write_message(self, message: Message) -> None:
        self._left -= 1
        if self._left < 0:
            self.is_killed = True
            if self.last_words:
                self.states.append(copied(self.last_words()))
            raise Killed
        if isinstance(message, RecordMessage):
            self.records.append((message.stream, message.record))
            self.record_bytes += len(json.dumps(message.record, default=str))
        elif isinstance(message, StateMessage):
            self.states.append(copied(message.value))

    def rows(self, stream: str) -> list[Row]:
        return [row for name, row in self.records if name == stream]

    @property
    def ids(self) -> list[str]:
        """The rows of lists that were sent."""
        return [row["id"] for name, row in self.records if name != "projects"]

    def asked(self, ending: str = "/proj_0/runs") -> int:
        """Return how often lists whose path ends so were asked for."""
        return sum(request.path.endswith(ending) for request in self.requests)


@contextmanager
def listening(said: list[str]) -> Iterator[None]:
    """Add to `said` what the tap warns of, each of which has its row in the documentation."""
    listener = BufferingHandler(10**6)
    listener.setLevel(logging.WARNING)
    logging.root.addHandler(listener)
    try:
        yield
    finally:
        logging.root.removeHandler(listener)
        said += [it.getMessage() for it in listener.buffer if it.name.startswith("tap-dagctl")]
        troubleshooting.check(said)


def parts(state: Json, streams: Iterable[str]) -> dict[tuple[str, str], Json]:
    """Return what a state says of each stream and project."""
    return {
        (name, part["context"]["project_id"]): part
        for name in streams
        for part in state.get("bookmarks", {}).get(name, {}).get("partitions", ())
    }


def copied(state: Any) -> Any:
    return json.loads(json.dumps(state))


def sync(
    api: Api,
    state: dict[str, Any] | None = None,
    streams: Collection[str] | None = None,
    *,
    cut: int | None = None,
    stopped: bool = False,
    **settings: Any,
) -> Collector:
    """Sync, and return what came; of the streams below the projects, only `streams`.

    After `cut` messages it is killed, or `stopped`: then it still writes its state.
    """
    pipe, before = Collector(cut), len(api.requests)
    try:
        with handlers_kept(), listening(pipe.warnings), suppress(Killed):
            # A copy: what a killed process knew is gone with it.
            given = copied(state)
            tap = TapDagctl(config=config_of(api, **settings), state=given, message_writer=pipe)
            if streams is not None:
                for name, stream in tap.streams.items():
                    stream.selected = name in {"projects", *streams}
            if stopped:
                pipe.last_words = lambda: tap.state
            tap.sync_all()
    except TapError as error:
        troubleshooting.check(str(error).splitlines())
        raise
    finally:
        join_prefetch()
        pipe.requests = api.requests[before:]
    return pipe


@contextmanager
def waiting_at_once() -> Iterator[Mock]:
    """Let no wait for another try take any time; the clock has all `waits` so far, in seconds."""
    waits: list[float] = []
    clock = Mock(waits=waits)
    clock.monotonic = lambda: time.monotonic() + sum(waits)
    clock.sleep = lambda seconds: waits.append(seconds) if seconds > 0 else None
    with patch("tap_dagctl.api.retries.time", clock):
        yield clock
