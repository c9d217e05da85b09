"""What each address was told, in a table beside the answers."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from datetime import datetime, timezone

from report.notify.news import Memory, Remembered, State
from report.warehouse import Query

TABLE = "told_findings"
# It has no primary key: only one program writes at a time, PostgreSQL refuses a key as long as a
# name may be, and in DuckDB its index would make thousands of findings take minutes.
_MADE = f"""
    create table {TABLE} (
        address varchar not null,
        kind varchar not null,
        finding varchar not null,
        state varchar not null,
        name varchar not null,
        detail varchar not null,
        changed_at timestamp not null,
        evidence varchar not null
    )
"""
_FORGET = f"""
    delete from {TABLE} using (
        select unnest(cast($2 as varchar[])) as kind, unnest(cast($3 as varchar[])) as finding
    ) as forgotten
    where {TABLE}.address = $1
        and {TABLE}.kind = forgotten.kind and {TABLE}.finding = forgotten.finding
"""  # noqa: S608 - from above
_REMEMBER = f"""
    insert into {TABLE} (address, changed_at, kind, finding, state, name, detail, evidence)
    select $1, cast($2 as timestamp), unnest(cast($3 as varchar[])),
        unnest(cast($4 as varchar[])), unnest(cast($5 as varchar[])),
        unnest(cast($6 as varchar[])), unnest(cast($7 as varchar[])),
        unnest(cast($8 as varchar[]))
"""
_SALT_BYTES = 16


class ToldFindings:
    """The table, which is made when something is to be remembered for the first time."""

    def __init__(self, ask: Query, schema: str) -> None:
        self._ask = ask
        self._known: dict[str, Memory] = {}
        self._is_there = bool(
            ask(
                "select 1 from information_schema.tables "
                "where table_schema = $1 and table_name = $2",
                [schema, TABLE],
            )
        )
        salts = ask(f"select min(address) as address from {TABLE}") if self._is_there else []  # noqa: S608 - from above
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
        if name not in self._known:
            query = f"select * from {TABLE} where address = $1"  # noqa: S608 - from above
            self._known[name] = {
                (row["kind"], row["finding"]): Remembered(
                    State(row["state"]), row["name"], row["detail"], row["evidence"]
                )
                for row in (self._ask(query, [name]) if self._is_there else ())
            }
        return self._known[name]

    def remember(self, name: str, memory: Memory) -> None:
        """Replace what an address was told, all of it or nothing."""
        if not self._is_there:
            self._ask(_MADE)
            self._is_there = True
        before = self.of(name)
        changed = {key: it for key, it in memory.items() if before.get(key) != it}
        replaced = [*changed, *(before.keys() - memory.keys())]
        if not replaced:
            return
        now = datetime.now(tz=timezone.utc).replace(tzinfo=None)
        rows = [
            (*key, it.state.value, it.name, it.detail, it.evidence) for key, it in changed.items()
        ]
        self._ask("begin")
        self._ask(_FORGET, [name, *_columns(replaced, 2)])
        self._ask(_REMEMBER, [name, now, *_columns(rows, 6)])
        self._ask("commit")
        self._known[name] = dict(memory)


def _columns(rows: Sequence[tuple[str, ...]], width: int) -> list[list[str]]:
    return [[row[at] for row in rows] for at in range(width)]
