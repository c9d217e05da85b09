"""The kinds of streams there are: whole lists, rows that change, statistics."""

from __future__ import annotations

import sys
from abc import abstractmethod
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from tap_dagctl import timestamps
from tap_dagctl.base import DagctlStream
from tap_dagctl.bookmark import whole_history
from tap_dagctl.days import first_reach
from tap_dagctl.errors import RefusedError, RefusedListError
from tap_dagctl.incremental import changed_rows, lies_after
from tap_dagctl.lookback import changed_statistics, wanted_of
from tap_dagctl.pages import Listing, whole_list
from tap_dagctl.pagination import Walk
from tap_dagctl.projects import ProjectStream
from tap_dagctl.structs import RowReader

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from singer_sdk.helpers.types import Context

    from tap_dagctl.bookmark import Bookmark
    from tap_dagctl.days import Reach
    from tap_dagctl.records import Record
    from tap_dagctl.tap import TapDagctl

PAGES_A_STATE = 20
"""Pages of a long walk after which a state goes out, so that it can be gone on with."""


class ProjectList(ProjectStream):
    """A list of one project that comes whole, however long it is."""

    primary_keys = ("id",)

    @override
    def pages_of(self, context: Context, bookmark: Bookmark | None) -> Iterator[Sequence[Record]]:
        path = self._path(context)
        read = partial(whole_list, rows_key=self.rows_key, path=path)
        yield self._records.build(self._dagctl.client.get(path, read), context)


class OrganizationList(DagctlStream):
    """A list of the organization's that comes whole, and holds personal or security data."""

    primary_keys = ("id",)
    is_sensitive = True

    path: ClassVar[str]
    rows_key: ClassVar[str]
    permission: ClassVar[str] = "the permission for it"

    @override
    def pages(self, context: Context | None) -> Iterator[Sequence[Record]]:
        read = partial(whole_list, rows_key=self.rows_key, path=self.path)
        try:
            rows = self._dagctl.client.get(self.path, read)
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

    def __init__(self, tap: TapDagctl) -> None:
        super().__init__(tap)
        self._reader = RowReader(self.rows_key, self.schema, self._records)
        # Discovery has no valid configuration; it sends no state either.
        self.STATE_MSG_FREQUENCY = PAGES_A_STATE * (tap.config.get("page_size") or 1)

    @override
    def pages_of(self, context: Context, bookmark: Bookmark | None) -> Iterator[Sequence[Record]]:
        settings = self._dagctl.settings
        walk_after = partial(self._walk, context)
        if bookmark is None:
            after = whole_history(settings).after
            for page in walk_after(after).pages():
                yield [row[-1] for row in page if self.is_filtered or lies_after(row, after)]
        else:
            yield from changed_rows(walk_after, bookmark, settings, is_filtered=self.is_filtered)

    def _walk(self, context: Context, after: int | None) -> Walk:
        params = {}
        if after is not None and self.is_filtered:
            params["updated_after"] = timestamps.render(after)
        listing = Listing(
            path=self._path(context),
            rows_key=self.rows_key,
            reader=self._reader,
            context=context,
            params={**self.params, **params},
            page_size=self._dagctl.settings.page_size,
            title=f"{self.name} of {context['project_id']}",
            connections=self._dagctl.settings.max_connections,
        )
        return Walk(self._dagctl.client, listing)


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
        today = self._dagctl.client.today()
        wanted = wanted_of(self._dagctl.settings, today, self.window_days)
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
