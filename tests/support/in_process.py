"""Runs the tap in the test's own process, where its clock can be changed."""

from __future__ import annotations

import io
import logging
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from singer_sdk.metrics import METRICS_LOGGER_NAME

from tap_dagctl import redaction
from tap_dagctl.errors import TapError
from tap_dagctl.singer.state import LOGGER
from tap_dagctl.tap import TapDagctl
from tests.support import troubleshooting
from tests.support.simulation import Collector, Killed, handlers_kept
from tests.support.syncs import Output, config_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from stand_in.server import Api


def sync(
    api: Api,
    state: dict[str, Any] | None = None,
    streams: Collection[str] | None = None,
    *,
    cut: int | None = None,
    **settings: Any,
) -> Collector:
    """Sync, and return what came; of the streams below the projects, only `streams`.

    After `cut` messages it is killed.
    """
    pipe = Collector(cut)
    config = config_of(api, **settings)
    try:
        with handlers_kept(), suppress(Killed):
            tap = TapDagctl(config=config, state=state, message_writer=pipe)
            for name, stream in tap.streams.items():
                if streams is not None and name not in {"projects", *streams}:
                    stream.selected = False
            tap.sync_all()
    except TapError as error:
        troubleshooting.check(str(error).splitlines())
        raise
    return pipe


def command(*arguments: str) -> Output:
    """Run the command line, and return what it wrote."""
    stdout, stderr = io.StringIO(), io.StringIO()
    with redirect_stdout(stdout), redirect_stderr(stderr), handlers_kept(), _logging_kept():
        try:
            TapDagctl.cli.main(arguments)
        except SystemExit as end:
            exit_code = end.code
    return Output.of(int(exit_code or 0), stdout.getvalue(), stderr.getvalue())


@contextmanager
def _logging_kept() -> Iterator[None]:
    """Begin as a program that has just started, and leave behind what was before."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    quiet = [logging.getLogger(name) for name in (METRICS_LOGGER_NAME, LOGGER)]
    before = [(logger, logger.level, logger.filters) for logger in quiet]
    for logger in quiet:
        logger.setLevel(logging.NOTSET)
        logger.filters = []
    with (
        patch.object(sys, "excepthook", sys.excepthook),
        patch.object(redaction, "_patterns", set()),
    ):
        try:
            yield
        finally:
            logging.captureWarnings(capture=False)
            root.handlers[:] = handlers
            root.setLevel(level)
            for logger, its_level, filters in before:
                logger.setLevel(its_level)
                logger.filters = filters


def runs(pipe: Collector) -> list[dict[str, Any]]:
    return [row for name, row in pipe.records if name == "runs"]
