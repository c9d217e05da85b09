"""Removes the bookmarks of projects that the API has not listed for a while."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, timedelta
from typing import Any

# A project that comes back within these days resumes from its bookmarks: the token may not have
# seen it, or the API may have left it out by mistake. A deleted project does not come back.
DAYS_KEPT = 30
_SINCE = "unlisted_since"


def forget_unlisted(state: Mapping[str, Any], listed: Collection[str], today: date) -> None:
    """Remove the bookmarks of projects that have not been listed for `DAYS_KEPT` days from `state`.

    `listed` has every project of the account, whatever `project_ids` says.
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
    except (TypeError, ValueError):  # edited by hand
        part[_SINCE] = today.isoformat()
        return True
