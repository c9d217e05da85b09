"""What fits the SDK: whole lines on the short way, and every private name of it, with its reason.

The SDK decodes each record, copies it, looks for timestamps in it and hands it on as an object. A
record that nothing changes needs none of that: DuckDB reads the line as the tap wrote it.
`tests/test_sdk_guards.py` fails when the SDK changes one of the names.
"""

from __future__ import annotations

import atexit
import copy
import gzip
import io
import os
import signal
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, cast

import click
from singer_sdk import Target
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.mapper import RemoveRecordTransform, SameRecordTransform, StreamMap
from singer_sdk.singerlib.json import serialize_json
from typing_extensions import override
from upath import UPath

from target_duckdb.command import Command
from target_duckdb.errors import LoadError, first_line
from target_duckdb.locked_folder import LockedFolder
from target_duckdb.reader import LineReader, repeated
from target_duckdb.sink import StreamSink
from target_duckdb.warehouse import Warehouse

# With all that DuckDB reads: a line cannot bring more of it than its record.
_FROM_BATCH = b'{"type":"RECORD","stream":"","version":null,"time_extracted":null,"record":%b}\n'
_GZIP = b"\x1f\x8b"
_BYTES = 64 * 1024 * 1024
_SECONDS = 60.0


class LinewiseTarget(Target):
    """A target that takes the lines of its input as they are, where nothing changes them."""

    def __init__(self, *, config: Any = None, **options: Any) -> None:  # noqa: ANN401 - the SDK's
        self.waiting = LockedFolder("target-duckdb-", Path(tempfile.gettempdir()))
        atexit.register(self.waiting.remove)
        if isinstance(config, dict):
            config = {name: value for name, value in config.items() if value is not None}
        try:
            super().__init__(
                config=config, message_reader=LineReader(self.sink_of, self.add), **options
            )
        except ConfigValidationError as error:
            # The SDK would say it in several lines.
            raise LoadError("; ".join(error.errors)) from error
        # Else the SDK drains streams side by side, and DuckDB has one connection.
        self.max_parallelism = 1
        self.warehouse = Warehouse(self.config["filepath"], self.config["default_target_schema"])
        self._room = self.config["batch_size_rows"]
        self._begin_batch()
        self._declared: dict[str, tuple[dict[str, Any], list[str]]] = {}
        self._written = ""

    def _begin_batch(self) -> None:
        self._rows = self._bytes = 0
        self._began = time.monotonic()

    def load(self) -> None:
        """Load all that waits, and hand on the state."""
        self.drain_all()
        self._begin_batch()

    def add(self, sink: StreamSink, line: bytes) -> None:
        """Take a RECORD message of the stream of `sink`."""
        sink.add(line)
        self._rows += 1
        self._bytes += len(line)
        if self._rows >= self._room or self._bytes >= _BYTES:
            self.load()

    def sink_of(self, stream: str) -> StreamSink | None:
        """Return what takes the records of `stream` as they come; None if anything changes them."""
        maps = self.mapper.stream_maps.get(stream, ())
        if len(maps) != 1 or type(maps[0]) is not SameRecordTransform or maps[0].flattening_enabled:
            return None
        return None if self.config["validate_records"] else self._sink(stream)

    def _sink(self, stream: str) -> StreamSink:
        return cast("StreamSink", self.get_sink(stream))

    def _maps(self, stream: str) -> list[StreamMap]:
        if stream not in self.mapper.stream_maps:
            raise LoadError(f"The stream {stream!r} has no SCHEMA message before its records")
        return self.mapper.stream_maps[stream]

    @override
    def _process_record_message(self, message_dict: dict[str, Any]) -> None:
        """Take the long way: the SDK's, less what DuckDB does when it reads the line."""
        stream, record = _parts(message_dict, stream=str, record=dict)
        maps = self._maps(stream)
        # As DuckDB: of what the schema does not name, nothing is stored.
        if twice := repeated(record).intersection(maps[0].raw_schema["properties"]):
            raise LoadError(f"{stream}: a record cannot be read: it has a duplicate key: {twice}")
        for stream_map in maps:
            changed = stream_map.transform(copy.copy(record))
            if changed is not None:
                sink = self._sink(stream_map.stream_alias)
                self.add(sink, sink.line(changed, message_dict))

    @override
    def _process_schema_message(self, message_dict: dict[str, Any]) -> None:
        """Do as the SDK, but load what came under the old schema first.

        The SDK may load it after what comes under the new one, so that the older record wins; and
        it makes tables of streams that a map removes.
        """
        stream, schema = _parts(message_dict, stream=str, schema=dict)
        if not isinstance(schema.get("properties"), dict):
            raise LoadError(f"{stream}: its schema has no properties, so there is no column")
        keys = message_dict.get("key_properties") or []
        if not isinstance(keys, list) or not all(isinstance(it, str) for it in keys):
            raise LoadError(f"{stream}: its `key_properties` are no list of names")
        declared = copy.deepcopy((schema, keys))
        if self._declared.get(stream) == declared:
            return
        if stream in self._declared:
            self.load()
        self._declared[stream] = declared
        self.mapper.register_raw_stream_schema(stream, schema, keys)
        for it in self.mapper.stream_maps[stream]:
            if not isinstance(it, RemoveRecordTransform):
                schema, keys = it.transformed_schema, it.transformed_key_properties
                self.get_sink(it.stream_alias, schema=schema, key_properties=keys)
                self._sink(it.stream_alias).make_table(self.warehouse, self.waiting.path)

    @override
    def _process_state_message(self, message_dict: dict[str, Any]) -> None:
        _parts(message_dict, value=dict)
        super()._process_state_message(message_dict)
        if time.monotonic() - self._began >= _SECONDS:
            self.load()

    @override
    def _process_activate_version_message(self, message_dict: dict[str, Any]) -> None:
        """Load what came before; the SDK does not, and its rows would be of an older version."""
        stream, version = _parts(message_dict, stream=str, version=int)
        self.load()
        for stream_map in self._maps(stream):
            if not isinstance(stream_map, RemoveRecordTransform):
                sink = self._sink(stream_map.stream_alias)
                if sink.process_activate_version_messages:
                    sink.activate_version(version)

    @override
    def _process_batch_message(self, message_dict: dict[str, Any]) -> None:
        """Take the records of files as if they were messages; the SDK leaves the maps out."""
        stream, urls, encoding = _parts(message_dict, stream=str, manifest=list, encoding=dict)
        self._maps(stream)
        if encoding.get("format") != "jsonl":
            raise LoadError(f"{stream}: BATCH files are read as jsonl only, not {encoding}")
        for record in (it for url in urls for it in self._records(url)):
            line = _FROM_BATCH % record
            if sink := self.sink_of(stream):
                self.add(sink, line)
            else:
                message = self.message_reader.deserialize_json(line)
                self._process_record_message(message | {"stream": stream})

    def _records(self, url: str) -> Iterator[bytes]:
        storage = (self.config.get("batch_config") or {}).get("storage") or {}
        try:
            with UPath(str(url), **(storage.get("params") or {})).open("rb") as file:
                lines = io.BufferedReader(file)
                # The SDK's taps compress whatever the message says.
                packed = lines.peek(2).startswith(_GZIP)
                for line in gzip.GzipFile(fileobj=lines) if packed else lines:
                    if record := line.strip():
                        yield record
        except (OSError, EOFError, ImportError, ValueError, zlib.error) as error:
            raise LoadError(f"The BATCH file {url} cannot be read: {first_line(error)}") from error

    @override
    def _write_state_message(self, state: dict[str, Any]) -> None:
        """Write a state once; the SDK's encoder does not know the decimals its decoder makes."""
        line = serialize_json(state)
        if line != self._written:
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
            self._written = line

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> NoReturn:
        """End at once: what is committed stays, and no state speaks of the rest.

        The SDK would load what waits, even while it is being loaded, and end with 0.
        """
        name = signal.Signals(signum).name
        self.logger.warning("Stopped by %s; the next sync goes on from the last state", name)
        self.waiting.remove()
        os._exit(128 + signum)

    @override
    @classmethod
    def get_singer_command(cls) -> click.Command:
        theirs = super().get_singer_command()
        same = ("name", "callback", "params", "help", "context_settings")
        return Command(**{it: getattr(theirs, it) for it in same}, logger=cls.logger)


def _parts(message: dict[str, Any], **kinds: type) -> tuple[Any, ...]:
    """Return what a message must have, each of its kind."""
    for name, kind in kinds.items():
        value = message.get(name)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise LoadError(f"The input has a {message.get('type')} message without {name!r}")
    return tuple(message[name] for name in kinds)
