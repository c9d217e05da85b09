"""What the tap itself says: which projects it would read, and which streams it has."""

from __future__ import annotations

import logging
import sys
from collections.abc import Collection
from typing import Any, NamedTuple

from orchestrate.errors import OrchestrateError
from orchestrate.states import part_name
from tap_dagctl.errors import TapError, one_line
from tap_dagctl.streams.projects import PROJECTS, chosen
from tap_dagctl.tap import TapDagctl

logger = logging.getLogger("orchestrate")

COMMAND = (sys.executable, "-m", "tap_dagctl", "--config", "ENV")
"""Starts the tap with the settings in the environment."""


class Projects(NamedTuple):
    """The ids of the account's projects.

    Attributes:
        chosen: those that the settings ask for, in the API's order.
        listed: all that the API lists.
    """

    chosen: list[str]
    listed: set[str]


def tap_of_environment() -> TapDagctl:
    """Return the tap with the settings in the environment (`TAP_DAGCTL_…`).

    Raises:
        OrchestrateError: one of them is missing or cannot be used.
    """
    try:
        return TapDagctl(config={}, parse_env_config=True)
    except TapError as error:
        raise OrchestrateError(str(error)) from None


def projects_of(tap: TapDagctl, known: Collection[str] = ()) -> Projects:
    """Ask the API for the projects.

    Args:
        tap: with the settings.
        known: parts of states. A project that has one and is listed no more has been deleted since
            it was chosen, and is left out; any other that is not there is an error.

    Raises:
        OrchestrateError: the API does not tell, or there is no such project.
    """
    settings = tap.sync.settings
    names = settings.project_ids
    try:
        rows = tap.sync.client.get(PROJECTS)
        in_account = {name for row in rows for name in (row["id"], row.get("name"))}
        left = [name for name in names if name in in_account or part_name(name) not in known]
        wanted = chosen(rows, left, settings.exclude_project_ids) if left or not names else []
    except TapError as error:
        raise OrchestrateError(str(error)) from None
    if len(left) < len(names):
        deleted = one_line(", ".join(sorted(set(names) - set(left))))
        logger.warning("Not there any more, and left out: %s", deleted)
    return Projects([row["id"] for row in wanted], {row["id"] for row in rows})


def catalog_of(tap: TapDagctl, streams: set[str]) -> dict[str, Any]:
    """Return the tap's catalog in which only `streams` are selected.

    Raises:
        OrchestrateError: the tap has no such stream.
    """
    catalog: dict[str, Any] = tap.catalog_dict
    names = {entry["tap_stream_id"] for entry in catalog["streams"]}
    if unknown := streams - names:
        raise OrchestrateError(
            f"--streams: no stream {one_line(', '.join(sorted(unknown)))}; there are: "
            f"{', '.join(sorted(names))}"
        )
    for entry in catalog["streams"]:
        for metadata in entry["metadata"]:
            if not metadata["breadcrumb"]:
                metadata["metadata"]["selected"] = entry["tap_stream_id"] in streams
    return catalog
