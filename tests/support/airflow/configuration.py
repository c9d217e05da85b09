"""What the DAGs read from Airflow: connections and variables."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.support.airflow.servers import ROLE
from tests.support.project import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from stand_in.server import Api
    from tests.support.airflow.servers import Postgres

_PLUGINS = ROOT / ".meltano"
_PROGRAMS = (
    ROOT / ".venv" / "bin",
    _PLUGINS / "loaders" / "target-postgres" / "venv" / "bin",
    _PLUGINS / "utilities" / "dbt" / "venv" / "bin",
)
WAREHOUSE = "warehouse"


def connections(
    api: Api, postgres: Postgres, *, schema: str = "dagctl", states: str = "states"
) -> list[dict[str, Any]]:
    """Return the connections that every task needs.

    Args:
        api: whose account is read.
        postgres: the server with the warehouse and the states.
        schema: where the tables are, in the database `warehouse`.
        states: the database of the states.
    """
    server = {
        "conn_type": "postgres",
        "host": "127.0.0.1",
        "port": postgres.port,
        "login": ROLE,
        "password": postgres.password,
    }
    target = {
        "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": schema,
        "TARGET_POSTGRES_VALIDATE_RECORDS": False,
    }
    return [
        {
            "connection_id": "dagctl",
            "conn_type": "http",
            "login": api.world.organization_id,
            "password": api.world.token,
            "extra": json.dumps({"TAP_DAGCTL_API_URL": api.url}),
        },
        {
            "connection_id": "dagctl_warehouse",
            **server,
            "schema": WAREHOUSE,
            "extra": json.dumps(target),
        },
        {"connection_id": "dagctl_states", **server, "schema": states},
    ]


def variables(report: Path) -> dict[str, str]:
    """Return the variables: this checkout, where its programs are, and where the report goes."""
    path = ":".join(map(str, _PROGRAMS))
    return {
        "dagctl_home": str(ROOT),
        "dagctl_path": f"{path}:/usr/local/bin:/usr/bin:/bin",
        "dagctl_report": str(report),
    }


def programs_environment(api: Api, postgres: Postgres, schema: str) -> dict[str, str]:
    """Return what a single tap and its target read, without Airflow."""
    return {
        "TAP_DAGCTL_API_TOKEN": api.world.token,
        "TAP_DAGCTL_ORGANIZATION_ID": api.world.organization_id,
        "TAP_DAGCTL_API_URL": api.url,
        "TARGET_POSTGRES_SQLALCHEMY_URL": postgres.url(WAREHOUSE, "postgresql+psycopg2"),
        "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": schema,
        "TARGET_POSTGRES_VALIDATE_RECORDS": "false",
        "PATH": variables(ROOT)["dagctl_path"],
    }
