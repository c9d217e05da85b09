"""What the streams of one sync share: its settings, its client, and what has failed so far."""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tap_dagctl.api.client import Client
from tap_dagctl.api.prefetch import Prefetch
from tap_dagctl.errors import Failures, TapError
from tap_dagctl.settings import Settings
from tap_dagctl.summary import Summary

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Sync:
    """One sync.

    Nothing is checked or opened before it is needed: discovery may have no usable configuration.

    Attributes:
        config: the configuration as it was handed over.
        failures: what failed so far, while the rest of the sync goes on.
        summary: what has been done so far.
        created_at: by project, when the API says that it was created.
        before_early_end: is called before a signal or an error ends the sync.
    """

    def __init__(self, config: Mapping[str, Any], *, version: str) -> None:
        """Prepare it.

        Args:
            config: a configuration that the SDK has validated, or, in discovery, any.
            version: the tap's version.
        """
        self.config = config
        self.failures = Failures()
        self.summary = Summary()
        self.created_at: dict[str, object] = {}
        self.before_early_end: Callable[[], None] = lambda: None
        self._version = version

    @cached_property
    def settings(self) -> Settings:
        """The settings after every check.

        Raises:
            ConfigurationError: one of them cannot be used.
        """
        return Settings.from_config(self.config, version=self._version)

    @cached_property
    def client(self) -> Client:
        """The one client, so that all streams share its connections."""
        return Client(self.settings)

    @cached_property
    def prefetch(self) -> Prefetch:
        """The client, with the first requests of the next streams and projects made ahead."""
        return Prefetch(self.client, self.settings.max_connections)

    def end_early(self, why: str) -> None:
        """Take note that a signal or an error ends the sync, if it has begun."""
        if self.summary.parts:
            self.summary.end_early(why)
            # What ends it is told, not this.
            with suppress(TapError):
                self.before_early_end()

    @property
    def includes_sensitive(self) -> bool:
        """`include_sensitive`, which discovery needs too."""
        return self.config.get("include_sensitive") is True
