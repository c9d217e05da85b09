"""PostgreSQL: states in it, and syncs into it beside one another."""

from __future__ import annotations

import json
import subprocess
import sys

import psycopg
import pytest

from orchestrate.backends.postgres import TABLE
from orchestrate.errors import OrchestrateError
from orchestrate.state_backend import state_backend
from stand_in.server import Api
from tests.support.orchestrated import Done, Place, wait_until
from tests.support.project import ROOT
from tests.support.warehouses import Warehouse


@pytest.fixture
def uri(postgres: Warehouse) -> str:
    return postgres.environment["TARGET_POSTGRES_SQLALCHEMY_URL"]


def test_parts_are_saved_together_or_not_at_all(uri: str, postgres: Warehouse) -> None:
    with state_backend(uri, "x") as backend:
        backend.save({"a": {"n": 1}, "b": {"n": 1}})
        postgres.execute(
            "create function refuse() returns trigger language plpgsql as "
            "$$ begin raise exception 'not this one'; end $$; "
            "create trigger refused before delete on singer_states "
            "for each row execute function refuse()"
        )
        with pytest.raises(OrchestrateError, match="of states cannot be used: not this one"):
            backend.save({"a": {"n": 2}, "b": None, "c": {"n": 2}})
        assert backend.read(["a", "b", "c"]) == {"a": {"n": 1}, "b": {"n": 1}}


def test_many_may_create_the_table_at_once(uri: str, postgres: Warehouse) -> None:
    program = "import sys; from orchestrate.state_backend import state_backend as backend\n"
    program += "with backend(sys.argv[1], 'x') as it: it.save({'a': {'n': 1}})"
    with psycopg.connect(uri.replace("+psycopg2", "")) as other:
        other.execute(TABLE)
        process = subprocess.Popen([sys.executable, "-c", program, uri])
        # It sees no table, and waits for this connection as it creates one.
        waiting = "select 1 from pg_stat_activity where wait_event_type = 'Lock'"
        wait_until(lambda: postgres.query(waiting) != [])
        other.commit()
    assert process.wait() == 0
    with state_backend(uri, "x") as backend:
        assert backend.read(["a"]) == {"a": {"n": 1}}


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("/postgres?", "/none?", 'database "none" does not exist'),
        ("postgres:@", "nobody:made_up@", 'role "nobody" does not exist'),
        # Where the server's words repeat it.
        ("postgres:@", "nobody:nobody@", 'role "…" does not exist'),
    ],
)
def test_a_password_is_never_told(uri: str, old: str, new: str, line: str) -> None:
    with pytest.raises(OrchestrateError) as raised, state_backend(uri.replace(old, new), "x"):
        pass
    assert line in str(raised.value)
    assert "made_up" not in str(raised.value)


def test_shards_at_once_fill_the_tables_of_one_sync(
    api: Api, uri: str, postgres: Warehouse
) -> None:
    for number in range(8):
        api.world.add_project(f"proj_{number}", f"project {number}")
    place = Place.of(api, uri, ROOT)
    place.put("first", *api.world.projects)
    place.target = postgres.program
    schema = {"TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": "dagctl"}
    place.variables |= postgres.environment | schema
    assert place.run("--prepare").exit_code == 0
    for number in (3, 2):
        shards = json.loads(place.program("shards", str(number)).stdout)
        started = [place.start(TAP_DAGCTL_PROJECT_IDS=shard) for shard in shards]
        assert [Done.of(sync).exit_code for sync in started] == [0] * len(shards)
        assert postgres.differences(api.world, since=api.world.now.date()) == []
        place.put(f"after {number}", "proj_1")
