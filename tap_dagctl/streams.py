"""The streams: one short class each, with its path, its keys and what is special about it."""

from __future__ import annotations

import logging
import sys
from abc import abstractmethod
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from tap_dagctl import days, schemas, timestamps
from tap_dagctl.bookmark import Bookmark, whole_history
from tap_dagctl.client import path_segment
from tap_dagctl.errors import AnswerError, ConfigurationError, TapError, one_line
from tap_dagctl.incremental import changed_rows
from tap_dagctl.lookback import changed_statistics
from tap_dagctl.pages import Listing, keyed_rows
from tap_dagctl.pagination import Walk
from tap_dagctl.records import RecordBuilder
from tap_dagctl.sdk import PagewiseStream
from tap_dagctl.structs import RowReader

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from singer_sdk.helpers.types import Context
    from singer_sdk.singerlib import Catalog

    from tap_dagctl.client import Answer
    from tap_dagctl.records import Record
    from tap_dagctl.tap import TapDagctl

PAGES_A_STATE = 20
"""Pages of a long walk after which a state goes out, so that it can be gone on with."""


class DagctlStream(PagewiseStream):
    """What every stream of the tap does: rows become records, failures wait for the end."""

    def __init__(self, tap: TapDagctl) -> None:
        super().__init__(tap)
        self._dagctl = tap
        self._records = RecordBuilder(self.name, self.schema)

    @override
    def record_pages(self, context: Context | None) -> Iterator[Sequence[Record]]:
        if self._dagctl.failures.stopped:
            return
        # `--test` ends without the hook that tells failures after a whole sync.
        with nullcontext() if self._trying else self._dagctl.failures.kept():
            yield from self.pages(context)

    @override
    def log(self, message: str, *args: Any, level: int = logging.INFO, **kwargs: Any) -> None:
        # What the SDK calls an unhandled error is how `--test` ends, or gets a line of its own.
        expected = self._trying or isinstance(sys.exc_info()[1], TapError)
        quiet = level == logging.ERROR and expected
        super().log(message, *args, level=logging.DEBUG if quiet else level, **kwargs)

    @override
    def apply_catalog(self, catalog: Catalog) -> None:
        super().apply_catalog(catalog)
        # The SDK lets the method that discovery wrote outvote the one a user forces.
        if entry := catalog.get_stream(self.name):
            forced = entry.metadata.root.forced_replication_method
            self.forced_replication_method = forced or self.forced_replication_method

    @property
    def _trying(self) -> bool:
        """Whether this is `--test`, which reads a record of each stream and stops."""
        return self.ABORT_AT_RECORD_COUNT is not None

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
        rows = self._dagctl.client.get("/projects", _projects)
        yield self._records.build(_chosen(rows, self._dagctl.settings.project_ids), {})

    @override
    def log_sync_costs(self) -> None:
        """Tell what failed: the one public hook the SDK calls when every stream has been synced."""
        self._dagctl.failures.tell()

    @override
    def get_child_context(self, record: dict[str, Any], context: Context | None) -> Context:
        return {"project_id": record["id"]}


def _projects(answer: Answer) -> list[dict[str, Any]]:
    return keyed_rows(answer, "projects", "/projects", "id")


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
            yield from self.pages_of(context, self._bookmark(context))

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


class ChangingRows(ProjectStream):
    """A list of rows that change, in pages, filtered by `updated_after`."""

    primary_keys = ("id",)
    replication_key = "updated_at"
    params: ClassVar[Mapping[str, object]] = {}

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
            for page in walk_after(whole_history(settings).after).pages():
                yield [record for _, _, record in page]
        else:
            yield from changed_rows(walk_after, bookmark, settings)

    def _walk(self, context: Context, after: int | None) -> Walk:
        params = {} if after is None else {"updated_after": timestamps.render(after)}
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


class Runs(ChangingRows):
    """A run of a job."""

    name = "runs"
    path = "/projects/{project_id}/runs"
    rows_key = "runs"
    schema = schemas.RUNS
    # Spares the server an aggregate query nobody reads (API page).
    params: ClassVar[Mapping[str, object]] = {"include_stats": "false"}


class ModelExecutions(ChangingRows):
    """An execution of a model within a run."""

    name = "model_executions"
    path = "/projects/{project_id}/model-executions"
    rows_key = "executions"
    schema = schemas.MODEL_EXECUTIONS


class Statistics(ProjectStream):
    """Statistics by day or window, read again while late runs can still change them.

    The bookmark is the server's day of the last sync, whether or not that day has a row: a
    project that rests for a month is not read a month back each time.
    """

    @override
    def pages_of(self, context: Context, bookmark: Bookmark | None) -> Iterator[Sequence[Record]]:
        for rows in self._rows(context, bookmark):
            yield self._records.build(rows, context)

    def _rows(self, context: Context, bookmark: Bookmark | None) -> Iterator[list[dict[str, Any]]]:
        settings = self._dagctl.settings
        today = self._dagctl.client.today()
        rows_since = partial(self.rows_since, today=today, path=self._path(context))
        if bookmark is None:
            start = None if settings.start is None else timestamps.day_of(settings.start)
            yield from rows_since(days.first_day(None, start, 0, today))
        else:
            yield from changed_statistics(
                rows_since,
                bookmark,
                settings,
                today,
                keys=self.primary_keys,
            )

    @abstractmethod
    def rows_since(self, first: date, today: date, path: str) -> Iterator[list[dict[str, Any]]]:
        """Yield the statistics from the day `first` up to `today`, answer by answer."""


class DailyStats(Statistics):
    """A day of a project: its runs and how long they took."""

    name = "daily_stats"
    path = "/projects/{project_id}/runs/daily-stats"
    rows_key = "daily_stats"
    schema = schemas.DAILY_STATS
    primary_keys = ("project_id", "date")
    replication_key = "date"

    @override
    def rows_since(self, first: date, today: date, path: str) -> Iterator[list[dict[str, Any]]]:
        client = self._dagctl.client
        read = partial(self._read, path=path)
        rows = client.get(path, read, {"days": (today - first).days + 1})
        if client.today() > today:
            # The server counts back from its today: at midnight the first day fell off.
            rows = client.get(path, read, {"days": (client.today() - first).days + 1})
        yield rows

    def _read(self, answer: Answer, path: str) -> list[dict[str, Any]]:
        rows = keyed_rows(answer, self.rows_key, path, "date")
        if not all(days.is_day(row["date"]) for row in rows):
            msg = f"GET {path}: a row's date is not written YYYY-MM-DD; report it to dagctl"
            raise AnswerError(msg)
        return rows


class ModelStats(Statistics):
    """A model over a window of days: its executions and how long they took."""

    name = "model_stats"
    path = "/projects/{project_id}/model-executions/stats"
    rows_key = "stats"
    schema = schemas.MODEL_STATS
    primary_keys = ("project_id", "model_name", "start_date", "end_date")
    replication_key = "end_date"

    @override
    def rows_since(self, first: date, today: date, path: str) -> Iterator[list[dict[str, Any]]]:
        length = self._dagctl.settings.model_stats_window_days
        read = partial(keyed_rows, rows_key=self.rows_key, path=path, key="model_name")
        for window in days.windows(first, today, length):
            asked = {"start_date": window.start.isoformat(), "end_date": window.end.isoformat()}
            yield [{**row, **asked} for row in self._dagctl.client.get(path, read, asked)]
