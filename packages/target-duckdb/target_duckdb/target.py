"""The target and its settings."""

from __future__ import annotations

import os
from typing import Any, ClassVar

from singer_sdk import typing as th
from singer_sdk.helpers.capabilities import CapabilitiesEnum, PluginCapabilities, TargetCapabilities
from typing_extensions import override

from target_duckdb.misspelt import unknown_settings
from target_duckdb.singer import LinewiseTarget
from target_duckdb.sink import StreamSink


class TargetDuckDB(LinewiseTarget):
    """Singer target for DuckDB: the newest record of every key, exactly, from any tap."""

    name = "target-duckdb"
    package_name = "dagctl-target-duckdb"
    default_sink_class = StreamSink
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        PluginCapabilities.ABOUT,
        PluginCapabilities.ACTIVATE_VERSION,
        PluginCapabilities.BATCH,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.STRUCTURED_LOGGING,
        TargetCapabilities.HARD_DELETE,
        TargetCapabilities.TARGET_SCHEMA,
        TargetCapabilities.VALIDATE_RECORDS,
    ]
    config_jsonschema: ClassVar[dict[str, Any]] = th.PropertiesList(
        th.Property(
            "filepath",
            th.StringType(min_length=1),
            required=True,
            title="File",
            description="The DuckDB file; it is created if it does not exist.",
        ),
        th.Property(
            "default_target_schema",
            th.StringType(min_length=1),
            default="main",
            title="Schema",
            description="The schema of the tables; it is created if it does not exist.",
        ),
        th.Property(
            "batch_size_rows",
            th.IntegerType(minimum=1),
            default=50_000,
            title="Rows in a batch",
            description=(
                "How many records, of all streams together, are loaded at once. Fewer are loaded "
                "if they reach 64 MiB, or with the first state after a minute."
            ),
        ),
        th.Property(
            "add_record_metadata",
            th.BooleanType(),
            default=False,
            title="Add metadata",
            description=(
                "Add the `_sdc_` columns, such as the times at which a record was read and loaded."
            ),
        ),
        th.Property(
            "hard_delete",
            th.BooleanType(),
            default=False,
            title="Delete rows",
            description=(
                "Delete rows that the source has deleted (`_sdc_deleted_at`, ACTIVATE_VERSION), "
                "instead of marking them in `_sdc_deleted_at`."
            ),
        ),
        th.Property(
            "validate_records",
            th.BooleanType(),
            default=False,
            title="Validate records",
            description=(
                "Check each record against the whole JSON schema of its stream, which takes many "
                "times as long. A value that does not fit its column is an error either way."
            ),
        ),
    ).to_dict()

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - the SDK's own
        """See the SDK; what is no setting is told."""
        super().__init__(**options)
        known = {*self.config_jsonschema["properties"], "loglevel"}
        for warning in unknown_settings(self.config, os.environ, known):
            self.logger.warning("%s", warning)

    @override
    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        super().append_builtin_config(config_jsonschema)
        # The SDK offers it for every target; here it would do nothing.
        config_jsonschema["properties"].pop("load_method", None)
