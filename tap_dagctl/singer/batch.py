"""BATCH files: whether what `batch_config` asks for can be had."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from tap_dagctl.errors import ConfigurationError
from tap_dagctl.redaction import credentials_of

if TYPE_CHECKING:
    from collections.abc import Mapping


class _Encoding(msgspec.Struct, forbid_unknown_fields=True):
    format: Literal["jsonl", "parquet"]
    compression: Literal["gzip", "none"] | None = None


class _Storage(msgspec.Struct, forbid_unknown_fields=True):
    root: Annotated[str, msgspec.Meta(min_length=1)]
    prefix: str | None = None
    params: dict[str, Any] = {}


class _BatchConfig(msgspec.Struct, forbid_unknown_fields=True):
    encoding: _Encoding
    storage: _Storage
    batch_size: Annotated[int, msgspec.Meta(ge=1)] | None = None


def check_batch(batch_config: Mapping[str, Any]) -> None:
    """Check what the SDK finds out only when the first file is written, or never.

    Raises:
        ConfigurationError: it cannot be had.
    """
    try:
        config = msgspec.convert(batch_config, _BatchConfig)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"batch_config cannot be used: {error}") from None
    encoding = config.encoding
    if credentials_of(config.storage.root):
        # The URL of each file would carry them to the target and its log.
        what = "storage.root holds credentials: write them into storage.params"
    elif encoding.format == "parquet" and find_spec("pyarrow") is None:
        what = "parquet needs pyarrow, which is not here: install it beside the tap, or set jsonl"
    elif encoding.format == "jsonl" and encoding.compression != "gzip":
        # The SDK compresses the files all the same, and a target would take them for plain text.
        what = "jsonl is always written with gzip: set encoding.compression to gzip"
    else:
        return
    raise ConfigurationError(f"batch_config: {what}")


def is_of_storage(error: Exception) -> bool:
    """Whether a file could not be written, and not a row read or mapped.

    Libraries for S3 and its like raise errors of their own, such as botocore's for credentials that
    are missing.
    """
    package = type(error).__module__.partition(".")[0]
    of_rows = ("tap_dagctl", "singer_sdk", "simpleeval", "builtins")
    return isinstance(error, (ImportError, OSError, ValueError)) or package not in of_rows
