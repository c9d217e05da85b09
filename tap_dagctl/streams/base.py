"""The base of every stream of the tap, and the things that the streams of one sync share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any, ClassVar

from singer_sdk import Tap
from singer_sdk.helpers.types import Context
from singer_sdk.singerlib import Catalog
from typing_extensions import override

from tap_dagctl.api.client import Client, path_segment
from tap_dagctl.api.prefetch import Prefetch
from tap_dagctl.api.request import Request
from tap_dagctl.errors import RefusedError, Stopped, TapError
from tap_dagctl.records.builder import RecordBuilder
from tap_dagctl.records.record import Record
from tap_dagctl.settings import Settings, includes_sensitive
from tap_dagctl.singer.stream import PagewiseStream
from tap_dagctl.summary import ENDED_EARLY, Summary


class Sync:
    """The settings, client and summary that the streams of one sync share.

    `before_early_end` is called if an error or a signal ends it. Nothing is checked or opened
    before it is needed: discovery may have no usable configuration.
    """

    def __init__(self, config: Mapping[str, Any], *, version: str) -> None:
        self.config, self._version = config, version
        self.summary = Summary()
        self.created_at: dict[str, object] = {}
        self.before_early_end: Callable[[], None] = lambda: None

    @cached_property
    def settings(self) -> Settings:
        return Settings.from_config(self.config, version=self._version)

    @cached_property
    def client(self) -> Client:
        return Client(self.settings)

    @cached_property
    def prefetch(self) -> Prefetch:
        return Prefetch(self.client, self.settings.max_connections)


class DagctlStream(PagewiseStream):
    """A stream of records whose failures wait for the end of the sync."""

    schema: dict[str, Any]
    path: ClassVar[str]

    def __init__(self, tap: Tap, sync: Sync) -> None:
        super().__init__(tap)
        self._sync = sync
        is_everything = includes_sensitive(sync.config)
        self.left_out = {*self.never_loaded, *(() if is_everything else self.sensitive_fields)}
        fields = self.schema["properties"].items()
        kept = {name: field for name, field in fields if name not in self.left_out}
        self.schema = {**self.schema, "properties": kept}
        self._records = RecordBuilder(
            self.name, self.schema, self.left_out, keeps_secrets=is_everything
        )

    @override
    def apply_catalog(self, catalog: Catalog) -> None:
        super().apply_catalog(catalog)
        self._records.expected = self.conversion.added

    @override
    def record_pages(self, context: Context | None) -> Iterator[Sequence[Record]]:
        summary = self._sync.summary
        if summary.is_hopeless:
            return
        project_id = context["project_id"] if context else None
        self.part = part = summary.begin(self.name, project_id)
        try:
            part.path = self.path_in(context)
            yield from self.pages(context)
            part.error = None
        except TapError as error:
            failure: TapError = error
            if isinstance(error, RefusedError) and (advice := self.advice_if_refused):
                failure = RefusedError(error.what, advice, status=error.status)
            is_tolerated = (
                isinstance(failure, RefusedError)
                and project_id is not None
                and self._sync.settings.tolerates_refused
            )
            summary.fail(part, failure, is_tolerated=is_tolerated)
            # `--test` never reaches the hook that raises the failures of a whole sync.
            if self.is_test and not is_tolerated:
                raise failure from None
            if self.is_test:
                self.logger.warning("%s", failure)
        finally:
            summary.end(part)

    @override
    def sync_ends_early(self, error: BaseException) -> None:
        summary = self._sync.summary
        if summary.parts:
            summary.end_early(
                f"stopped by {error.signal_name}" if isinstance(error, Stopped) else ENDED_EARLY
            )
            # The error that ends the sync is reported, not this one.
            with suppress(TapError):
                self._sync.before_early_end()

    def path_in(self, context: Context | None) -> str:
        """Return the path of the list of `context`, or raise an AnswerError if there is none."""
        return self.path.format(project_id=path_segment(context["project_id"] if context else "-"))

    @property
    def advice_if_refused(self) -> str:
        """Advice for a person if the server refuses the list; empty for the usual one."""
        return ""

    @abstractmethod
    def pages(self, context: Context | None) -> Iterator[Sequence[Record]]:
        """Yield the records of `context`, some at a time."""

    def first_requests(self, context: Context) -> Iterable[Request[Any]]:  # noqa: ARG002
        """Return the requests with which reading one project begins, as far as they are known."""
        return ()
