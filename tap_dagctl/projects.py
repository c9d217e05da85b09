"""The projects, and what every stream below them does."""

from __future__ import annotations

import sys
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from tap_dagctl import schemas
from tap_dagctl.base import DagctlStream
from tap_dagctl.bookmark import Bookmark
from tap_dagctl.client import path_segment
from tap_dagctl.errors import ConfigurationError, RefusedError, RefusedListError, one_line
from tap_dagctl.pages import whole_list

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from singer_sdk.helpers.types import Context

    from tap_dagctl.client import Answer
    from tap_dagctl.records import Record


class Projects(DagctlStream):
    """A project; the parent of the rest, so that each project has its own bookmarks."""

    name = "projects"
    schema = schemas.PROJECTS
    primary_keys = ("id",)

    @override
    def pages(self, context: Context | None) -> Iterator[Sequence[Record]]:
        rows = self._dagctl.client.get("/projects", _projects)
        yield self._records.build(_chosen(rows, self._dagctl.settings.project_ids), {})

    @override
    def log_sync_costs(self) -> None:
        """Tell what failed: the one public hook the SDK calls when every stream has been synced."""
        failures = self._dagctl.failures
        if refused := failures.refused_projects:
            with failures.kept():
                listed = {row["id"] for row in self._dagctl.client.get("/projects", _projects)}
                for project in sorted(refused - listed):
                    self.logger.warning(
                        "The project %s was deleted while it was read: what had come of it stays, "
                        "and the next sync does not read it",
                        one_line(project),
                    )
                failures.forget_refused(refused - listed)
        failures.tell()

    @override
    def get_child_context(self, record: dict[str, Any], context: Context | None) -> Context:
        return {"project_id": record["id"]}


def _projects(answer: Answer) -> list[dict[str, Any]]:
    return whole_list(answer, "projects", "/projects")


def _chosen(rows: list[dict[str, Any]], names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the projects that `names` asks for by id or name, in the API's order."""
    by_id = {row["id"]: row for row in rows}
    if not names:
        return list(by_id.values())
    known = {name for key, row in by_id.items() for name in (key, row.get("name"))}
    if unknown := [name for name in names if name not in known]:
        there_are = ", ".join(one_line(f"{key} ({row.get('name')})") for key, row in by_id.items())
        msg = f"project_ids: no project {', '.join(unknown)}; there are: {there_are or 'none'}"
        raise ConfigurationError(msg)
    return [
        row
        for key, row in by_id.items()
        # A name that is some project's id means that project only.
        if key in names or (row.get("name") in names and row["name"] not in by_id)
    ]


class ProjectStream(DagctlStream):
    """A stream below a project, with a bookmark for each project."""

    parent_stream_type = Projects
    # A project's own updated_at says nothing of its runs; its parent is full table anyway.
    ignore_parent_replication_key = False

    path: ClassVar[str]
    rows_key: ClassVar[str]

    @override
    def pages(self, context: Context | None) -> Iterator[Sequence[Record]]:
        # The SDK syncs a child only with its parent's context.
        if context is not None:
            try:
                yield from self.pages_of(context, self._bookmark(context))
            except RefusedError as error:
                advice = (
                    f"the project is listed, and its {self.name} are refused: ask dagctl why; "
                    "until then leave out the project, with project_ids, "
                    f"or deselect {self.name}"
                )
                raise RefusedListError(error.what, advice, context["project_id"]) from None

    @abstractmethod
    def pages_of(self, context: Context, bookmark: Bookmark | None) -> Iterator[Sequence[Record]]:
        """Yield the records of one project, some at a time, then advance its bookmark.

        Args:
            context: the project's.
            bookmark: None where everything is to be read (`FULL_TABLE`).
        """

    def _path(self, context: Context) -> str:
        return self.path.format(project_id=path_segment(context["project_id"]))

    def _bookmark(self, context: Context) -> Bookmark | None:
        if self.replication_method != "INCREMENTAL" or self.replication_key is None:
            return None
        title = f"{self.name} of {context['project_id']}"
        return Bookmark(self.get_context_state(context), title, self.replication_key)
