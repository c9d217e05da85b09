"""The command line: what a user can cause ends in one line on stderr and a non-zero exit."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
import duckdb
from singer_sdk.exceptions import SingerSDKError
from singer_sdk.plugin_base import SingerCommand
from typing_extensions import override

from target_duckdb.errors import LoadError, first_line


class Command(SingerCommand):
    """The SDK's command, without tracebacks for what a user can cause."""

    @override
    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with self._one_line():
            try:
                return super().make_context(*args, **kwargs)
            except (ValueError, TypeError) as error:
                # The SDK reads the file as it takes the options apart.
                raise LoadError(f"--config is no JSON object: {first_line(error)}") from error

    @override
    def invoke(self, ctx: click.Context) -> Any:
        with self._one_line():
            if sys.stdout is None:
                raise LoadError("Standard output is closed, so no state could be handed on")
            return super().invoke(ctx)

    @contextmanager
    def _one_line(self) -> Iterator[None]:
        try:
            yield
        except (duckdb.OutOfMemoryException, MemoryError) as error:
            why = first_line(error)
            message = f"{why}: give it more memory, or a smaller batch with `batch_size_rows`"
        except (LoadError, SingerSDKError, duckdb.Error, OSError) as error:
            message = first_line(error)
            if isinstance(error, OSError) and sys.stdout is not None:
                _throw_output_away()
        else:
            return
        self.logger.error("%s", message)
        sys.exit(1)


def _throw_output_away() -> None:
    """Throw away what is still buffered: Python would try to write it once more as it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
