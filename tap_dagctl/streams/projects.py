"""The projects: the parent of all that is below them."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from tap_dagctl import schemas, timestamps
from tap_dagctl.api.lists import WholeList
from tap_dagctl.errors import ConfigurationError, TapError, one_line
from tap_dagctl.singer.progress import Progress
from tap_dagctl.state.unlisted import forget_unlisted
from tap_dagctl.streams.base import DagctlStream

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from singer_sdk.helpers.types import Context

    from tap_dagctl.api.client import Request
    from tap_dagctl.records.builder import Record

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
        rows, settings = self._sync.client.get(PROJECTS), self._sync.settings
        wanted = chosen(rows, settings.project_ids, settings.exclude_project_ids)
        records = self._records.build(wanted, {})
        self._sync.summary.projects = len(records)
        self._sync.created_at = {row["id"]: row.get("created_at") for row in rows}
        self._warn_of_the_future()
        progress, prefetch = Progress("projects"), self._sync.prefetch
        if not self.is_tried:
            listed = {row["id"] for row in rows}
            forget_unlisted(self.tap_state, listed, self._sync.client.today())
            prefetch.plan_projects(self._first_requests(record["id"]) for record in records)
        for number, record in enumerate(records):
            progress.report(number, len(records))
            prefetch.next_project()
            # What is below it is read before the next is asked for.
            yield [record]
        prefetch.next_project()
        self._look_at_refused()

    def _warn_of_the_future(self) -> None:
        start, client = self._sync.settings.start, self._sync.client
        if start is not None and start > (client.server_time or timestamps.now()):
            self.logger.warning(
                "start_date %s lies in the future: no runs, plans or statistics are read before it",
                self._sync.config["start_date"],
            )

    def _first_requests(self, project_id: str) -> Iterator[Request[Any]]:
        for stream in self.child_streams:
            if stream.selected and isinstance(stream, DagctlStream):
                # What is wrong with it is told in its turn.
                with suppress(TapError):
                    yield from stream.first_requests({"project_id": project_id})

    def _look_at_refused(self) -> None:
        """Forget what was refused of deleted projects; warn of the rest if it is tolerated."""
        failures = self._sync.failures
        refused = failures.of_refused_projects
        if not refused:
            return
        try:
            listed = {row["id"] for row in self._sync.client.get(PROJECTS)}
        except TapError as error:
            failures.add(error)
            listed = {error.project_id for error in refused}
        deleted = [error for error in refused if error.project_id not in listed]
        failures.forget(deleted)
        for project in sorted({error.project_id for error in deleted}):
            self.logger.warning(
                "The project %s was deleted while it was read: what had come of it stays, and the "
                "next sync does not read it",
                one_line(project),
            )
            self._sync.summary.forgive(project)
        if self._sync.settings.tolerates_refused and not failures.is_account_refused:
            tolerated = failures.of_refused_projects
            failures.forget(tolerated)
            for one in tolerated:
                self.logger.warning("%s", one)

    @override
    def log_sync_costs(self) -> None:
        """Say what was done and raise what failed, once the last state is out."""
        super().log_sync_costs()
        self._sync.summary.count(self._sync.client.traffic)
        self.logger.info("%s", self._sync.summary.line(self._sync.client.traffic.requests))
        self._sync.failures.raise_all()

    @override
    def get_child_context(self, record: dict[str, Any], context: Context | None) -> Context:
        return {"project_id": record["id"]}


def chosen(
    rows: list[dict[str, Any]], names: Sequence[str], excluded: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Return the projects to read, in the API's order.

    Args:
        rows: the projects of the organization.
        names: ids or names of those to read; empty for all.
        excluded: ids or names of those that are left out all the same.
    """
    by_id = {row["id"]: row for row in rows}
    wanted, unknown = _named(by_id, names)
    if unknown:
        raise ConfigurationError(_no_project("project_ids", unknown, by_id))
    left_out, unknown = _named(by_id, excluded)
    if unknown:
        logger.warning("%s", one_line(_no_project("exclude_project_ids", unknown, by_id)))
    wanted = wanted if names else set(by_id)
    if wanted and wanted <= left_out:
        logger.warning("exclude_project_ids leaves out every project, so none is read")
    return [row for key, row in by_id.items() if key in wanted - left_out]


def _named(
    by_id: Mapping[str, dict[str, Any]], names: Sequence[str]
) -> tuple[set[str], Sequence[str]]:
    """Return the ids of the projects that `names` are ids or names of, and what is neither."""
    # The settings have none of the blanks around them.
    ids = {key.strip() for key in by_id}
    known = ids.union(map(_name_of, by_id.values()))
    # A name that is some project's id means that project only.
    only_names = set(names) - ids
    found = {
        key for key, row in by_id.items() if key.strip() in names or _name_of(row) in only_names
    }
    return found, [name for name in names if name not in known]


def _name_of(row: Mapping[str, Any]) -> str:
    return str(row.get("name") or "").strip()


def _no_project(setting: str, unknown: Sequence[str], by_id: Mapping[str, dict[str, Any]]) -> str:
    names = ((key, _name_of(row)) for key, row in by_id.items())
    there_are = ", ".join(one_line(f"{key} ({name})" if name else key) for key, name in names)
    return f"{setting}: no project {', '.join(unknown)}; there are: {there_are or 'none'}"
