"""Checks of the files and objects handed to the tap.

The SDK would read them wrong, or fail on them within a sync.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from importlib.util import find_spec
from typing import Annotated, Any, Literal

import msgspec
from singer_sdk import Stream

from tap_dagctl.errors import ConfigurationError, StateError, one_line
from tap_dagctl.redaction import credentials_of

_Method = Literal["FULL_TABLE", "INCREMENTAL"]
# The SDK notes these while a sync goes on, and takes them out or writes them anew in the next.
_MARKERS = {"progress_markers", "replication_key_signpost", "starting_replication_value"}
_IF_EMPTY = {
    "--state": "write the last whole state into it that the target wrote, or {} to read everything "
    "again",
    "--catalog": "make it again with `tap-dagctl --discover`",
}
# PowerShell begins even an empty file with a BOM.
_BLANK = b" \t\r\n\0" + codecs.BOM_UTF8 + codecs.BOM_UTF16


def json_object(option: str, name: str, content: bytes) -> dict[str, Any]:
    """Return the object in a file: UTF-8, UTF-16 or UTF-32, with or without a BOM."""
    title = f"{option} {name}"
    if option in _IF_EMPTY and not content.strip(_BLANK):
        raise ConfigurationError(f"{title} is empty: {_IF_EMPTY[option]}")
    try:
        value = json.loads(content)
        # Stricter about `NaN`, numbers beyond every float and half a character, but its messages
        # name no line.
        msgspec.json.decode(content.decode(json.detect_encoding(content)))
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{title} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ConfigurationError(f"{title} is not a JSON object")
    return value


class _StreamMetadata(msgspec.Struct, rename="kebab"):
    forced_replication_method: _Method | None = None
    replication_key: str | None = None
    replication_method: _Method | None = None
    selected: bool | None = None
    table_key_properties: list[str] | None = None


class _Metadata(msgspec.Struct):
    breadcrumb: list[str]
    metadata: _StreamMetadata


class _Schema(msgspec.Struct):
    properties: dict[str, dict[str, Any]] = {}


class _Entry(msgspec.Struct):
    tap_stream_id: str
    key_properties: list[str] | None = None
    metadata: list[_Metadata] = []
    replication_key: str | None = None
    replication_method: _Method | None = None
    schema: _Schema = msgspec.field(default_factory=_Schema)


class _Catalog(msgspec.Struct):
    streams: list[_Entry]


def check_catalog(catalog: Mapping[str, Any]) -> None:
    """Check that `catalog` can be read, and let the SDK heed a stream's `replication-method`."""
    try:
        msgspec.convert(catalog, _Catalog)
    except msgspec.ValidationError as error:
        msg = f"The catalog cannot be read: {error}; make a new one with `tap-dagctl --discover`"
        raise ConfigurationError(msg) from None
    for entry in catalog["streams"]:
        for item in entry.get("metadata", ()):
            metadata = item["metadata"]
            if not item["breadcrumb"] and (method := metadata.get("replication-method")):
                metadata["forced-replication-method"] = (
                    metadata.get("forced-replication-method") or method
                )


class _Encoding(msgspec.Struct, forbid_unknown_fields=True):
    format: Literal["jsonl", "parquet"]
    compression: Literal["gzip", "none"] | None = None


class _Storage(msgspec.Struct, forbid_unknown_fields=True):
    root: Annotated[str, msgspec.Meta(min_length=1)]
    prefix: str | None = None
    params: dict[str, Any] = {}


class _BatchConfig(msgspec.Struct, forbid_unknown_fields=True):
    encoding: _Encoding
    storage: _Storage
    batch_size: Annotated[int, msgspec.Meta(ge=1)] | None = None


