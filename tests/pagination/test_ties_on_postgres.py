"""A PostgreSQL that orders rows of equal rank as it likes, differently for each page size."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING

import psycopg
import pytest

from stand_in.world import RUNS
from tests.support.odd_list import PROJECT
from tests.support.postgres import database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stand_in.server import Request
    from tests.support.odd_list import Answer, OddList

pytestmark = pytest.mark.programs

ROWS = 3_000


@pytest.fixture(scope="module")
def connection() -> Iterator[psycopg.Connection]:
    with psycopg.connect(database().replace("+psycopg2", ""), autocommit=True) as connection:
        yield connection


# How many loops it takes depends on how PostgreSQL sorts.
@pytest.mark.parametrize(("ties", "most"), [(20, 26), (200, 42)])
def test_every_row_comes_though_ties_are_ordered_by_the_page_size(
    runs: OddList, connection: psycopg.Connection, ties: int, most: int
) -> None:
    """PostgreSQL makes the pages: no index, and no tie-breaker."""
    lock = threading.Lock()
    runs.fill(ROWS, ties=ties)
    rows = [(row["id"], row["updated_at"]) for row in runs.world.rows(RUNS, PROJECT)]
    random.Random(ties).shuffle(rows)
    connection.execute("DROP TABLE IF EXISTS runs")
    connection.execute("CREATE TABLE runs (id text, updated_at timestamptz)")
    connection.cursor().executemany("INSERT INTO runs VALUES (%s, %s)", rows)

    def answers(request: Request, _: int) -> Answer:
        page, limit = int(request.params["page"]), int(request.params["limit"])
        after = request.params.get("updated_after", "-infinity")
        with lock, runs.world.lock:
            rows = connection.execute(
                "SELECT id FROM runs WHERE updated_at > %s ORDER BY updated_at LIMIT %s OFFSET %s",
                (after, limit, (page - 1) * limit),
            ).fetchall()
            (total,) = connection.execute(
                "SELECT count(*) FROM runs WHERE updated_at > %s", (after,)
            ).fetchone() or (0,)
            table = runs.world.projects[PROJECT].tables[RUNS]
            listed = [dict(table[key]) for (key,) in rows] if PROJECT in request.path else []
        total = total if PROJECT in request.path else 0
        pages = -(-total // limit)
        return {"runs": listed, "total": total, "page": page, "limit": limit, "total_pages": pages}

    runs.answers = answers

    first = runs.sync()
    assert (runs.missing, runs.repeated, first.warnings) == (set(), set(), [])
    assert runs.is_caught_up
    # Pages of one size agree with each other. One or more loops of other sizes are made.
    assert 7 < first.requests[PROJECT] <= most
    runs.world.advance(minutes=10)
    idle = runs.sync()
    assert (idle.ids, idle.warnings, idle.requests[PROJECT]) == ([], [], 1)
