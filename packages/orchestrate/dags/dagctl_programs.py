"""What the tasks of dagctl.py are: programs, with settings from Airflow's own connections."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import Connection, Context, Variable
from airflow.sdk.exceptions import AirflowNotFoundException
from typing_extensions import override


class Program(BashOperator):
    """Runs a program with settings and secrets, which Airflow neither logs nor keeps."""

    def __init__(self, **options: Any) -> None:
        """Take the options of a `BashOperator`."""
        usual: dict[str, Any] = {
            "cwd": "{{ var.value.dagctl_home }}",
            "append_env": True,
            "do_xcom_push": False,
            # No exit code means that a task is to be skipped.
            "skip_on_exit_code": None,
        }
        super().__init__(**usual | options)

    @override
    def get_env(self, context: Context) -> dict[str, str]:
        dagctl, warehouse, states = (
            Connection.get(name) for name in ("dagctl", "dagctl_warehouse", "dagctl_states")
        )
        inherited = super().get_env(context)
        variables = {
            **{name: value for name, value in inherited.items() if "AIRFLOW__" not in name},
            **{name: _text(value) for name, value in dagctl.extra_dejson.items()},
            **{name: _text(value) for name, value in warehouse.extra_dejson.items()},
            "TAP_DAGCTL_API_TOKEN": dagctl.password,
            "TAP_DAGCTL_ORGANIZATION_ID": dagctl.login,
            "TARGET_POSTGRES_HOST": warehouse.host,
            "TARGET_POSTGRES_PORT": str(warehouse.port or 5432),
            "TARGET_POSTGRES_USER": warehouse.login,
            "TARGET_POSTGRES_PASSWORD": warehouse.password,
            "TARGET_POSTGRES_DATABASE": warehouse.schema,
            "STATE_BACKEND_URI": states.get_uri(),
            "PATH": Variable.get("dagctl_path"),
            # Else bash reads ~/.bashrc, as its input is a socket; that may set another PATH.
            "SHLVL": "1",
        }
        # What a connection does not have is missed by the program that needs it.
        return {name: value for name, value in variables.items() if value is not None}


class Notify(Program):
    """A program that also gets the addresses of those who are told, if there are any."""

    @override
    def get_env(self, context: Context) -> dict[str, str]:
        variables = super().get_env(context)
        with suppress(AirflowNotFoundException):
            variables["DAGCTL_NOTIFY_ADDRESSES"] = Connection.get("dagctl_notify").password or ""
        return variables


def _text(value: Any) -> str:
    """Return a variable for a value in JSON, such as `false` without quotes."""
    return value if isinstance(value, str) else json.dumps(value)
