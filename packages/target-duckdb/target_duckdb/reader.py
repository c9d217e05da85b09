"""Standard input, a message a line, and the JSON of a line."""

from __future__ import annotations

import contextlib
import json
import re
import sys
from collections import Counter
from collections.abc import Callable
from typing import IO, Any

from singer_sdk.singerlib.encoding import GenericSingerReader
from singer_sdk.singerlib.json import deserialize_json
from typing_extensions import override

from target_duckdb.errors import LoadError
from target_duckdb.sink import StreamSink

# How taps begin a message; one that begins otherwise takes the long way.
_RECORD = re.compile(
    rb'\{\s*"type"\s*:\s*"RECORD"\s*,\s*"stream"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"record"\s*:\s*\{'
)
_NO_LINE = b"\n\n"
# What DuckDB reads of a RECORD message.
_READ = {"type", "stream", "record", "version", "time_extracted"}


class RepeatedKeys(dict[str, Any]):
    """An object in which a key comes twice: written again, it is as it came."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self._pairs = pairs

    @override
    def items(self) -> list[tuple[str, Any]]:  # type: ignore[override]
        return self._pairs


class NotANumber:
    """`NaN` or `Infinity`, which Python and DuckDB read, but JSON does not have."""

    def __init__(self, name: str) -> None:
        self._name = name

    @override
    def __str__(self) -> str:
        """Refuse to be written: a record may leave it out."""
        raise LoadError(f"The input has a record with {self._name}, which is no JSON")


class LineReader(GenericSingerReader[bytes]):
    """Standard input, a message a line.

    Args:
        sink_of: returns what takes the records of a stream as they come, if there is such a sink.
        add: gives a RECORD message to its sink.
    """

    def __init__(
        self,
        sink_of: Callable[[str], StreamSink | None],
        add: Callable[[StreamSink, bytes], None],
    ) -> None:
        super().__init__()
        self._sink_of, self._add = sink_of, add
        self._has_repeated = False

    @property
    @override
    def default_input(self) -> IO[bytes]:
        if sys.stdin is None:
            raise LoadError("Standard input is closed, so there are no messages")
        return sys.stdin.buffer

    @override
    def process_lines(
        self,
        file_input: IO[Any] | None,
        callbacks: dict[str, Callable[[dict[str, Any]], None]],
    ) -> Counter[str]:
        lines = getattr(file_input, "buffer", file_input) or self.default_input
        types: Counter[str] = Counter()
        beginning, sink, add, records = _NO_LINE, None, self._add, 0
        for line in lines:
            if not line.startswith(beginning):
                beginning, sink = self._short_way(line)
            if sink is not None:
                add(sink, line)
                records += 1
            elif line.strip():
                message = self.deserialize_json(line)
                callback = callbacks.get(message.get("type", ""))
                if callback is None:
                    raise LoadError(f"The input has a message of type {message.get('type')!r}")
                callback(message)
                types[message["type"]] += 1
        types["RECORD"] += records
        return types

    def _short_way(self, line: bytes) -> tuple[bytes, StreamSink | None]:
        """Return how records of the same stream begin, and what takes them as they are."""
        match = _RECORD.match(line)
        # What is wrong with a line, the long way says.
        with contextlib.suppress(ValueError):
            if match and (sink := self._sink_of(json.loads(match[1]))):
                return match[0], sink
        return _NO_LINE, None

    @override
    def deserialize_json(self, line: bytes) -> dict[str, Any]:
        self._has_repeated = False
        try:
            message = deserialize_json(
                line, object_pairs_hook=self._object, parse_constant=NotANumber
            )
        except (ValueError, RecursionError) as error:
            raise LoadError(f"The input has a line that is not JSON: {error}") from error
        if not isinstance(message, dict):
            raise LoadError("The input has a line that is no object")
        kind = message.get("type")
        # The sink looks at the record, as it knows the columns.
        if self._has_repeated and (kind != "RECORD" or repeated(message) & _READ):
            raise LoadError(
                f"The input has a {kind} message in which an object has a duplicate key"
            )
        return message

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) == len(pairs):
            return found
        self._has_repeated = True
        return RepeatedKeys(pairs)


def repeated(read: dict[str, Any]) -> set[str]:
    """Return the keys that come twice in an object."""
    return {key for key, times in Counter(key for key, _ in read.items()).items() if times > 1}
