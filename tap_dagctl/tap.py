"""The tap: settings, the list of streams, the command."""

from __future__ import annotations

import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers.capabilities import TapCapabilities

from tap_dagctl import settings, streams
from tap_dagctl.batch import check_batch
from tap_dagctl.catalog_layout import check_catalog
from tap_dagctl.client import Client
from tap_dagctl.command import Command
from tap_dagctl.environment import naming_variables
from tap_dagctl.errors import ConfigurationError
from tap_dagctl.failures import Failures
from tap_dagctl.sdk import InterruptibleTap
from tap_dagctl.sensitive import without_sensitive
from tap_dagctl.settings import Settings
from tap_dagctl.state_layout import check_state

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Sequence

    import click
    from singer_sdk import Stream
    from singer_sdk.helpers.capabilities import CapabilitiesEnum
    from singer_sdk.singerlib import Catalog


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
        """See the SDK; a configuration that cannot be used is refused before any request.

        Raises:
            ConfigurationError: with one line for each thing that is wrong.
        """
        if isinstance(catalog, dict):
            check_catalog(catalog)
        try:
            super().__init__(catalog=catalog, validate_config=validate_config, **kwargs)
        except ConfigValidationError as error:
            raise ConfigurationError(settings.explain(error.errors, self.variables)) from None
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            # The SDK reads the catalog and the stream maps there, unguarded.
            msg = f"The configuration, state or catalog cannot be read: {error!r}; {settings.HELP}"
            raise ConfigurationError(msg) from None
        if validate_config:
            self._check_settings()
        if catalog is not None and not any(stream.selected for stream in self.streams.values()):
            self.logger.warning("The catalog selects no stream of this tap, so nothing is read")

    def _check_settings(self) -> None:
        try:
            _ = self.settings
            if batch_config := self.config.get("batch_config"):
                check_batch(batch_config)
        except ConfigurationError as error:
            raise ConfigurationError(naming_variables(str(error), self.variables)) from None

    @cached_property
    def settings(self) -> Settings:
        """The settings after every check.

        Raises:
            ConfigurationError: one of them cannot be used.
        """
        return Settings.from_config(self.config, version=self.plugin_version)

    @cached_property
    def client(self) -> Client:
        """The one client of a sync, so that its streams share connections."""
        return Client(self.settings)

    @cached_property
    def failures(self) -> Failures:
        """What failed so far, while the rest of the sync goes on."""
        return Failures()

    @override
    def discover_streams(self) -> Sequence[Stream]:
        includes_sensitive = settings.includes_sensitive(self.config)
        return [
            stream(self)
            for stream in streams.STREAMS
            if includes_sensitive or not stream.is_sensitive
        ]

    @cached_property
    @override
    def input_catalog(self) -> Catalog | None:
        """The catalog handed over, without what is not offered."""
        catalog = super().input_catalog
        if catalog is None or settings.includes_sensitive(self.config):
            return catalog
        by_name = {stream.name: stream for stream in streams.STREAMS}
        catalog, selected = without_sensitive(catalog, by_name)
        if selected:
            self.logger.warning(
                "The catalog selects %s, which is left out: it may hold personal or security data, "
                "and is loaded only with include_sensitive: true",
                ", ".join(selected),
            )
        return catalog

    @override
    def load_state(self, state: dict[str, Any]) -> None:
        check_state(state, self.streams.values(), names={stream.name for stream in streams.STREAMS})
        super().load_state(state)

    @override
    @classmethod
    def cb_config(cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]) -> Any:
        try:
            return super().cb_config(ctx, param, value)
        except (OSError, ValueError, TypeError) as error:
            msg = f"--config {' '.join(value)} cannot be read: {error}"
            raise ConfigurationError(msg) from None

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
