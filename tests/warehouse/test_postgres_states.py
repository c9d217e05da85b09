"""States in PostgreSQL: what its transactions, its table and its connection add."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import psycopg
import pytest

from orchestrate.backends.postgres import TABLE
from orchestrate.errors import OrchestrateError
from orchestrate.state_backend import state_backend
from stand_in.world import RUNS
from tests.support.orchestrated import Done, Gate, Place, wait_until
from tests.support.warehouses import duckdb_at

if TYPE_CHECKING:
    from pathlib import Path

    from stand_in.server import Api
    from tests.support.warehouses import Warehouse


@pytest.fixture
def uri(postgres: Warehouse) -> str:
    return postgres.environment["TARGET_POSTGRES_SQLALCHEMY_URL"]


def connected(uri: str) -> psycopg.Connection:
    return psycopg.connect(uri.replace("+psycopg2", ""))


def test_parts_are_saved_together_or_not_at_all(uri: str) -> None:
    with state_backend(uri, "x") as backend:
        backend.save({"a": {"n": 1}, "b": {"n": 1}})
        with connected(uri) as connection:
            connection.execute(
                "create function refuse() returns trigger language plpgsql as "
                "$$ begin raise exception 'not this one'; end $$; "
                "create trigger refused before delete on singer_states "
                "for each row execute function refuse()"
            )
        with pytest.raises(OrchestrateError, match="of states cannot be used: not this one"):
            backend.save({"a": {"n": 2}, "b": None, "c": {"n": 2}})
        assert backend.read(["a", "b", "c"]) == {"a": {"n": 1}, "b": {"n": 1}}


def test_many_may_create_the_table_at_once(uri: str) -> None:
    program = "import sys; from orchestrate.state_backend import state_backend as backend\n"
    program += "with backend(sys.argv[1], 'x') as it: it.save({'a': {'n': 1}})"
    with connected(uri) as other:
        other.execute(TABLE)
        process = subprocess.Popen([sys.executable, "-c", program, uri])
        # It sees no table, and waits for this connection as it creates one.
        with connected(uri) as third:
            third.autocommit = True
            waiting = "select 1 from pg_stat_activity where wait_event_type = 'Lock'"
            wait_until(lambda: third.execute(waiting).fetchone() is not None)
        other.commit()
        assert process.wait() == 0
        with state_backend(uri, "x") as backend:
            assert backend.read(["a"]) == {"a": {"n": 1}}


def test_a_password_is_never_told(uri: str) -> None:
    for wrong, line in (
        (uri.replace("/postgres?", "/none?"), 'database "none" does not exist'),
        (uri.replace("postgres:@", "nobody:made_up@"), 'role "nobody" does not exist'),
        # Where the server's words repeat it.
        (uri.replace("postgres:@", "nobody:nobody@"), 'role "…" does not exist'),
    ):
        with pytest.raises(OrchestrateError) as raised, state_backend(wrong, "x"):
            pass
        assert line in str(raised.value)
        assert "made_up" not in str(raised.value)


def test_where_states_cannot_be_saved_any_more_tap_and_target_are_ended(
    api: Api, uri: str, tmp_path: Path
) -> None:
    for project in ("proj_a", "proj_b"):
        api.world.put(RUNS, project, {"id": f"run first of {project}", "duration_seconds": 7})
    api.world.advance(minutes=10)
    place = Place.of(api, uri, tmp_path / "warehouse.duckdb")
    gate = Gate.before(place, tmp_path, "run first of proj_b")
    process = place.start(target=gate.command)
    gate.wait()
    with connected(uri) as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where pid <> pg_backend_pid() and backend_type = 'client backend'"
        )
    gate.open()
    done = Done.of(process)
    assert done.error.startswith("The database of states cannot be used: ")
    assert Done.of(place.start()).exit_code == 0
    warehouse = duckdb_at(tmp_path / "warehouse.duckdb")
    assert warehouse.differences(api.world, api.world.now.date()) == []
