"""States in PostgreSQL, and locks that end with the last process that holds the connection."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from typing_extensions import override

from orchestrate.backends.base import VARIABLE, StateBackend, decoded, encoded
from orchestrate.errors import OrchestrateError
from orchestrate.states import State
from tap_dagctl.errors import one_line

TABLE = """
create table if not exists singer_states (
    state_id text not null,
    part text not null,
    state json not null,
    saved_at timestamptz not null default now(),
    primary key (state_id, part)
)
"""
_SAVE = """
insert into singer_states (state_id, part, state) values (%s, %s, %s)
on conflict (state_id, part) do update set state = excluded.state, saved_at = now()
"""
# A sync whose server has not answered for a minute ends: before the server, by what follows, takes
# it for gone, and gives its locks away.
_CONNECTION = {"connect_timeout": 30, "tcp_user_timeout": 60_000}
# So that the lock of a machine that is gone does not live for hours, and that of one that is
# there is not taken away. The server ends it some two minutes after the machine is gone.
_SESSION = {
    "tcp_keepalives_idle": "60",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "6",
    "idle_session_timeout": "0",
}


class PostgresStates(StateBackend):
    """Rows of the table `singer_states`; the locks are advisory locks of the same connection.

    If the connection breaks, the locks are gone, and another sync may have them: this one must end.
    """

    def __init__(self, uri: str, state_id: str) -> None:
        """Connect, and make the table where there is none."""
        self._state_id = state_id
        # As SQLAlchemy writes it, a driver may be named.
        uri = re.sub(r"^\w+(\+\w+)?://", "postgresql://", uri)
        try:
            parameters = {**_CONNECTION, **conninfo_to_dict(uri)}
        except psycopg.ProgrammingError:
            # The error would show it.
            raise OrchestrateError(
                f"{VARIABLE} is no URI of PostgreSQL: write it like "
                "postgresql://user:password@host/database"
            ) from None
        self._password = str(parameters.get("password") or "")
        with self._explained():
            self._connection = psycopg.connect(make_conninfo("", **parameters), autocommit=True)
            self._set_up()

    def _set_up(self) -> None:
        for name, value in _SESSION.items():
            # Old servers lack one of them.
            self._connection.execute(
                "select set_config(name, %s, false) from pg_settings where name = %s", (value, name)
            )
        if self._connection.execute("select to_regclass('singer_states')").fetchone() == (None,):
            # Another sync may be at it in the same moment.
            with suppress(errors.UniqueViolation, errors.DuplicateTable):
                self._connection.execute(TABLE)

    @override
    def names(self) -> set[str]:
        with self._explained():
            rows = self._connection.execute(
                "select part from singer_states where state_id = %s", (self._state_id,)
            )
            return {name for (name,) in rows}

    @override
    def read(self, names: Collection[str]) -> dict[str, State]:
        with self._explained():
            rows = self._connection.execute(
                "select part, state::text from singer_states "
                "where state_id = %s and part = any(%s)",
                (self._state_id, list(names)),
            )
            return {
                name: decoded(text, f"singer_states, state_id {self._state_id}, part {name}")
                for name, text in rows
            }

    @override
    def save(self, changed: Mapping[str, State | None]) -> None:
        with self._explained(), self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.executemany(
                _SAVE,
                [
                    (self._state_id, name, encoded(state))
                    for name, state in sorted(changed.items())
                    if state is not None
                ],
            )
            cursor.execute(
                "delete from singer_states where state_id = %s and part = any(%s)",
                (self._state_id, [name for name, state in changed.items() if state is None]),
            )

    @override
    def try_lock(self, names: Collection[str]) -> bool:
        keys = [_lock_key(self._state_id, name) for name in names]
        with self._explained():
            rows = self._connection.execute(
                "select key, pg_try_advisory_lock(key) from unnest(%s::bigint[]) as key", (keys,)
            ).fetchall()
            held = [key for key, is_held in rows if is_held]
            if len(held) == len(keys):
                return True
            self._connection.execute(
                "select pg_advisory_unlock(key) from unnest(%s::bigint[]) as key", (held,)
            )
        return False

    @override
    def check_locks(self) -> None:
        with self._explained():
            self._connection.execute("select 1")

    @property
    @override
    def descriptors(self) -> Sequence[int]:
        return (self._connection.fileno(),)

    @override
    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            text = one_line(str(error))
            if self._password:
                text = text.replace(self._password, "…")
            raise OrchestrateError(
                f"The database of states cannot be used: {text}; see {VARIABLE}"
            ) from None


def _lock_key(state_id: str, name: str) -> int:
    """Return a number of 64 bits for the lock of a part."""
    digest = hashlib.sha256(f"{state_id}\n{name}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
