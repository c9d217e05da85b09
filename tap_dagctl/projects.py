"""The projects: the parent of all that is below them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from tap_dagctl import schemas, timestamps
from tap_dagctl.api.lists import WholeList
from tap_dagctl.dagctl_stream import DagctlStream
from tap_dagctl.errors import ConfigurationError, TapError, one_line
from tap_dagctl.singer.progress import Progress
from tap_dagctl.state.unlisted import forget_unlisted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from singer_sdk.helpers.types import Context

    from tap_dagctl.api.client import Request
    from tap_dagctl.records.builder import Record

PROJECTS = WholeList("/projects", "projects")


class Projects(DagctlStream):
    """A project; the parent of the rest, so that each project has its own bookmarks."""

    name = "projects"
    schema = schemas.PROJECTS
    primary_keys = ("id",)
    path: ClassVar[str] = PROJECTS.path

    @override
    def pages(self, context: Context | None) -> Iterator[Sequence[Record]]:
        rows = self._sync.client.get(PROJECTS)
        records = self._records.build(chosen(rows, self._sync.settings.project_ids), {})
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
            prefetch.begin_project()
            # What is below it is read before the next is asked for.
            yield [record]
        prefetch.end()

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

    @override
    def log_sync_costs(self) -> None:
        """Say what was done and raise what failed, once the last state is out."""
        super().log_sync_costs()
        failures = self._sync.failures
        deleted: set[str] = set()
        if refused := failures.refused_projects:
            try:
                deleted = refused - {row["id"] for row in self._sync.client.get(PROJECTS)}
            except TapError as error:
                failures.add(error)
        for project in sorted(deleted):
            self.logger.warning(
                "The project %s was deleted while it was read: what had come of it stays, and the "
                "next sync does not read it",
                one_line(project),
            )
            self._sync.summary.forgive(project)
        failures.forget_refused(deleted)
        self.logger.info("%s", self._sync.summary.line(self._sync.client.traffic.requests))
        failures.raise_all()

    @override
    def get_child_context(self, record: dict[str, Any], context: Context | None) -> Context:
        return {"project_id": record["id"]}


def chosen(rows: list[dict[str, Any]], names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the projects that `names` asks for by id or name, in the API's order."""
    by_id = {row["id"]: row for row in rows}
    if not names:
        return list(by_id.values())
    # The setting has none of the blanks around them.
    ids = {key.strip() for key in by_id}
    its_name = {key: str(row.get("name") or "").strip() for key, row in by_id.items()}
    known = ids.union(its_name.values())
    if unknown := [name for name in names if name not in known]:
        there_are = ", ".join(
            one_line(f"{key} ({name})" if name else key) for key, name in its_name.items()
        )
        msg = f"project_ids: no project {', '.join(unknown)}; there are: {there_are or 'none'}"
        raise ConfigurationError(msg)
    return [
        row
        for key, row in by_id.items()
        # A name that is some project's id means that project only.
        if key.strip() in names or (its_name[key] in names and its_name[key] not in ids)
    ]
