"""How a stream is replicated and keyed, as its entry in a catalog says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_dagctl.errors import ConfigurationError, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from singer_sdk.singerlib import CatalogEntry

_ADVICE = "take that out of the catalog, or of `metadata` in meltano.yml"


def check_replication(stream: str, replication_key: str | None, entry: CatalogEntry) -> None:
    """Check that a stream can be replicated as its entry says.

    Args:
        stream: its name.
        replication_key: its replication key, if it has one.
        entry: its entry in the catalog.

    Raises:
        ConfigurationError: it cannot.
    """
    metadata = entry.metadata.root
    wanted = [entry.replication_key, metadata.replication_key]
    if replication_key is None:
        methods = (entry.replication_method, metadata.forced_replication_method)
        wanted += [method for method in methods if method == "INCREMENTAL"]
    for name in wanted:
        if name and name != replication_key:
            only = replication_key or "reading it whole"
            msg = f"{stream} cannot be replicated by {one_line(name)}, only by {only}; {_ADVICE}"
            raise ConfigurationError(msg)


def keys_of(
    stream: str, schema: Mapping[str, Any], own: Sequence[str], entry: CatalogEntry
) -> Sequence[str]:
    """Return the keys that an entry gives a stream; the tap's own where it says nothing else.

    Args:
        stream: its name.
        schema: the tap's own schema of it.
        own: the tap's own keys.
        entry: its entry in the catalog.

    Raises:
        ConfigurationError: rows would overwrite each other, or a key could be null.
    """
    keys = own
    for given in (entry.key_properties, entry.metadata.root.table_key_properties):
        if given and set(given) != set(own):
            if not set(own) <= set(given) <= set(schema["required"]):
                msg = (
                    f"{stream} cannot have the key {one_line(', '.join(given))}, only "
                    f"{', '.join(own)}; {_ADVICE}"
                )
                raise ConfigurationError(msg)
            keys = given
    return keys
