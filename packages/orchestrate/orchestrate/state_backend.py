"""Where states are kept: one part for each project, and a lock for each.

`STATE_BACKEND_URI` says where: `postgresql://user:password@host/database`, `s3://bucket/prefix`, or
a folder. PostgreSQL needs `psycopg`, S3 needs `s3fs`.

A lock lives as long as any process holds the descriptor that stands for it. The tap and the target
inherit it, so a sync whose parent was killed keeps its projects locked until the last process that
may still write has ended. S3 has no locks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrate.backends.base import VARIABLE, StateBackend
from orchestrate.errors import OrchestrateError


@contextmanager
def state_backend(uri: str | None, state_id: str) -> Iterator[StateBackend]:
    """Open the place that `uri` names, for the states under `state_id`.

    Raises:
        OrchestrateError: it cannot be reached or used.
    """
    if not uri:
        raise OrchestrateError(
            f"{VARIABLE} is not set: it says where states are kept, like postgresql://…, "
            "s3://bucket/prefix or a folder"
        )
    backend = _opened(uri, state_id)
    try:
        yield backend
    finally:
        backend.close()


def _opened(uri: str, state_id: str) -> StateBackend:
    """Import what `uri` needs, and only that."""
    try:
        if re.match(r"postgres(ql)?(\+\w+)?://", uri):
            from orchestrate.backends.postgres import PostgresStates  # noqa: PLC0415

            return PostgresStates(uri, state_id)
        if "://" in uri:
            from orchestrate.backends.objects import ObjectStates  # noqa: PLC0415

            return ObjectStates(uri, state_id)
        from orchestrate.backends.folder import FolderStates  # noqa: PLC0415

        return FolderStates(Path(uri), state_id)
    except ImportError as error:
        raise OrchestrateError(
            f"{VARIABLE}: {error}; PostgreSQL needs psycopg[binary], and S3 needs s3fs"
        ) from None
