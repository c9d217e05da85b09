"""Logging as the environment asks for it, or one line that says why not."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from singer_sdk.metrics import METRICS_LOGGER_NAME
from typing_extensions import override

from tap_dagctl.errors import ConfigurationError, one_line
from tap_dagctl.redaction import redact
from tap_dagctl.singer import state

_FILE = "SINGER_SDK_LOG_CONFIG"


class _RedactingFormatter(logging.Formatter):
    """Masks secrets in each line as it is written, whoever logged it."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self._formatter = formatter

    @override
    def format(self, record: logging.LogRecord) -> str:
        return redact(self._formatter.format(record))


@contextmanager
def set_up(levels: Sequence[str]) -> Iterator[None]:
    """Check the logging environment before and after the SDK sets logging up.

    Of the variables `levels`, the first that is set names the level.
    """
    for variable in (*levels, _FILE):
        if os.environ.get(variable) == "":
            del os.environ[variable]  # as good as unset, which the SDK does not know
    name, level = next(((it, os.environ[it]) for it in levels if it in os.environ), ("", "info"))
    if not isinstance(logging.getLevelName(level.upper()), int):
        msg = f"{name} is {one_line(level)!r}: write debug, info, warning, error or critical"
        raise ConfigurationError(msg)
    path = os.environ.get(_FILE)
    advice = (
        f"{_FILE} names {one_line(path or '')!r}, which is no logging configuration "
        "(docs/orchestrators.md has one)"
    )
    # That of a Path raises, before Python 3.14, for a name that no file can have.
    if path is not None and not os.path.exists(path):  # noqa: PTH110
        raise ConfigurationError(f"{advice}: there is no such file")
    try:
        yield
        _leave_out_lines_of_each_project()
        for handler in _handlers():
            if not isinstance(handler.formatter, _RedactingFormatter):
                handler.setFormatter(_RedactingFormatter(handler.formatter or logging.Formatter()))
            # A line that cannot be written is a traceback each time.
            line = logging.LogRecord("tap-dagctl", logging.INFO, __file__, 0, "", (), None)
            if handler.filter(line):
                handler.format(line)
    except Exception as error:  # noqa: BLE001 - the classes a user's own file may name raise any
        why = one_line(f"{error}: {error.__cause__}" if error.__cause__ else f"{error}")
        raise ConfigurationError(f"{advice}: {why or type(error).__name__}") from None


def _leave_out_lines_of_each_project() -> None:
    """Leave out the metrics and where each project begins, unless the environment asks for them.

    They are asked for by the level debug, or by a logging configuration that names their logger.
    The SDK sets that logger's level itself, so a filter must do it.
    """
    for name in (METRICS_LOGGER_NAME, state.LOGGER):
        logger = logging.getLogger(name)
        is_named = logger.level != logging.NOTSET or logger.handlers
        if not is_named and logger.getEffectiveLevel() > logging.DEBUG:
            logger.addFilter(lambda line: line.levelno > logging.INFO)


def _handlers() -> set[logging.Handler]:
    """Return every handler there is: a user's configuration may give any logger its own."""
    loggers = [logging.getLogger(), *logging.root.manager.loggerDict.values()]
    return {handler for logger in loggers for handler in getattr(logger, "handlers", ())}
