"""The command line: what a user can cause ends in one line on stderr and a non-zero exit."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from singer_sdk.plugin_base import SingerCommand

from tap_dagctl.errors import TapError

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator

    import click


class Command(SingerCommand):
    """The SDK's command, without tracebacks for what a user can cause.

    `--test` and `--discover` run while click parses the options, before the SDK begins to catch
    anything (singer_sdk/tap_base.py, `cb_test`), so both halves are guarded.
    """

    @override
    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with _one_line_each(self.logger):
            return super().make_context(*args, **kwargs)

    @override
    def invoke(self, ctx: click.Context) -> Any:
        with _one_line_each(self.logger):
            return super().invoke(ctx)


@contextmanager
def _one_line_each(logger: logging.Logger) -> Iterator[None]:
    try:
        yield
    except TapError as error:
        for line in str(error).splitlines():
            logger.error("%s", line)  # noqa: TRY400 - a traceback helps nobody here
        sys.exit(1)
