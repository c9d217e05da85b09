"""What a kind of stream does: the projects and what is below them, lists, changes, statistics."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from tap_dagctl import schemas, timestamps
from tap_dagctl.api.client import path_segment
from tap_dagctl.errors import ConfigurationError, RefusedError, RefusedListError, one_line
from tap_dagctl.pagination.page import Listing, WholeList
from tap_dagctl.pagination.paginator import Paginator
from tap_dagctl.pagination.progress import Progress
from tap_dagctl.records.builder import RecordBuilder
from tap_dagctl.records.fast_path import RowReader
from tap_dagctl.singer.stream import PagewiseStream
from tap_dagctl.state.bookmark import Bookmark, whole_history
from tap_dagctl.state.incremental import changed_rows, lies_after
from tap_dagctl.state.statistics import changed_statistics, first_reach, wanted_of
from tap_dagctl.state.unlisted import forget_unlisted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from singer_sdk import Tap
    from singer_sdk.helpers.types import Context

    from tap_dagctl.records.builder import Record
    from tap_dagctl.state.statistics import Reach
    from tap_dagctl.sync import Sync

_PROJECTS = WholeList("/projects", "projects")

PAGES_A_STATE = 20
"""Pages of a long walk after which a state goes out, so that it can be gone on with."""


class DagctlStream(PagewiseStream):
    """A stream of records whose failures wait for the end of the sync."""

    schema: dict[str, Any]

    def __init__(self, tap: Tap, sync: Sync) -> None:
        super().__init__(tap)
        self._sync = sync
        left_out = () if sync.includes_sensitive else self.sensitive_fields
        if left_out:
            fields = self.schema["properties"].items()
            kept = {name: field for name, field in fields if name not in left_out}
            self.schema = {**self.schema, "properties": kept}
        self._records = RecordBuilder(self.name, self.schema, left_out)

    @override
    def record_pages(self, context: Context | None) -> Iterator[Sequence[Record]]:
        failures = self._sync.failures
        if failures.stopped:
            return
        # `--test` ends without the hook that tells failures after a whole sync.
        with nullcontext() if self.is_tried else failures.collecting():
            yield from self.pages(context)

    @abstractmethod
    def pages(self, context: Context | None) -> Iterator[Sequence[Record]]:
        """Yield the records of `context`, some at a time."""


class Projects(DagctlStream):
    """A project; the parent of the rest, so that each project has its own bookmarks."""

    name = "projects"
    schema = schemas.PROJECTS
    primary_keys = ("id",)

    @override
    def pages(self, context: Context | None) -> Iterator[Sequence[Record]]:
        rows = self._sync.client.get(_PROJECTS)
        records = self._records.build(_chosen(rows, self._sync.settings.project_ids), {})
        if not self.is_tried:
            listed = {row["id"] for row in rows}
            forget_unlisted(self.tap_state, listed, self._sync.client.today())
        progress = Progress("projects")
        for number, record in enumerate(records):
            progress.report(number, len(records))
            # What is below it is read before the next is asked for.
            yield [record]

    @override
    def log_sync_costs(self) -> None:
        """Raise what failed, once the last state is out."""
        super().log_sync_costs()
        failures = self._sync.failures
        if refused := failures.refused_projects:
            with failures.collecting():
                listed = {row["id"] for row in self._sync.client.get(_PROJECTS)}
                for project in sorted(refused - listed):
                    self.logger.warning(
                        "The project %s was deleted while it was read: what had come of it stays, "
                        "and the next sync does not read it",
                        one_line(project),
                    )
                failures.forget_refused(refused - listed)
        failures.raise_all()

    @override
    def get_child_context(self, record: dict[str, Any], context: Context | None) -> Context:
        return {"project_id": record["id"]}


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


class ProjectList(ProjectStream):
    """A list of one project that comes whole, however long it is."""

    primary_keys = ("id",)

    @override
    def pages_of(self, context: Context, bookmark: Bookmark | None) -> Iterator[Sequence[Record]]:
        rows = self._sync.client.get(WholeList(self._path(context), self.rows_key))
        yield self._records.build(rows, context)


class OrganizationList(DagctlStream):
    """A list of the organization's that comes whole, and holds personal or security data."""

    primary_keys = ("id",)
    is_sensitive = True

    path: ClassVar[str]
    rows_key: ClassVar[str]
    permission: ClassVar[str] = "the permission for it"

    @override
    def pages(self, context: Context | None) -> Iterator[Sequence[Record]]:
        try:
            rows = self._sync.client.get(WholeList(self.path, self.rows_key))
        except RefusedError as error:
            advice = f"give the token {self.permission} in dagctl, or deselect {self.name}"
            raise RefusedListError(error.what, advice) from None
        yield self._records.build(rows, {})


