"""Each answer of the stand-in is of one moment, whatever writers do meanwhile."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from stand_in.server import Request
from stand_in.world import RUNS

if TYPE_CHECKING:
    from stand_in.server import Api
    from stand_in.world import Row


def test_a_writer_waits_until_an_answer_is_made(api: Api) -> None:
    world = api.world
    world.put(RUNS, "proj_a", {"id": "run_1"})
    writer = threading.Thread(target=world.delete_project, args=("proj_a",))
    waited: list[bool] = []

    def order(row: Row) -> Any:
        # The rows are sorted while an answer is made.
        writer.start()
        writer.join(0.2)
        waited.append(writer.is_alive())
        return row["id"]

    world.order = order
    headers = {
        "authorization": f"Bearer {world.token}",
        "x-organization-id": world.organization_id,
    }
    reply = api.true_reply(Request("/api/v1/projects/proj_a/runs", {}, headers))
    writer.join()

    assert reply.status == 200
    assert waited == [True]
    assert list(world.projects) == ["proj_b"]
