"""A tap as the SDK wants it: every private name of its `Tap`, each with its reason.

`tests/singer/test_sdk_guards.py` fails when the SDK changes one of them.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from functools import partial
from types import FrameType, MappingProxyType
from typing import Any, ClassVar, NoReturn

import click
from singer_sdk import Tap
from singer_sdk.cli import plugin_cli
from singer_sdk.configuration._dict_config import parse_environment_config
from singer_sdk.helpers._catalog import get_selected_schema
from singer_sdk.mapper import SameRecordTransform
from singer_sdk.plugin_base import PluginBase
from typing_extensions import override

from tap_dagctl.errors import Stopped
from tap_dagctl.redaction import remember
from tap_dagctl.singer import environment, logs
from tap_dagctl.singer.misspelt import unknown_settings, unknown_streams
from tap_dagctl.singer.state import SparingStateWriter
from tap_dagctl.singer.writer import Writer


class InterruptibleTap(Tap):
    """A tap that ends at a signal with a last state, and an exit code that says so.

    `variables` has, by setting, those of the environment that settings were read from. Streams heed
    `hidden_settings`, though no capability names them.
    """

    message_writer: Writer
    variables: Mapping[str, str] = MappingProxyType({})
    hidden_settings: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    _interrupted = False

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - the SDK's own
        if isinstance(config := kwargs.get("config"), dict):
            remember(config)
        # A signal may come while the SDK makes the tap.
        self.message_writer = kwargs.setdefault("message_writer", Writer())
        self.states = SparingStateWriter(self.message_writer)
        super().__init__(**kwargs)
        self.message_writer.token = str(self.config.get("api_token") or "").strip()
        # The size of BATCH files is not known: a state goes out after each, as in the SDK.
        self.states.is_sparing = not self.config.get("batch_config")
        # The SDK has no public way to bring a writer of states.
        self._state_writer = self.states

    @property
    @override
    def _env_var_config(self) -> dict[str, Any]:
        """The settings in the environment, each of its type, or an error that names the variable.

        The SDK has no public place for that. Its own reader finds the texts, those in `.env` too.
        """
        self.append_builtin_config(self.config_jsonschema)
        schemas = {**self.config_jsonschema["properties"], **self.hidden_settings}
        texts = {name: {"type": ["string"]} for name in schemas}
        found = parse_environment_config({"properties": texts}, self._env_var_prefix)
        self.variables = {name: f"{self._env_var_prefix}{name.upper()}" for name in found}
        values = {
            name: environment.value_of(text, schemas[name]["type"], self.variables[name])
            for name, text in found.items()
        }
        remember(values)
        # An empty text is its default, as an empty variable of any other type is.
        return {
            name: value
            for name, value in values.items()
            if value is not None and (value != "" or "default" not in schemas[name])
        }

    def warn_of_misspelt_names(self, streams: Collection[str]) -> None:
        known = {**self.config_jsonschema["properties"], **self.hidden_settings, "loglevel": {}}
        for warning in (
            *unknown_settings(self.config, os.environ, self._env_var_prefix, known),
            *unknown_streams(self.config.get("stream_maps"), streams),
        ):
            self.logger.warning("%s", warning)

    @plugin_cli
    @override
    def cli(cls) -> click.Command:  # noqa: N805 - the SDK calls it with the class
        with logs.set_up((f"{cls._env_var_prefix}LOGLEVEL", "LOGLEVEL")):
            return super().cli

    @override
    def setup_mapper(self) -> None:
        """Make the maps of what is selected, from the streams as the catalog has left them.

        The SDK makes them from the catalog alone: of a stream that is not selected, which has no
        field there, not even its key; of one that is not listed, none.
        """
        PluginBase.setup_mapper(self)
        for stream in self.streams.values():
            if stream.selected:
                schema = get_selected_schema(stream.name, stream.effective_schema, stream.mask)
                self.mapper.register_raw_stream_schema(stream.name, schema, stream.primary_keys)
            else:
                flattening = self.mapper.flattening_options
                plain = SameRecordTransform(
                    stream.name, stream.schema, stream.primary_keys, flattening_options=flattening
                )
                self.mapper.stream_maps[stream.name] = [plain]

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """End with the exit code of the signal, once the line being written is whole.

        The SDK registers this for SIGINT and SIGTERM before the tap is whole, ends with 0, and
        writes the state even into a line that is only half written.
        """
        if self._interrupted:
            # Whoever asks twice does not want to wait for a target that reads no more.
            Writer.abandon()
            raise Stopped(signum)
        self._interrupted = True
        self.message_writer.between_lines(partial(self._stop, signum))

    def _stop(self, signum: int) -> NoReturn:
        # There is none in discovery, nor while the tap is made. With files, the state is ahead of
        # what was announced: the rows of the file that is being written would be lost.
        state = getattr(self, "state", None)
        if state and self.states.is_sparing:
            self.states.write_now(state)
        raise Stopped(signum)
