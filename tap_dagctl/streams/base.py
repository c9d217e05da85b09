"""What every stream of the tap does, and what the streams of one sync share."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from tap_dagctl.api.client import Client
from tap_dagctl.api.prefetch import Prefetch
from tap_dagctl.errors import Failures, RefusedProjectListError, Stopped, TapError
from tap_dagctl.records.builder import RecordBuilder
from tap_dagctl.settings import Settings, includes_sensitive
from tap_dagctl.singer.stream import PagewiseStream
from tap_dagctl.summary import ENDED_EARLY, Summary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from singer_sdk import Tap
    from singer_sdk.helpers.types import Context
    from singer_sdk.singerlib import Catalog

    from tap_dagctl.api.client import Request
    from tap_dagctl.records.builder import Record


class Sync:
    """What the streams of one sync share: its settings, its client, and what has failed so far.

    Nothing is checked or opened before it is needed: discovery may have no usable configuration.

    Attributes:
        config: the configuration as it was handed over.
        created_at: by project, when the API says that it was created.
        before_early_end: is called before a signal or an error ends the sync.
    """

    def __init__(self, config: Mapping[str, Any], *, version: str) -> None:
        self.config = config
        self.failures = Failures()
        self.summary = Summary()
        self.created_at: dict[str, object] = {}
        self.before_early_end: Callable[[], None] = lambda: None
        self._version = version

    @cached_property
    def settings(self) -> Settings:
        """The settings after every check."""
        return Settings.from_config(self.config, version=self._version)

    @cached_property
    def client(self) -> Client:
        """The one client, so that all streams share its connections."""
        return Client(self.settings)

    @cached_property
    def prefetch(self) -> Prefetch:
        """The client, with the first requests of the next streams and projects made ahead."""
        return Prefetch(self.client, self.settings.max_connections)

    def end_early(self, why: str) -> None:
        """Take note that a signal or an error ends the sync, if it has begun."""
        if self.summary.parts:
            self.summary.end_early(why)
            # What ends it is told, not this.
            with suppress(TapError):
                self.before_early_end()


class DagctlStream(PagewiseStream):
    """A stream of records whose failures wait for the end of the sync."""

    schema: dict[str, Any]
    path: ClassVar[str]

    def __init__(self, tap: Tap, sync: Sync) -> None:
        super().__init__(tap)
        self._sync = sync
        left_out = () if includes_sensitive(sync.config) else self.sensitive_fields
        if left_out:
            fields = self.schema["properties"].items()
            kept = {name: field for name, field in fields if name not in left_out}
            self.schema = {**self.schema, "properties": kept}
        self._records = RecordBuilder(self.name, self.schema, left_out)

    @override
    def apply_catalog(self, catalog: Catalog) -> None:
        super().apply_catalog(catalog)
        self._records.expect(self.conversion.added)

    @override
    def record_pages(self, context: Context | None) -> Iterator[Sequence[Record]]:
        failures = self._sync.failures
        if failures.stopped:
            return
        path = ""
        with suppress(TapError):  # of a path that cannot be
            path = self.path_in(context)
        project_id = context["project_id"] if context else None
        self.part = part = self._sync.summary.begin(self.name, project_id, path)
        try:
            yield from self.pages(context)
            part.error = None
        except TapError as error:
            part.error = error.reason
            part.is_tolerated = (
                isinstance(error, RefusedProjectListError) and self._sync.settings.tolerates_refused
            )
            # `--test` never reaches the hook that raises the failures of a whole sync.
            if not self.is_tried:
                failures.add(error)
            elif part.is_tolerated:
                self.logger.warning("%s", error)
            else:
                raise
        finally:
            self._sync.summary.end(part)

    @override
    def sync_ends_early(self, error: BaseException) -> None:
        why = f"stopped by {error.signal_name}" if isinstance(error, Stopped) else ENDED_EARLY
        self._sync.end_early(why)

    def path_in(self, context: Context | None) -> str:
        """Return the path of the list of `context`, or raise an AnswerError if there is none."""
        del context
        return self.path

    @abstractmethod
    def pages(self, context: Context | None) -> Iterator[Sequence[Record]]:
        """Yield the records of `context`, some at a time."""

    def first_requests(self, context: Context) -> Iterator[Request[Any]]:
        """Yield the requests with which reading one project begins, as far as they are known."""
        del context
        yield from ()
