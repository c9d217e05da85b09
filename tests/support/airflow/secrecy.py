"""Where secrets show that nobody should see."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from tests.support.airflow.cluster import DATABASE
from tests.support.airflow.servers import ROLE

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from tests.support.airflow.servers import Postgres


def places(
    secrets: Collection[str], logs: Path, command_lines: Collection[str], postgres: Postgres
) -> list[str]:
    """Return where one of the secrets stands: in logs, on command lines, in Airflow's database."""
    sought = [secret.encode() for secret in secrets]
    contents = {str(file): file.read_bytes() for file in logs.rglob("*") if file.is_file()} | {
        "a command line": "\n".join(command_lines).encode(),
        "Airflow's database": dump(postgres),
    }
    return [name for name, content in contents.items() if any(it in content for it in sought)]


def dump(postgres: Postgres) -> bytes:
    """Return all that Airflow's database holds, as text."""
    address = ("--host", "127.0.0.1", "--port", str(postgres.port), "--username", ROLE)
    return subprocess.run(
        [str(postgres.programs / "pg_dump"), *address, DATABASE],
        env={**os.environ, "PGPASSWORD": postgres.password},
        capture_output=True,
        check=True,
    ).stdout