def check_batch(batch_config: Mapping[str, Any]) -> None:
    """Check what the SDK finds out only when the first file is written, or never."""
    try:
        config = msgspec.convert(batch_config, _BatchConfig)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"batch_config cannot be used: {error}") from None
    encoding = config.encoding
    if credentials_of(config.storage.root):
        # The URL of each file would carry them to the target and its log.
        what = "storage.root holds credentials: write them into storage.params"
    elif encoding.format == "parquet" and find_spec("pyarrow") is None:
        what = "parquet needs pyarrow, which is not here: install it beside the tap, or set jsonl"
    elif encoding.format == "jsonl" and encoding.compression != "gzip":
        # The SDK compresses the files all the same, and a target would take them for plain text.
        what = "jsonl is always written with gzip: set encoding.compression to gzip"
    else:
        return
    raise ConfigurationError(f"batch_config: {what}")


class _Partition(msgspec.Struct):
    context: dict[str, Any]
    progress_markers: dict[str, Any] = {}


class _StreamState(msgspec.Struct):
    partitions: list[_Partition] = []
    progress_markers: dict[str, Any] = {}


class _State(msgspec.Struct):
    bookmarks: dict[str, _StreamState]


def check_state(
    state: Mapping[str, Any], streams: Iterable[Stream], names: Collection[str]
) -> None:
    """Check that every bookmark of `streams` in `state` will be found.

    The SDK takes for no state what it cannot find, and everything would be sent again. What has
    none of the `names` of all streams may be of a newer version, and is left alone.
    """
    if state and (fault := _fault(state, streams, names)):
        raise StateError(
            f"The state is not one of this tap: {fault}. Hand over what the last sync left, or no "
            "state at all to read everything again"
        )


def _fault(
    state: Mapping[str, Any], streams: Iterable[Stream], names: Collection[str]
) -> str | None:
    if "bookmarks" not in state:
        path = _path_to_bookmarks(state)
        inside = f"it lies within another object; take what is under {path}"
        return inside if path else "it has no `bookmarks`"
    try:
        msgspec.convert(state, _State)
    except msgspec.ValidationError as error:
        return str(error)
    bookmarks = state["bookmarks"]
    if bookmarks and bookmarks.keys().isdisjoint(names):
        of_what = one_line(", ".join(bookmarks))
        return f"it has bookmarks of {of_what}, which are streams of another tap"
    faults = ((stream, fault) for stream in streams for fault in _faults(stream, bookmarks))
    return next((one_line(f"{stream.name} {fault}") for stream, fault in faults), None)


def _path_to_bookmarks(value: object, path: tuple[str, ...] = ()) -> str | None:
    """Return where `bookmarks` lie in `value`, such as `"value"` of a STATE message."""
    if not isinstance(value, dict) or len(path) > 3:  # noqa: PLR2004 - nobody wraps it up more
        return None
    if "bookmarks" in value:
        return one_line(", ".join(f'"{name}"' for name in path))
    below = (_path_to_bookmarks(inner, (*path, name)) for name, inner in value.items())
    return next(filter(None, below), None)


def _faults(stream: Stream, bookmarks: Mapping[str, Any]) -> Iterator[str]:
    state = bookmarks.get(stream.name, {})
    partitions = state.get("partitions", [])
    others = state.keys() - {"partitions"} - _MARKERS
    if stream.parent_stream_type is None:
        if partitions or others:
            yield "has bookmarks, and needs none"
        return
    if others and not partitions:
        yield f"has {', '.join(sorted(others))}, and not a bookmark for each project"
    own_key, projects = stream.replication_key, set()
    for partition in partitions:
        context = partition["context"]
        project = context.get("project_id")
        if len(context) != 1 or not isinstance(project, str):
            yield f"has a bookmark of {context}, and not of a project"
        if project in projects:
            yield "has two bookmarks of the same project"
        projects.add(project)
        key, value = partition.get("replication_key"), partition.get("replication_key_value")
        if own_key and value not in (None, "") and key != own_key:
            yield f"of {project} has a bookmark on {key}, not on {own_key}"
