"""The tap: settings, the list of streams, the command."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import click
from singer_sdk import Stream
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers.capabilities import CapabilitiesEnum, TapCapabilities
from singer_sdk.singerlib import Catalog
from singer_sdk.tap_base import CliTestOptionValue
from typing_extensions import override

import tap_dagctl.singer.about  # noqa: F401 - takes the place of the SDK's text for `--about`
from tap_dagctl import settings, streams
from tap_dagctl.errors import ConfigurationError
from tap_dagctl.singer.catalog import selected_sensitive
from tap_dagctl.singer.checks import check_batch, check_catalog, check_state, json_object
from tap_dagctl.singer.command import Command
from tap_dagctl.singer.environment import explain, naming_variables
from tap_dagctl.singer.tap import InterruptibleTap
from tap_dagctl.streams.base import Sync


class TapDagctl(InterruptibleTap):
    """Everything dagctl records about its pipelines, exactly."""

    name = "tap-dagctl"
    config_jsonschema: ClassVar[dict[str, Any]] = settings.SCHEMA
    hidden_settings: ClassVar[dict[str, Any]] = {settings.ACTIVATE_VERSION: {"type": ["boolean"]}}
    # The SDK would have a target delete what a sync did not bring, though a project has failed.
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        capability
        for capability in InterruptibleTap.capabilities
        if capability is not TapCapabilities.ACTIVATE_VERSION
    ]

    def __init__(
        self,
        *,
        catalog: Any = None,  # noqa: ANN401 - the SDK's own
        validate_config: bool = True,
        **kwargs: Any,  # noqa: ANN401 - the SDK's own
    ) -> None:
        if isinstance(catalog, dict):
            check_catalog(catalog)
        try:
            super().__init__(catalog=catalog, validate_config=validate_config, **kwargs)
        except ConfigValidationError as error:
            self.warn_of_misspelt_names(streams.BY_NAME)
            raise ConfigurationError(explain(error.errors, self.variables)) from None
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            # The SDK reads the catalog and the stream maps there, unguarded.
            msg = f"The configuration, state or catalog cannot be read: {error!r}; {settings.HELP}"
            raise ConfigurationError(msg) from None
        # Meltano discovers before each sync, which then warns.
        if validate_config or "MELTANO_EXTRACTOR_NAME" not in os.environ:
            self.warn_of_misspelt_names(streams.BY_NAME)
        if validate_config:
            try:
                _ = self.sync.settings
                if batch_config := self.config.get("batch_config"):
                    check_batch(batch_config)
            except ConfigurationError as error:
                raise ConfigurationError(naming_variables(str(error), self.variables)) from None
        if self.input_catalog is not None:
            self._warn_of_selection(self.input_catalog)

    def _warn_of_selection(self, catalog: Catalog) -> None:
        if not settings.includes_sensitive(self.config) and (
            selected := [*selected_sensitive(catalog, streams.BY_NAME)]
        ):
            self.logger.warning(
                "The catalog selects %s, which is left out: it may hold personal or security data, "
                "and is loaded only with include_sensitive: true",
                ", ".join(selected),
            )
        if not any(stream.selected for stream in self.streams.values()):
            self.logger.warning("The catalog selects no stream of this tap, so nothing is read")

    @cached_property
    def sync(self) -> Sync:
        return Sync(self.config, version=self.plugin_version)

    @override
    def discover_streams(self) -> Sequence[Stream]:
        return [
            stream(self, self.sync)
            for stream in streams.STREAMS
            if settings.includes_sensitive(self.config) or not stream.is_sensitive
        ]

    @override
    def load_state(self, state: dict[str, Any]) -> None:
        check_state(state, self.streams.values(), names=streams.BY_NAME.keys())
        super().load_state(state)

    @override
    @classmethod
    def cb_config(cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]) -> Any:
        # The SDK reads UTF-8 without a BOM only.
        given = super().cb_config(ctx, param, tuple(path for path in value if path == "ENV"))
        for path in value:
            if path != "ENV":
                try:
                    given.config |= json_object("--config", path, Path(path).read_bytes())
                except (OSError, ValueError) as error:
                    raise ConfigurationError(f"--config {path} cannot be read: {error}") from None
        return given

    @override
    @classmethod
    def cb_test(cls, ctx: click.Context, param: click.Option, value: str) -> None:
        if value != CliTestOptionValue.All.value:
            super().cb_test(ctx, param, value)
            return
        # The SDK does just this, and says nothing.
        given = ctx.params["config"]
        tap = cls(config=given.config, parse_env_config=given.parse_env)
        tap.run_connection_test()
        cls.logger.info("%s", tap.sync.summary.tested())
        ctx.exit()

    @override
    @classmethod
    def get_singer_command(cls) -> click.Command:
        command = super().get_singer_command()
        return Command(
            name=command.name,
            callback=command.callback,
            params=command.params,
            help=command.help,
            context_settings=command.context_settings,
            logger=cls.logger,
        )
