"""A Singer state in parts, one for each project, so that syncs may share them out as they like.

A part is a Singer state itself. It has those partitions of every stream whose context names the
project. What belongs to no project is a part of its own, under `NO_PROJECT`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

State = dict[str, Any]

NO_PROJECT = "@no-project"
"""The name of the part that belongs to no project; no project's part can have it."""

_MOST_LETTERS = 150


def part_name(project_id: str) -> str:
    """Return the name of a project's part: the id, or what of it a file's name may hold.

    No two projects share one.
    """
    name = quote(project_id, safe="", errors="surrogatepass")
    if not name.strip("."):
        # To a file system these are folders.
        name = name.replace(".", "%2E")
    if len(name) <= _MOST_LETTERS:
        return name
    # What `quote` returns has no `=`.
    return f"{name[:_MOST_LETTERS]}={hashlib.sha256(name.encode()).hexdigest()}"


def split(state: State) -> dict[str, State]:
    """Return the parts of `state` by name; they share its partitions."""
    rest = dict(state)
    parts = {NO_PROJECT: rest}
    bookmarks = state.get("bookmarks")
    if not isinstance(bookmarks, dict):
        return parts
    rest["bookmarks"] = left = {}
    for stream, value in bookmarks.items():
        left[stream] = value
        partitions = value.get("partitions") if isinstance(value, dict) else None
        if not isinstance(partitions, list):
            continue
        left[stream] = {**value, "partitions": []}
        for partition in partitions:
            project_id = _project_of(partition)
            part = rest
            if project_id is not None:
                part = parts.setdefault(part_name(project_id), {"bookmarks": {}})
            of_stream = part["bookmarks"].setdefault(stream, {"partitions": []})
            of_stream["partitions"].append(partition)
    return parts


def put_together(parts: Iterable[State]) -> State:
    """Return the state that `split` made `parts` of; they may be of several states.

    The part that belongs to no project must be the first of them, if it is there. Partitions of
    one project keep their order, and are shared with the parts.
    """
    parts = list(parts)
    if not parts:
        return {}
    state = dict(parts[0])
    bookmarks = state.get("bookmarks")
    if isinstance(bookmarks, dict):
        state["bookmarks"] = bookmarks = {
            stream: _with_own_list(value) for stream, value in bookmarks.items()
        }
    for part in parts[1:]:
        bookmarks = state.setdefault("bookmarks", {})
        for stream, value in part["bookmarks"].items():
            of_stream = bookmarks.setdefault(stream, {})
            of_stream.setdefault("partitions", []).extend(value["partitions"])
    return state


def _with_own_list(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if not isinstance(value, dict):
        return value
    partitions = value.get("partitions")
    own = {"partitions": [*partitions]} if isinstance(partitions, list) else {}
    return {**value, **own}


def _project_of(partition: object) -> str | None:
    context = partition.get("context") if isinstance(partition, dict) else None
    project_id = context.get("project_id") if isinstance(context, dict) else None
    return project_id if isinstance(project_id, str) else None
