"""The projects: the parent of all that is below them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, ClassVar

from singer_sdk.helpers.types import Context
from typing_extensions import override

from tap_dagctl import schemas, timestamps
from tap_dagctl.api.request import Request, WholeList
from tap_dagctl.errors import ConfigurationError, RefusedError, TapError, one_line
from tap_dagctl.records.record import Record
from tap_dagctl.singer.progress import Progress
from tap_dagctl.state.unlisted import forget_unlisted
from tap_dagctl.streams.base import DagctlStream

PROJECTS = WholeList("/projects", "projects")

logger = logging.getLogger("tap-dagctl.projects")


class Projects(DagctlStream):
    """A project; the parent of the rest, so that each project has its own bookmarks."""

    name = "projects"
    schema = schemas.PROJECTS
    primary_keys = ("id",)
    path: ClassVar[str] = PROJECTS.path

    @override
    def pages(self, context: Context | None) -> Iterator[Sequence[Record]]:
        client, prefetch, settings = self._sync.client, self._sync.prefetch, self._sync.settings
        rows = client.get(PROJECTS)
        wanted = chosen(rows, settings.project_ids, settings.exclude_project_ids)
        records = self._records.build(wanted, {})
        self._sync.summary.projects = len(records)
        self._sync.created_at = {row["id"]: row.get("created_at") for row in rows}
        start = settings.start_date
        if start is not None and start > (client.server_time or timestamps.now()):
            self.logger.warning(
                "start_date %s lies in the future: no runs, plans or statistics are read before it",
                self._sync.config["start_date"],
            )
        if not self.is_test:
            forget_unlisted(self.tap_state, {row["id"] for row in rows}, client.today())
            prefetch.plan_projects(self._first_requests(record["id"]) for record in records)
        progress = Progress("projects")
        for number, record in enumerate(records):
            progress.report(number, len(records))
            prefetch.next_project()
            # The streams below it are read before the next one is asked for.
            yield [record]
        prefetch.next_project()
        self._look_at_refused()

    def _first_requests(self, project_id: str) -> Iterator[Request[Any]]:
        for stream in self.child_streams:
            if stream.selected and isinstance(stream, DagctlStream):
                # Errors are reported in its turn.
                with suppress(TapError):
                    yield from stream.first_requests({"project_id": project_id})

    def _look_at_refused(self) -> None:
        """Forget what was refused of deleted projects; warn of the rest if it is tolerated."""
        summary = self._sync.summary
        refused = [part for part in summary.parts if part.is_refused and part.project_id]
        if not refused:
            return
        listed, failure = {part.project_id for part in refused}, None
        try:
            listed = {row["id"] for row in self._sync.client.get(PROJECTS)}
        except TapError as error:
            failure = error
        for project_id in sorted({part.project_id or "" for part in refused} - listed):
            self.logger.warning(
                "The project %s was deleted while it was read: what had come of it stays, and the "
                "next sync does not read it",
                one_line(project_id),
            )
        for part in refused:
            if part.project_id not in listed:
                part.error = part.failure = None
            elif part.is_tolerated and not isinstance(failure, RefusedError):
                self.logger.warning("%s", part.failure)
        if failure:
            raise failure

    @override
    def log_sync_costs(self) -> None:
        """Say what was done and raise what failed, once the last state is out."""
        super().log_sync_costs()
        summary, client = self._sync.summary, self._sync.client
        summary.count(client.requests, client.rows)
        self.logger.info("%s", summary.line(client.requests.total()))
        summary.raise_failures()

    @override
    def get_child_context(self, record: dict[str, Any], context: Context | None) -> Context:
        return {"project_id": record["id"]}


def chosen(
    rows: list[dict[str, Any]], names: Sequence[str], excluded: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Return the projects to read, in the API's order; `names` and `excluded` may be ids.

    No `names` stand for all projects.
    """
    wanted, unknown = _ids(rows, names)
    if unknown:
        raise ConfigurationError(_no_project("project_ids", unknown, rows))
    left_out, unknown = _ids(rows, excluded)
    if unknown:
        logger.warning("%s", one_line(_no_project("exclude_project_ids", unknown, rows)))
    by_id = {row["id"]: row for row in rows}
    wanted = wanted if names else set(by_id)
    if wanted and wanted <= left_out:
        logger.warning("exclude_project_ids leaves out every project, so none is read")
    return [row for key, row in by_id.items() if key in wanted - left_out]


def _ids(rows: list[dict[str, Any]], names: Sequence[str]) -> tuple[set[str], list[str]]:
    """Return the ids of the projects that `names` are ids or names of, and what is neither."""
    # The settings have none of the blanks around them.
    ids = {row["id"].strip() for row in rows}
    # A name that is some project's id means that project only.
    only_names = set(names) - ids
    found = {row["id"] for row in rows if row["id"].strip() in names or _name_of(row) in only_names}
    known = ids.union(map(_name_of, rows))
    return found, [name for name in names if name not in known]


def _name_of(row: dict[str, Any]) -> str:
    return str(row.get("name") or "").strip()


def _no_project(setting: str, unknown: Sequence[str], rows: list[dict[str, Any]]) -> str:
    names = ((row["id"], _name_of(row)) for row in rows)
    there_are = ", ".join(one_line(f"{key} ({name})" if name else key) for key, name in names)
    return f"{setting}: no project {', '.join(unknown)}; there are: {there_are or 'none'}"
