"""The layout of the state handed to the tap, which may be edited, wrapped up or of another tap.

The SDK takes for no state what it cannot find, and everything would be sent again without a word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tap_dagctl.errors import StateError, one_line

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from singer_sdk import Stream

_MARKERS = ("progress_markers", "replication_key_signpost", "starting_replication_value")
"""What the SDK notes while a sync goes on, and takes out or writes anew in the next."""


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

    Args:
        state: as it was handed in.
        streams: those that can be read now.
        names: of all streams there are. Others may be of a newer version, and are left alone.

    Raises:
        StateError: it would not, saying why.
    """
    if not state:
        return
    if "bookmarks" not in state:
        raise _not_ours(
            f"it lies within another object; take what is under {path}"
            if (path := _path_to_bookmarks(state))
            else "it has no `bookmarks`"
        )
    try:
        msgspec.convert(state, _State)
    except msgspec.ValidationError as error:
        raise _not_ours(str(error)) from None
    bookmarks = state["bookmarks"]
    if bookmarks and bookmarks.keys().isdisjoint(names):
        of_what = one_line(", ".join(bookmarks))
        raise _not_ours(f"it has bookmarks of {of_what}, which are streams of another tap")
    for stream in streams:
        if wrong := _what_is_wrong(bookmarks.get(stream.name, {}), stream):
            raise _not_ours(one_line(f"{stream.name} {wrong}"))


def _not_ours(what: str) -> StateError:
    return StateError(
        f"The state is not one of this tap: {what}. Hand over what the last sync left, or no state "
        "at all to read everything again"
    )


def _path_to_bookmarks(value: object, path: tuple[str, ...] = ()) -> str | None:
    """Return where `bookmarks` lie in `value`, such as `"value"` of a STATE message."""
    if not isinstance(value, dict) or len(path) > 3:  # noqa: PLR2004 - nobody wraps it up more
        return None
    if "bookmarks" in value:
        return one_line(", ".join(f'"{name}"' for name in path))
    below = (_path_to_bookmarks(inner, (*path, name)) for name, inner in value.items())
    return next(filter(None, below), None)


def _what_is_wrong(state: Mapping[str, Any], stream: Stream) -> str | None:
    partitions = state.get("partitions", [])
    others = state.keys() - {"partitions", *_MARKERS}
    if stream.parent_stream_type is None:
        return "has bookmarks, and needs none" if partitions or others else None
    if others and not partitions:
        return f"has {', '.join(sorted(others))}, and not a bookmark for each project"
    contexts = [part["context"] for part in partitions]
    for context in contexts:
        if context.keys() != {"project_id"} or not isinstance(context["project_id"], str):
            return f"has a bookmark of {context}, and not of a project"
    if len({context["project_id"] for context in contexts}) < len(contexts):
        return "has two bookmarks of the same project"
    for part in partitions:
        key, value = part.get("replication_key"), part.get("replication_key_value")
        own_key = stream.replication_key
        if own_key and value not in (None, "") and key != own_key:
            return f"of {part['context']['project_id']} has a bookmark on {key}, not on {own_key}"
    return None
