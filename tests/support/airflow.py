"""What the DAGs for Airflow read from it: connections, to a PostgreSQL on a port, and variables."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.partly_refused import PartlyRefused
from tests.support.postgres import of_wheel
from tests.support.project import ROOT
from tests.support.warehouses import Warehouse, postgres_at

PASSWORD = "made_up_5b0e27c4"  # noqa: S105 - made up, looked for by the tests


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
        pgexec, user = of_wheel("pgexec").pgexec, server.system_user
        run = partial(pgexec, "pg_ctl", bin_path=server.bin_path, user=user)
        run(("-w", "-D", str(directory), *options, "restart"))
        try:
            yield postgres_at(f"postgresql+psycopg2://dagctl:{PASSWORD}@127.0.0.1:{port}/postgres")
        finally:
            # The wheel knows only the server that it started itself.
            run(("-w", "-D", str(directory), "-m", "fast", "stop"))


def variables(account: PartlyRefused, report: Path) -> dict[str, str]:
    """Return the connections and variables that the DAGs read."""
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
    tap = {"TAP_DAGCTL_API_URL": api.url, "DAGCTL_SLA_SECONDS": 77}
    schema = {"TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": "dagctl"}
    target = {**schema, "TARGET_POSTGRES_VALIDATE_RECORDS": False}
    token = {"login": api.world.organization_id, "password": api.world.token}
    connections = {
        "dagctl": {"conn_type": "http", **token, "extra": tap},
        "dagctl_warehouse": {**server, "extra": target},
        "dagctl_states": server,
        "dagctl_notify": {"conn_type": "generic", "password": account.hook.address},
    }
    plugins = [f"{ROOT}/.meltano/{it}/venv" for it in ("loaders/target-postgres", "utilities/dbt")]
    path = [f"{it}/bin" for it in (f"{ROOT}/.venv", *plugins, "/usr/local", "/usr", "")]
    return {
        **{f"AIRFLOW_CONN_{name.upper()}": json.dumps(it) for name, it in connections.items()},
        "AIRFLOW_VAR_DAGCTL_HOME": str(ROOT),
        "AIRFLOW_VAR_DAGCTL_PATH": ":".join(path),
        "AIRFLOW_VAR_DAGCTL_REPORT": str(report),
    }
