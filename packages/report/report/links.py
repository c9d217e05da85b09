"""Where what stands in a table leads: a project to its charts, a run to dagctl."""

from __future__ import annotations

import os
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from report.tables import Column
from report.warehouse import Row, WarehouseError

VARIABLE = "DAGCTL_RUN_URL"
_FIELDS = {"project_id", "run_id"}


@dataclass(frozen=True)
class Links:
    """Where rows lead.

    Attributes:
        projects: the address of each project that has one, by its id.
        run_url: the address of a run in dagctl, with `{project_id}` and `{run_id}`; empty where
            nobody said one.
    """

    projects: Mapping[str, str] = field(default_factory=dict)
    run_url: str = ""

    def address(self, column: Column, row: Row) -> str | None:
        """Return where a row's cell leads."""
        if column.leads_to == "project":
            return self.projects.get(row["project_id"])
        if column.leads_to == "run" and self.run_url and row["run_id"]:
            return self.run_url.format(
                **{name: quote(str(row[name]), safe="") for name in sorted(_FIELDS)}
            )
        return None


def run_url() -> str:
    """Return what the environment says is the address of a run in dagctl.

    Raises:
        WarehouseError: it is no such address.
    """
    url = os.environ.get(VARIABLE, "").strip()
    if not url:
        return ""
    try:
        fields = {
            f"{name}{spec}{conversion or ''}"
            for _, name, spec, conversion in string.Formatter().parse(url)
            if name is not None
        }
        address = urlsplit(url)
        is_address = address.scheme in {"http", "https"} and "{" not in (address.hostname or "{")
    except ValueError:
        fields, is_address = set(), False
    if not (is_address and "run_id" in fields <= _FIELDS):
        raise WarehouseError(
            f"{VARIABLE} is not the address of a run: write it like "
            "https://dagctl.example/projects/{project_id}/runs/{run_id}"
        )
    return url
