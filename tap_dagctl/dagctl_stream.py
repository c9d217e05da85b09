"""What every stream of the tap does."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from tap_dagctl.errors import RefusedProjectListError, Stopped, TapError
from tap_dagctl.records.builder import RecordBuilder
from tap_dagctl.singer.stream import PagewiseStream
from tap_dagctl.summary import ENDED_EARLY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from singer_sdk import Tap
    from singer_sdk.helpers.types import Context
    from singer_sdk.singerlib import Catalog

    from tap_dagctl.api.client import Request
    from tap_dagctl.records.builder import Record
    from tap_dagctl.sync import Sync


class DagctlStream(PagewiseStream):
    """A stream of records whose failures wait for the end of the sync."""

    schema: dict[str, Any]
    path: ClassVar[str]

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
            part.is_tolerated = self._is_tolerated(error)
            # `--test` never reaches the hook that raises the failures of a whole sync.
            if not self.is_tried:
                failures.add(error)
            elif part.is_tolerated:
                self.logger.warning("%s", error)
            else:
                raise
        finally:
            self._sync.summary.end(part)

    def _is_tolerated(self, error: TapError) -> bool:
        is_of_project = isinstance(error, RefusedProjectListError)
        return is_of_project and self._sync.settings.tolerates_refused

    @override
    def sync_ends_early(self, error: BaseException) -> None:
        why = f"stopped by {error.signal_name}" if isinstance(error, Stopped) else ENDED_EARLY
        self._sync.end_early(why)

    def path_in(self, context: Context | None) -> str:
        """Return the path of the list of `context`.

        Raises:
            AnswerError: there is none.
        """
        del context
        return self.path

    @abstractmethod
    def pages(self, context: Context | None) -> Iterator[Sequence[Record]]:
        """Yield the records of `context`, some at a time."""

    def first_requests(self, context: Context) -> Iterator[Request[Any]]:
        """Yield the requests with which reading one project begins, as far as they are known.

        Raises:
            TapError: there are none, for a reason that reading it will tell.
        """
        del context
        yield from ()
