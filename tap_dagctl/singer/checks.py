"""Checks of what is handed to the tap, which the SDK would read wrong, or fail on within a sync."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from tap_dagctl.errors import ConfigurationError, StateError, one_line
from tap_dagctl.redaction import credentials_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from singer_sdk import Stream

_Method = Literal["FULL_TABLE", "INCREMENTAL"]
_MARKERS = {"progress_markers", "replication_key_signpost", "starting_replication_value"}
"""What the SDK notes while a sync goes on, and takes out or writes anew in the next."""


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
    if state and (wrong := _what_is_wrong(state, streams, names)):
        msg = (
            f"The state is not one of this tap: {wrong}. Hand over what the last sync left, or no "
            "state at all to read everything again"
        )
        raise StateError(msg)


def _what_is_wrong(
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
    for stream in streams:
        if wrong := _what_is_wrong_of(stream, bookmarks.get(stream.name, {})):
            return one_line(f"{stream.name} {wrong}")
    return None


def _path_to_bookmarks(value: object, path: tuple[str, ...] = ()) -> str | None:
    """Return where `bookmarks` lie in `value`, such as `"value"` of a STATE message."""
    if not isinstance(value, dict) or len(path) > 3:  # noqa: PLR2004 - nobody wraps it up more
        return None
    if "bookmarks" in value:
        return one_line(", ".join(f'"{name}"' for name in path))
    below = (_path_to_bookmarks(inner, (*path, name)) for name, inner in value.items())
    return next(filter(None, below), None)


def _what_is_wrong_of(stream: Stream, state: Mapping[str, Any]) -> str | None:
    partitions = state.get("partitions", [])
    others = state.keys() - {"partitions"} - _MARKERS
    if stream.parent_stream_type is None:
        return "has bookmarks, and needs none" if partitions or others else None
    if others and not partitions:
        return f"has {', '.join(sorted(others))}, and not a bookmark for each project"
    own_key, projects = stream.replication_key, set()
    for partition in partitions:
        context = partition["context"]
        project = context.get("project_id")
        if len(context) != 1 or not isinstance(project, str):
            return f"has a bookmark of {context}, and not of a project"
        if project in projects:
            return "has two bookmarks of the same project"
        projects.add(project)
        key, value = partition.get("replication_key"), partition.get("replication_key_value")
        if own_key and value not in (None, "") and key != own_key:
            return f"of {project} has a bookmark on {key}, not on {own_key}"
    return None
