"""What each address was told, in a table beside the answers."""

from __future__ import annotations

import hashlib
import os
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from report.notify.news import Memory, Remembered, State

if TYPE_CHECKING:
    from report.warehouse import Query

TABLE = "told_findings"
_MADE = f"""
    create table {TABLE} (
        address varchar not null,
        kind varchar not null,
        finding varchar not null,
        state varchar not null,
        name varchar not null,
        detail varchar not null,
        changed_at timestamp not null,
        primary key (address, kind, finding)
    )
"""
_FORGET = f"delete from {TABLE} where address = $1 and kind = $2 and finding = $3"  # noqa: S608 - from above
_REMEMBER = f"""
    insert into {TABLE} (address, kind, finding, state, name, detail, changed_at)
    values ($1, $2, $3, $4, $5, $6, $7)
    on conflict (address, kind, finding) do update set
        state = excluded.state, name = excluded.name, detail = excluded.detail,
        changed_at = excluded.changed_at
"""  # noqa: S608 - from above
_SALT_BYTES = 16


class ToldFindings:
    """The table, which is made when something is to be remembered for the first time."""

    def __init__(self, ask: Query, schema: str) -> None:
        self._ask = ask
        found = ask(
            "select 1 from information_schema.tables where table_schema = $1 and table_name = $2",
            [schema, TABLE],
        )
        self._is_there = bool(found)
        salts = ask(f"select min(address) as address from {TABLE}") if found else []  # noqa: S608 - from above
        named = next((row["address"] for row in salts if row["address"]), None)
        self._salt = bytes.fromhex(named.split(":")[0]) if named else os.urandom(_SALT_BYTES)

    def name_of(self, address: str) -> str:
        """Return what stands for an address: from it, nobody finds the address or its secrets.

        Trying out passwords against it is slow, about 50 ms each.
        """
        digest = hashlib.scrypt(address.encode(), salt=self._salt, n=2**14, r=8, p=1, dklen=16)
        return f"{self._salt.hex()}:{digest.hex()}"

    def of(self, name: str) -> Memory:
        """Return what an address was told, by the name that stands for it."""
        if not self._is_there:
            return {}
        query = f"select kind, finding, state, name, detail from {TABLE} where address = $1"  # noqa: S608 - from above
        return {
            (row["kind"], row["finding"]): Remembered(
                State(row["state"]), row["name"], row["detail"]
            )
            for row in self._ask(query, [name])
        }

    def remember(self, name: str, memory: Memory) -> None:
        """Replace what an address was told, all of it or nothing."""
        if not self._is_there:
            self._ask(_MADE)
            self._is_there = True
        before = self.of(name)
        now = datetime.now(tz=timezone.utc).replace(tzinfo=None)
        self._ask("begin")
        for key in before.keys() - memory.keys():
            self._ask(_FORGET, [name, *key])
        for key, it in memory.items():
            if before.get(key) != it:
                self._ask(_REMEMBER, [name, *key, it.state.value, it.name, it.detail, now])
        self._ask("commit")
