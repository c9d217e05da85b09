"""What every stream of the tap does."""

from __future__ import annotations

import logging
import sys
from abc import abstractmethod
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, ClassVar

from tap_dagctl import settings
from tap_dagctl.errors import ConfigurationError, TapError
from tap_dagctl.records import RecordBuilder
from tap_dagctl.sdk import PagewiseStream

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from singer_sdk.helpers.types import Context
    from singer_sdk.singerlib import Catalog

    from tap_dagctl.records import Record
    from tap_dagctl.tap import TapDagctl


class DagctlStream(PagewiseStream):
    """A stream of records whose failures wait for the end of the sync.

    Attributes:
        is_sensitive: whether it is offered only with `include_sensitive`.
        sensitive_fields: fields that are offered only with it.
    """

    schema: dict[str, Any]
    is_sensitive: ClassVar[bool] = False
    sensitive_fields: ClassVar[Collection[str]] = ()

    def __init__(self, tap: TapDagctl) -> None:
        super().__init__(tap)
        self._dagctl = tap
        left_out = () if settings.includes_sensitive(tap.config) else self.sensitive_fields
        if left_out:
            fields = self.schema["properties"].items()
            kept = {name: field for name, field in fields if name not in left_out}
            self.schema = {**self.schema, "properties": kept}
        self._records = RecordBuilder(self.name, self.schema, left_out)

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
        has_its_line = isinstance(sys.exc_info()[1], (TapError, OSError, RecursionError))
        expected = self._trying or has_its_line
        quiet = level == logging.ERROR and expected
        super().log(message, *args, level=logging.DEBUG if quiet else level, **kwargs)

    @override
    def apply_catalog(self, catalog: Catalog) -> None:
        own_keys, own_replication_key = self.primary_keys, self.replication_key
        super().apply_catalog(catalog)
        # What an entry does not say, the SDK takes for none.
        self.primary_keys = self.primary_keys or own_keys
        self.replication_key = self.replication_key or own_replication_key
        if entry := catalog.get_stream(self.name):
            # An entry that says nothing at all is selected; the least word added would change that.
            if not entry.metadata:
                entry.metadata.root.selected = True
            # The SDK lets the method that discovery wrote outvote the one a user forces.
            forced = entry.metadata.root.forced_replication_method
            self.forced_replication_method = forced or self.forced_replication_method
        if self.selected and self.replication_key != own_replication_key:
            msg = (
                f"{self.name} cannot be replicated by {self.replication_key}, only by "
                f"{own_replication_key or 'reading it whole'}; take the replication key out of the "
                "catalog, or of `metadata` in meltano.yml"
            )
            raise ConfigurationError(msg)

    @property
    @override
    def effective_schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = super().effective_schema
        return schema if schema.get("properties") else self.schema

    @property
    def _trying(self) -> bool:
        """Whether this is `--test`, which reads a record of each stream and stops."""
        return self.ABORT_AT_RECORD_COUNT is not None

    @abstractmethod
    def pages(self, context: Context | None) -> Iterator[Sequence[Record]]:
        """Yield the records of `context`, some at a time."""
