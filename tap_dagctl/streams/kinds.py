"""The kinds of streams: whole lists, rows that change, statistics."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from singer_sdk import Tap
from singer_sdk.helpers.types import Context
from typing_extensions import override

from tap_dagctl import timestamps
from tap_dagctl.api.request import KeyedRows, Request, WholeList
from tap_dagctl.errors import AnswerError, RequestError
from tap_dagctl.pagination.page import Listing, PageNumber
from tap_dagctl.records.fast_path import RowReader
from tap_dagctl.records.record import Record
from tap_dagctl.singer.progress import Progress
from tap_dagctl.state.bookmark import Bookmark
from tap_dagctl.state.checkpoint import Walk
from tap_dagctl.state.incremental import changed_rows
from tap_dagctl.state.statistics import Days, changed_statistics, days_to_read
from tap_dagctl.streams.base import DagctlStream, Sync
from tap_dagctl.streams.projects import Projects

PAGES_A_STATE = 20
"""Pages of a long walk after which a state goes out, so that it can be resumed."""


class ProjectStream(DagctlStream):
    """A stream below a project, with a bookmark for each project."""

    parent_stream_type = Projects
    rows_key: ClassVar[str]

    @property
    @override
    def advice_if_refused(self) -> str:
        meanwhile = (
            "everything else is read"
            if self._sync.settings.tolerates_refused
            else "until then set refused_projects to warn, leave out the project, with "
            f"exclude_project_ids, or deselect {self.name}"
        )
        return (
            f"the project is listed, and its {self.name} are refused: ask dagctl why; {meanwhile}"
        )

    @override
    def pages(self, context: Context | None) -> Iterator[Sequence[Record]]:
        # The SDK syncs a child only with its parent's context.
        if context is not None:
            yield from self.pages_of(context)

    @abstractmethod
    def pages_of(self, context: Context) -> Iterator[Sequence[Record]]:
        """Yield the records of a project."""

    def _bookmark(self, context: Context, *, is_copy: bool = False) -> Bookmark:
        """Return the bookmark of a project, or one to look at that changes nothing."""
        manager, state = self.state_manager, None
        if self.replication_method == "INCREMENTAL":
            read = manager.copy_of_context_state if is_copy else manager.get_context_state
            state = read(context)
        return Bookmark(state, self._title(context), self.replication_key or "")

    def _title(self, context: Context) -> str:
        return f"{self.name} of {context['project_id']}"


class ProjectList(ProjectStream):
    """A list of one project that comes whole, however long it is."""

    primary_keys = ("id",)

    @override
    def pages_of(self, context: Context) -> Iterator[Sequence[Record]]:
        (request,) = self.first_requests(context)
        yield self._records.build(self._sync.prefetch.get(request), context)

    @override
    def first_requests(self, context: Context) -> Iterator[Request[list[dict[str, Any]]]]:
        yield WholeList(self.path_in(context), self.rows_key)


class OrganizationList(DagctlStream):
    """A list of the organization's that comes whole, and holds personal or security data."""

    primary_keys = ("id",)
    is_sensitive = True
    rows_key: ClassVar[str]
    permission: ClassVar[str] = "the permission for it"

    @property
    @override
    def advice_if_refused(self) -> str:
        return f"give the token {self.permission} in dagctl, or deselect {self.name}"

    @override
    def pages(self, context: Context | None) -> Iterator[Sequence[Record]]:
        rows = self._sync.client.get(WholeList(self.path, self.rows_key, *self.primary_keys))
        yield self._records.build(rows, {})


class ChangingRows(ProjectStream):
    """A list of rows that change, in pages: those updated since, by the API's choice or ours."""

    primary_keys = ("id",)
    replication_key = "updated_at"
    params: ClassVar[Mapping[str, object]] = {}
    is_filtered: ClassVar[bool] = True

    def __init__(self, tap: Tap, sync: Sync) -> None:
        super().__init__(tap, sync)
        self._reader = RowReader(self.rows_key, self.schema, self._records.record)
        self._do_counts_heed_filter: bool | None = None
        # Discovery has no valid configuration; it sends no state either.
        self.STATE_MSG_FREQUENCY = PAGES_A_STATE * (sync.config.get("page_size") or 1)

    @override
    def pages_of(self, context: Context) -> Iterator[Sequence[Record]]:
        return changed_rows(
            self._sync.prefetch,
            partial(self._listing, context),
            self._bookmark(context),
            self._sync.settings,
            is_filtered=self.is_filtered,
        )

    @override
    def first_requests(self, context: Context) -> Iterator[Request[Any]]:
        bookmark = self._bookmark(context, is_copy=True)
        cursor = bookmark.cursor(self._sync.settings)
        # A walk that is resumed begins with another page.
        if bookmark.entry("walk", Walk, cursor) is None:
            listing = self._listing(context, cursor.after)
            yield listing.request(PageNumber(1, listing.page_size))

    def _listing(self, context: Context, after: int | None) -> Listing:
        title, page_size = self._title(context), self._sync.settings.page_size
        params = dict(self.params)
        if after is not None and self.is_filtered:
            params["updated_after"] = timestamps.render(after)
        return Listing(
            title=title,
            path=self.path_in(context),
            params=params,
            page_size=page_size,
            reader=self._reader,
            context=context,
            report=Progress(title, page_size).report,
            counts_heed_filter=partial(self._counts_heed_filter, context),
        )

    def _counts_heed_filter(self, context: Context, now: int) -> bool:
        """Ask once whether `total` leaves out the rows that `updated_after` leaves out.

        Whether it does is not documented. No row was updated after a time in the future.
        """
        if self._do_counts_heed_filter is None:
            listing = self._listing(context, now + 366 * timestamps.DAY)
            try:
                page = self._sync.client.get(listing.request(PageNumber(1, 1)))
                self._do_counts_heed_filter = page.total == 0 or bool(page.rows)
            except (AnswerError, RequestError):
                self._do_counts_heed_filter = True
        return self._do_counts_heed_filter


class Statistics(ProjectStream):
    """Statistics of days or of windows of days, read again while late runs can still change them.

    The bookmark is the day of the last sync, by the server's clock, and not the day of the newest
    row. So a project in which nothing ran for a month is not read a month back each time.
    """

    @property
    def window_days(self) -> int | None:
        """Length of the windows, in days, where a setting says so."""
        return None

    @override
    def pages_of(self, context: Context) -> Iterator[Sequence[Record]]:
        bookmark = self._bookmark(context)
        days = self._days(context, bookmark)
        answers = self.rows_of(days, self.path_in(context))
        for rows in changed_statistics(answers, days, bookmark, self.primary_keys):
            yield self._records.build(rows, context)

    @override
    def first_requests(self, context: Context) -> Iterator[Request[Any]]:
        days = self._days(context, self._bookmark(context, is_copy=True))
        return self.requests(days, self.path_in(context))

    def _days(self, context: Context, bookmark: Bookmark) -> Days:
        settings, today, created_at = self._sync.settings, self._sync.client.today(), None
        if self.window_days is not None:  # each window is a request
            created_at = self._sync.created_at.get(context["project_id"])
        return days_to_read(
            settings, today, bookmark, window_days=self.window_days, created_at=created_at
        )

    @abstractmethod
    def requests(self, days: Days, path: str) -> Iterator[KeyedRows]:
        """Yield the requests for the statistics of `days`."""

    def rows_of(self, days: Days, path: str) -> Iterator[list[dict[str, Any]]]:
        for request in self.requests(days, path):
            yield self._sync.prefetch.get(request)
