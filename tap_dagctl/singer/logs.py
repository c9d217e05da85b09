"""Logging as the environment asks for it, or one line that says why not."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tap_dagctl.errors import ConfigurationError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_FILE = "SINGER_SDK_LOG_CONFIG"


@contextmanager
def set_up(levels: Sequence[str]) -> Iterator[None]:
    """Stand around the SDK's own set-up, which takes the environment as it is.

    Args:
        levels: the variables that may name a level; the first that does counts.

    Raises:
        ConfigurationError: a variable holds what is no level, or names what is no configuration.
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
        msg = f"{advice}: there is no such file"
        raise ConfigurationError(msg)
    try:
        yield
        # A line that cannot be written is a traceback each time.
        for handler in logging.getLogger().handlers:
            line = logging.LogRecord("tap-dagctl", logging.INFO, __file__, 0, "", (), None)
            if handler.filter(line):
                handler.format(line)
    except Exception as error:  # noqa: BLE001 - the classes a user's own file may name raise any
        why = one_line(f"{error}: {error.__cause__}" if error.__cause__ else f"{error}")
        msg = f"{advice}: {why or type(error).__name__}"
        raise ConfigurationError(msg) from None
