"""What the stand-in API holds: projects with their runs and executions, and the clock they live by.

Nothing here invents history (see `history.py`): rows are put, changed and deleted by whoever owns
the world, under its lock, and every answer is computed from the rows as they stand.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

from stand_in import lists

Row = dict[str, Any]
START = datetime(2026, 3, 2, 6, 0, tzinfo=timezone.utc)

RUNS = "runs"
EXECUTIONS = "executions"
JOBS = "jobs"
PLANS = "plans"


def to_text(moment: datetime) -> str:
    """Write a moment as a Go server does: RFC 3339, trailing zeros of the fraction cut."""
    text = moment.astimezone(timezone.utc).replace(tzinfo=None).isoformat()
    if "." in text:
        text = text.rstrip("0")
    return text + "Z"


@lru_cache(maxsize=200_000)
def from_text(text: str) -> datetime:
    """Read a moment as `to_text` writes it, or with up to nine digits of a fraction."""
    if text.endswith("Z"):
        text = text[:-1] + "+00:00"
    head, _, tail = text.partition(".")
    if tail:
        digits = tail[: next(i for i, letter in enumerate(tail) if not letter.isdigit())]
        # Python 3.10 reads three or six digits only.
        text = f"{head}.{digits[:6].ljust(6, '0')}{tail[len(digits) :]}"
    return datetime.fromisoformat(text)


@dataclass
class Project:
    """A project's own row, and its tables: by name, the rows by id."""

    row: Row
    tables: dict[str, dict[str, Row]] = field(
        default_factory=lambda: {
            table: {} for table in (RUNS, EXECUTIONS, JOBS, PLANS, *lists.OF_PROJECTS)
        }
    )


@dataclass
class World:
    """Every row, and the clock.

    Attributes:
        order: how a list is ordered, which the API page leaves open.
        organization: the tables that belong to no project.
        permissions: what the token may do besides reading.
    """

    token: str = "dctl_made_up_0123456789abcdef"  # noqa: S105 - made up, looked for by the tests
    organization_id: str = "org-stand-in"
    now: datetime = START
    projects: dict[str, Project] = field(default_factory=dict)
    organization: dict[str, dict[str, Row]] = field(
        default_factory=lambda: {table: {} for table in lists.OF_ORGANIZATION}
    )
    permissions: set[str] = field(default_factory=lambda: {"manage_secrets"})
    order: Callable[[Row], Any] = lambda row: (row["created_at"], row["id"])
    descending: bool = True
    lock: threading.RLock = field(default_factory=threading.RLock)

    def add_project(self, key: str, name: str, **fields: Any) -> Project:
        """Add a project, made before any row, with `fields` beside or instead of the usual ones."""
        row = {
            "id": key,
            "organization_id": self.organization_id,
            "name": name,
            "project_type": "sqlmesh",
            "created_at": "1970-01-05T00:00:00Z",
            "updated_at": to_text(self.now),
            **fields,
        }
        with self.lock:
            self.projects[key] = project = Project(row)
            for table, rows in lists.OF_PROJECTS.items():
                for row in rows:
                    self.put(table, key, {**row, "id": f"{row['id']}_{key}"})
        return project

    def delete_project(self, key: str) -> Project:
        """Take a project away, with all that is in it, and return it."""
        with self.lock:
            return self.projects.pop(key)

    def put(self, table: str, project_id: str, row: Row) -> Row:
        """Insert or replace a row; `updated_at` is now unless the row says otherwise."""
        with self.lock:
            stamp = to_text(self.now)
            stored = {
                "project_id": project_id,
                "status": "success",
                "created_at": stamp,
                "updated_at": stamp,
                **row,
            }
            self.projects[project_id].tables[table][row["id"]] = stored
            return stored

    def put_in_organization(self, table: str, row: Row) -> None:
        """Insert or replace a row of a list that belongs to the organization."""
        with self.lock:
            stamp = to_text(self.now)
            whose = {"organization_id": self.organization_id} if "id" in row else {}
            self.organization[table][row.get("id") or row["name"]] = {
                **whose,
                "created_at": stamp,
                "updated_at": stamp,
                **row,
            }

    def change(self, table: str, project_id: str, key: str, **fields: Any) -> None:
        """Change some fields of a row, None clearing one, and stamp it."""
        with self.lock:
            row = self.projects[project_id].tables[table][key]
            row.update({"updated_at": to_text(self.now), **fields})

    def delete(self, table: str, project_id: str, key: str) -> None:
        """Take a row away."""
        with self.lock:
            del self.projects[project_id].tables[table][key]

    def rows(self, table: str, project_id: str) -> list[Row]:
        """Return copies of a project's rows, in the order the API lists them."""
        with self.lock:
            rows = [row.copy() for row in self.projects[project_id].tables[table].values()]
        return sorted(rows, key=self.order, reverse=self.descending)

    def advance(self, **duration: float) -> None:
        """Move the clock, by the arguments of a `timedelta`."""
        with self.lock:
            self.now += timedelta(**duration)
