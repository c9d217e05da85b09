"""The layout of the catalog handed to the tap, which people edit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from tap_dagctl.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

_Method = Literal["FULL_TABLE", "INCREMENTAL"]


class _StreamMetadata(msgspec.Struct, rename="kebab"):
    forced_replication_method: _Method | None = None
    replication_key: str | None = None
    replication_method: _Method | None = None
    selected: bool | None = None
    table_key_properties: list[str] | None = None


class _Metadata(msgspec.Struct):
    breadcrumb: list[str]
    metadata: _StreamMetadata


class _Schema(msgspec.Struct):
    properties: dict[str, dict[str, Any]] = {}


class _Stream(msgspec.Struct):
    """What an entry does not say is as the tap itself has it."""

    tap_stream_id: str
    key_properties: list[str] | None = None
    metadata: list[_Metadata] = []
    replication_key: str | None = None
    replication_method: _Method | None = None
    schema: _Schema = msgspec.field(default_factory=_Schema)


class _Catalog(msgspec.Struct):
    streams: list[_Stream]


def check_catalog(catalog: Mapping[str, Any]) -> None:
    """Check that `catalog` can be read; the SDK would fail on it somewhere within the sync.

    Raises:
        ConfigurationError: it cannot, naming the place.
    """
    try:
        msgspec.convert(catalog, _Catalog)
    except msgspec.ValidationError as error:
        msg = f"The catalog cannot be read: {error}; make a new one with `tap-dagctl --discover`"
        raise ConfigurationError(msg) from None
