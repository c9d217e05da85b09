"""The command line: what a user can cause ends in one line on stderr and a non-zero exit."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from singer_sdk.exceptions import SingerSDKError
from singer_sdk.plugin_base import SingerCommand
from typing_extensions import override

from tap_dagctl.errors import OutputError, Stopped, TapError
from tap_dagctl.singer.checks import json_object
from tap_dagctl.singer.writer import Writer

_AFTER_A_SIGNAL = "the next sync resumes from the last state that the target passed on"


class Command(SingerCommand):
    """The SDK's command, with one line instead of a traceback for what a user can cause.

    It guards both steps of click: a sync runs in `invoke`, but `--test` and `--discover` already
    run in `make_context`, where the options are parsed (singer_sdk/tap_base.py, `cb_test`).
    """

    @override
    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with _one_line_each(self.logger):
            if sys.stdout is None:  # whoever started the program closed it
                raise OutputError("There is no standard output to write to; start the tap with one")
            return super().make_context(*args, **kwargs)

    @override
    def invoke(self, ctx: click.Context) -> Any:
        with _one_line_each(self.logger):
            for option in ("state", "catalog"):
                if file := ctx.params.get(option):
                    # It may be a pipe, and so can be read only once.
                    value = json_object(f"--{option}", file.name, file.buffer.read())
                    ctx.params[option] = io.StringIO(json.dumps(value))
            return super().invoke(ctx)


@contextmanager
def _one_line_each(logger: logging.Logger) -> Iterator[None]:
    try:
        yield
    except Stopped as stopped:
        # Not in the signal's handler: it may have come while a line was logged.
        logger.warning("Stopped by %s; %s", stopped.signal_name, _AFTER_A_SIGNAL)
        # An object that the signal left half made, such as an answer, fails to close itself. From
        # Python 3.13 on, Python then prints a traceback.
        sys.unraisablehook = lambda _: None
        raise
    except (OSError, RecursionError, TapError, SingerSDKError) as error:
        text = str(error) or type(error).__name__
        if isinstance(error, OSError):
            # Of what is not a message, such as a catalog, or a batch's file.
            Writer.abandon()
            text = str(OutputError.of(error))
        elif isinstance(error, RecursionError):
            text = "The API sent a value nested too deeply to be loaded; report it to dagctl"
        for line in text.splitlines():
            logger.error("%s", line)  # noqa: TRY400 - a traceback helps nobody here
        sys.exit(1)
