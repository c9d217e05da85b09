"""Lets target-snowflake work with a server on this machine that knows only part of Snowflake.

The loader has no setting for the host. The server knows no files staged for a user: what is done
with them is left out, and the files stay where the loader wrote them. Python imports this module
when it starts with its folder on PYTHONPATH.
"""

from __future__ import annotations

import os
from typing import Any

from snowflake.connector.connection import SnowflakeConnection
from snowflake.connector.cursor import SnowflakeCursor

_WITH_STAGED_FILES = ("put ", "merge into ", "remove ", "drop file format ")

_connect = SnowflakeConnection.connect
_execute = SnowflakeCursor.execute


def _on_loopback(self: SnowflakeConnection, **settings: Any) -> None:
    here = {"host": "127.0.0.1", "port": int(os.environ["SNOWFLAKE_PORT"]), "protocol": "http"}
    _connect(self, **settings | here)


def _without_staged_files(
    self: SnowflakeCursor, command: str, *arguments: Any, **options: Any
) -> Any:
    if command.lower().startswith(_WITH_STAGED_FILES):
        return _execute(self, "select 1")
    return _execute(self, command, *arguments, **options)


SnowflakeConnection.connect = _on_loopback
SnowflakeCursor.execute = _without_staged_files
