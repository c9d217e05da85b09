"""Projects that the API lists no more: their bookmarks leave the state in the end."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, timedelta
from typing import Any

# So long a project may be missing and come back without being read from the start: it may have been
# hidden from the token, or left out by mistake. A deleted project does not come back.
DAYS_KEPT = 30
_SINCE = "unlisted_since"


def forget_unlisted(state: Mapping[str, Any], listed: Collection[str], today: date) -> None:
    """Take the bookmarks of projects out of `state` that have not been listed for `DAYS_KEPT`.

    `listed` has every project, whatever `project_ids` says. `today` is by the server's clock.
    """
    for stream in state.get("bookmarks", {}).values():
        partitions = stream.get("partitions", [])
        partitions[:] = [part for part in partitions if _is_kept(part, listed, today)]


def _is_kept(part: dict[str, Any], listed: Collection[str], today: date) -> bool:
    project = part.get("context", {}).get("project_id")
    if project is None or project in listed:
        part.pop(_SINCE, None)
        return True
    since = part.setdefault(_SINCE, today.isoformat())
    try:
        return today - date.fromisoformat(since) < timedelta(days=DAYS_KEPT)
    except (TypeError, ValueError):  # not as it is written here
        part[_SINCE] = today.isoformat()
        return True
