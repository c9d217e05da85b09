"""States in PostgreSQL: what its transactions, its table and its connection add."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import psycopg
import pytest

from orchestrate.errors import OrchestrateError
from orchestrate.state_backend import state_backend
from stand_in.world import RUNS
from tests.support.orchestrated import Done, Gate, Place
from tests.support.state_backends import backend_of
from tests.support.warehouses import duckdb_at

if TYPE_CHECKING:
    from pathlib import Path

    from stand_in.server import Api


def test_parts_are_saved_together_or_not_at_all(tmp_path: Path) -> None:
    with backend_of("postgres", tmp_path) as (uri, _), state_backend(uri, "x") as backend:
        backend.save({"a": {"n": 1}, "b": {"n": 1}})
        with psycopg.connect(uri.replace("+psycopg2", ""), autocommit=True) as connection:
            connection.execute("alter table singer_states add check (part <> 'c')")
        with pytest.raises(
            OrchestrateError, match="The database of states cannot be used: new row"
        ):
            backend.save({"a": {"n": 2}, "b": None, "c": {"n": 2}})
        assert backend.read(["a", "b"]) == {"a": {"n": 1}, "b": {"n": 1}}


def test_many_may_create_the_table_at_once(tmp_path: Path) -> None:
    program = "import sys; from orchestrate.state_backend import state_backend as b\n"
    program += "sys.stdin.read()\nwith b(sys.argv[1], 'x') as it: it.save({sys.argv[2]: {}})"
    with backend_of("postgres", tmp_path) as (uri, _):
        line = [sys.executable, "-c", program, uri]
        started = [
            subprocess.Popen([*line, str(number)], stdin=subprocess.PIPE) for number in range(6)
        ]
        for process in started:
            assert process.stdin is not None
            process.stdin.close()
        assert [process.wait() for process in started] == [0] * 6
        with state_backend(uri, "x") as backend:
            assert len(backend.names()) == 6


def test_a_password_is_never_told(tmp_path: Path) -> None:
    with backend_of("postgres", tmp_path) as (uri, _):
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
    api: Api, tmp_path: Path
) -> None:
    for project in ("proj_a", "proj_b"):
        api.world.put(RUNS, project, {"id": f"run first of {project}", "duration_seconds": 7})
    api.world.advance(minutes=10)
    with backend_of("postgres", tmp_path / "backend") as (uri, _):
        place = Place.of(api, uri, tmp_path / "warehouse.duckdb")
        gate = Gate.before(place, tmp_path, "run first of proj_b")
        process = place.start(target=gate.command)
        gate.wait()
        with psycopg.connect(uri.replace("+psycopg2", ""), autocommit=True) as connection:
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
