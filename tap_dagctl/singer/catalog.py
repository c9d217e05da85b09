"""A stream as a catalog has it: what is offered, how it is keyed and replicated, and its schema."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

from singer_sdk import Stream
from singer_sdk.singerlib import Catalog, CatalogEntry, Metadata
from typing_extensions import override

from tap_dagctl.errors import ConfigurationError, one_line
from tap_dagctl.records.catalog_schema import Conversion, announced

_ADVICE = "take that out of the catalog, or of `metadata` in meltano.yml"


class CatalogStream(Stream):
    """A stream that is as the tap has it, except for what the catalog says of it.

    Only with `include_sensitive`, a stream that `is_sensitive` and `sensitive_fields` are offered.
    Nothing loads the fields `never_loaded`. A catalog cannot bring back what is `left_out`.
    """

    is_sensitive: ClassVar[bool] = False
    sensitive_fields: ClassVar[Collection[str]] = ()
    never_loaded: ClassVar[Collection[str]] = ()
    left_out: Collection[str] = ()
    _announced: dict[str, Any] | None = None

    @override
    def apply_catalog(self, catalog: Catalog) -> None:
        own_keys, own_replication_key = self.primary_keys, self.replication_key
        super().apply_catalog(catalog)
        # The SDK takes keys that an entry leaves out for none.
        self.primary_keys = self.primary_keys or own_keys
        self.replication_key = self.replication_key or own_replication_key
        if entry := catalog.get_stream(self.name):
            # An entry that says nothing at all is selected; the least word added would change that.
            if not entry.metadata:
                entry.metadata.root.selected = True
            # The SDK lets the method that discovery wrote outvote the one a user forces.
            root = entry.metadata.root
            forced = root.forced_replication_method
            self.forced_replication_method = forced or self.forced_replication_method
            # SCHEMA names these fields, so a target needs them.
            keys = {*own_keys, *self.primary_keys, *(root.table_key_properties or ())}
            for name in filter(None, [*keys, self.replication_key]):
                entry.metadata["properties", name].inclusion = Metadata.InclusionType.AUTOMATIC
            if self.selected:
                self._check_replication(own_replication_key, entry)
                self.primary_keys = self._keys_of(own_keys, entry)
                self._announced = announced(
                    self.name, self.schema, entry.schema.to_dict(), self.left_out, self.never_loaded
                )

    def _check_replication(self, own: str | None, entry: CatalogEntry) -> None:
        metadata = entry.metadata.root
        wanted = [entry.replication_key, metadata.replication_key]
        if own is None:
            methods = (entry.replication_method, metadata.forced_replication_method)
            wanted += [method for method in methods if method == "INCREMENTAL"]
        for name in wanted:
            if name and name != own:
                only = own or "reading it whole"
                msg = f"{self.name} cannot be replicated by {one_line(name)}, only by {only}"
                raise ConfigurationError(f"{msg}; {_ADVICE}")

    def _keys_of(self, own: Sequence[str], entry: CatalogEntry) -> Sequence[str]:
        """Return the keys of the stream, with which rows never overwrite each other."""
        keys = own
        for given in (entry.key_properties, entry.metadata.root.table_key_properties):
            if given and set(given) != set(own):
                if not set(own) <= set(given) <= set(self.schema["required"]):
                    key, only = one_line(", ".join(given)), ", ".join(own)
                    msg = f"{self.name} cannot have the key {key}, only {only}; {_ADVICE}"
                    raise ConfigurationError(msg)
                keys = given
        return keys

    @cached_property
    def conversion(self) -> Conversion:
        deselected = {
            breadcrumb[1]
            for breadcrumb, is_selected in self.mask.items()
            if len(breadcrumb) == 2 and not is_selected  # noqa: PLR2004 - "properties" and a name
        }
        return Conversion(self.name, self.schema, self.effective_schema, deselected)

    @property
    @override
    def effective_schema(self) -> dict[str, Any]:
        return self._announced or self.schema


def selected_sensitive(
    catalog: Catalog, streams: Mapping[str, type[CatalogStream]]
) -> Iterator[str]:
    """Yield the streams and fields that `catalog` selects and that are sensitive."""
    for name, stream in streams.items():
        if entry := catalog.get_stream(name):
            mask, fields = entry.metadata.resolve_selection(), entry.schema.properties or {}
            if stream.is_sensitive and mask[()]:
                yield name
            for field in stream.sensitive_fields:
                if field in fields and mask["properties", field]:
                    yield f"{name}.{field}"