class ChangingRows(ProjectStream):
    """A list of rows that change, in pages: those updated since, by the API's choice or ours."""

    primary_keys = ("id",)
    replication_key = "updated_at"
    params: ClassVar[Mapping[str, object]] = {}
    is_filtered: ClassVar[bool] = True

    def __init__(self, tap: Tap, sync: Sync) -> None:
        super().__init__(tap, sync)
        self._reader = RowReader(self.rows_key, self.schema, self._records)
        # Discovery has no valid configuration; it sends no state either.
        self.STATE_MSG_FREQUENCY = PAGES_A_STATE * (sync.config.get("page_size") or 1)

    @override
    def pages_of(self, context: Context, bookmark: Bookmark | None) -> Iterator[Sequence[Record]]:
        settings, client = self._sync.settings, self._sync.client
        paginator_after = partial(self._paginator, context)
        if bookmark is None:
            after = whole_history(settings).after
            for page in paginator_after(after).pages():
                yield [row[-1] for row in page if self.is_filtered or lies_after(row, after)]
        else:
            yield from changed_rows(
                paginator_after,
                bookmark,
                settings,
                server_time=client.server_time,
                is_filtered=self.is_filtered,
            )

    def _paginator(self, context: Context, after: int | None) -> Paginator:
        params = {}
        if after is not None and self.is_filtered:
            params["updated_after"] = timestamps.render(after)
        listing = Listing(
            path=self._path(context),
            rows_key=self.rows_key,
            reader=self._reader,
            context=context,
            params={**self.params, **params},
            page_size=self._sync.settings.page_size,
            title=f"{self.name} of {context['project_id']}",
            connections=self._sync.settings.max_connections,
        )
        return Paginator(self._sync.client, listing)


class Statistics(ProjectStream):
    """Statistics by day or window, read again while late runs can still change them.

    The bookmark is the server's day of the last sync, whether or not that day has a row: a
    project that rests for a month is not read a month back each time.
    """

    last_day: ClassVar[str]
    """The field that holds the last day a row is over."""

    @property
    def window_days(self) -> int | None:
        """How many days a row is over, where a setting says so."""
        return None

    @override
    def pages_of(self, context: Context, bookmark: Bookmark | None) -> Iterator[Sequence[Record]]:
        for rows in self._rows(context, bookmark):
            yield self._records.build(rows, context)

    def _rows(self, context: Context, bookmark: Bookmark | None) -> Iterator[list[dict[str, Any]]]:
        today = self._sync.client.today()
        wanted = wanted_of(self._sync.settings, today, self.window_days)
        rows_of = partial(self.rows_of, today=today, path=self._path(context))
        if bookmark is None:
            yield from rows_of(first_reach(wanted))
        else:
            yield from changed_statistics(
                rows_of, bookmark, wanted, self.primary_keys, last_day=self.last_day
            )

    @abstractmethod
    def rows_of(self, reach: Reach, today: date, path: str) -> Iterator[list[dict[str, Any]]]:
        """Yield the statistics of the days of `reach`, answer by answer."""
