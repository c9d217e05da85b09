"""What the DAGs for Airflow read from it: connections, to a PostgreSQL on a port, and variables."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.support.postgres import of_wheel
from tests.support.project import ROOT
from tests.support.warehouses import postgres_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.partly_refused import PartlyRefused
    from tests.support.warehouses import Warehouse

PASSWORD = "made_up_5b0e27c4"  # noqa: S105 - made up, looked for by the tests
_PLUGINS = ROOT / ".meltano"
_PROGRAMS = (
    ROOT / ".venv" / "bin",
    _PLUGINS / "loaders" / "target-postgres" / "venv" / "bin",
    _PLUGINS / "utilities" / "dbt" / "venv" / "bin",
)


@contextmanager
def postgres_on_port(directory: Path) -> Iterator[Warehouse]:
    """Run PostgreSQL with a password: the loader cannot be told a socket by host and port."""
    get_server = of_wheel("postgres_server").get_server
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with get_server(directory, cleanup_mode="stop") as server:
        server.psql(f"create role dagctl superuser login password '{PASSWORD}';")
        (directory / "pg_hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\n")
        options = ("-o", f"-h 127.0.0.1 -p {port} -k ''", "-l", str(directory / "log"))
        run = partial(
            of_wheel("pgexec").pgexec,
            "pg_ctl",
            bin_path=server.bin_path,
            user=server.system_user,
        )
        run(("-w", "-D", str(directory), *options, "restart"))
        try:
            yield postgres_at(f"postgresql+psycopg2://dagctl:{PASSWORD}@127.0.0.1:{port}/postgres")
        finally:
            # The wheel knows only the server that it started itself.
            run(("-w", "-D", str(directory), "-m", "fast", "stop"))


def connections(account: PartlyRefused) -> dict[str, dict[str, Any]]:
    """Return them by name; one has thresholds, and one an address for messages."""
    api = account.api
    url = urlsplit(account.warehouse.environment["TARGET_POSTGRES_SQLALCHEMY_URL"])
    server = {
        "conn_type": "postgres",
        "host": url.hostname,
        "port": url.port,
        "login": url.username,
        "password": url.password,
        "schema": url.path[1:],
    }
    tap = {
        "TAP_DAGCTL_API_URL": api.url,
        "DAGCTL_SLA_SECONDS": 77,
        "DAGCTL_SLA_SECONDS_BY_PROJECT": {},
    }
    target = {
        "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": "dagctl",
        "TARGET_POSTGRES_VALIDATE_RECORDS": False,
    }
    token = {"login": api.world.organization_id, "password": api.world.token}
    return {
        "dagctl": {"conn_type": "http", **token, "extra": tap},
        "dagctl_warehouse": {**server, "extra": target},
        "dagctl_states": server,
        "dagctl_notify": {"conn_type": "generic", "password": account.hook.address},
    }


def variables(report: Path) -> dict[str, str]:
    """Return this checkout, where its programs are, and where the report goes."""
    path = ":".join(map(str, _PROGRAMS))
    return {
        "dagctl_home": str(ROOT),
        "dagctl_path": f"{path}:/usr/local/bin:/usr/bin:/bin",
        "dagctl_report": str(report),
    }
