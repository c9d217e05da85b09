"""One stream: its lines wait in a file until they are loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from singer_sdk import Target
from singer_sdk.exceptions import InvalidRecord
from singer_sdk.singerlib.json import serialize_json
from singer_sdk.sinks import Sink
from typing_extensions import override

from target_duckdb.columns import Columns
from target_duckdb.errors import LoadError
from target_duckdb.own_columns import DELETED
from target_duckdb.table import Table
from target_duckdb.warehouse import Warehouse

# A line is written when there are as many bytes of them.
_BYTES = 1024 * 1024


class StreamSink(Sink):
    """What the SDK drains: the lines of a stream that are not in its table yet."""

    def __init__(
        self,
        target: Target,
        stream_name: str,
        schema: dict[str, Any],
        key_properties: Sequence[str] | None,
    ) -> None:
        marks_deleted = schema["properties"].get(DELETED)
        super().__init__(target, stream_name, schema, key_properties)
        if marks_deleted:
            # The SDK takes it away with the metadata, but here it is the tap that says so.
            self.schema["properties"][DELETED] = {"type": "string", "format": "date-time"}
        self._lines: list[bytes] = []
        self._bytes = self._rows = self._longest = 0
        self._checks = self.get_validator()

    def make_table(self, warehouse: Warehouse, folder: Path) -> None:
        """Make the table, or give it what it lacks; the SDK's `setup` would log an error twice.

        Args:
            warehouse: where the table is.
            folder: where lines wait.
        """
        self._path = folder / f"{id(self)}.jsonl"
        properties, keys = self.schema["properties"], self.key_properties
        columns = Columns(warehouse, self.stream_name, properties, keys)
        hard_delete, started_at = self.config["hard_delete"], self.sync_started_at
        self._table = Table(columns, hard_delete=hard_delete, started_at=started_at)

    @property
    @override
    def current_size(self) -> int:
        return self._rows + len(self._lines)

    def add(self, line: bytes) -> None:
        """Keep a line, a RECORD message of this stream, until the stream is drained."""
        self._lines.append(line)
        self._bytes += len(line)
        if self._bytes >= _BYTES:
            self._write()

    def _write(self) -> None:
        self._rows += len(self._lines)
        self._longest = max(self._longest, *map(len, self._lines), 0)
        # Not open in between: a sync may have more streams than a process may have files.
        try:
            with self._path.open("ab") as file:
                file.writelines(self._lines)
        except OSError as error:
            folder = self._path.parent.parent
            raise LoadError(
                f"Records cannot be put aside in {folder}: {error.strerror}; name another folder in"
                " the variable TMPDIR"
            ) from error
        self._lines, self._bytes = [], 0

    def line(self, record: dict[str, Any], message: Mapping[str, Any]) -> bytes:
        """Return a record that is not as it came as a line, with what else the message says."""
        if self._checks is not None:
            try:
                self._checks.validate(record)
            except InvalidRecord as error:
                raise LoadError(f"{self.stream_name}: {error.error_message}") from error
        rest = {name: message.get(name) for name in ("version", "time_extracted")}
        kept = {name: record[name] for name in self.schema["properties"] if name in record}
        return f"{serialize_json({'record': kept, **rest})}\n".encode()

    @override
    def process_record(self, record: dict[str, Any], context: dict[str, Any]) -> None:
        self.add(self.line(record, {}))

    @override
    def process_batch(self, context: dict[str, Any]) -> None:
        self._write()
        self._table.load(self._path, self._longest)
        self._path.unlink()
        self.record_counter_metric.increment(self._rows)
        self._rows = self._longest = 0

    @override
    def activate_version(self, new_version: int) -> None:
        self._table.activate_version(new_version)
