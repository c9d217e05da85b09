"""A page with fewer rows than its limit does not end a list: rows left out anywhere lose no other.

A server that filters behind its `LIMIT` leaves rows out of its pages and keeps their places.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.arrangement import Arrangement
from tests.support.simulation import Act, Simulation

if TYPE_CHECKING:
    from stand_in.server import Api

PAGES, SMALL = 3, 60
ROWS = PAGES * SMALL


def left_out(page: int) -> dict[str, list[int]]:
    """Which positions of a list of three full pages of `page` rows show no row."""
    rows = PAGES * page
    return {
        "one row": [page + page // 2],
        "a row of each page": [3, page + 7, rows - 1],
        "the first row": [0],
        "the last row": [rows - 1],
        "rows at the ends of pages": [page - 1, page, 2 * page - 1, 2 * page],
        "one row in ten": list(range(0, rows, 10)),
        "the rows that overlap": list(range(page - page // 25, page + page // 50)),
    }


MOST = left_out(500)
ANY = left_out(SMALL) | {
    "the first page": list(range(SMALL)),
    "the second page": list(range(SMALL, 2 * SMALL)),
    "the last page": list(range(2 * SMALL, ROWS)),
    "all but the last page": list(range(2 * SMALL)),
    "all but the first row": list(range(1, ROWS)),
    "all but the last row": list(range(ROWS - 1)),
}
COUNTS = ["yes", "no", "pages"]
COUNTED = pytest.mark.parametrize("counts_hidden", COUNTS)
pytestmark = pytest.mark.usefixtures("state_after_every_page")


def filled(api: Api, rows: int, hidden: list[int], **arrangement: Any) -> Simulation:
    small = {"page_size": SMALL, "most_rows": SMALL}
    history = Simulation(api, Arrangement(**{**small, **arrangement}))
    history.act(Act("insert", picks=tuple(range(rows))))
    history.act(Act("advance", seconds=3_600))
    history.hide(hidden)
    return history


@pytest.mark.parametrize(
    ("name", "counts_hidden"),
    # There one row is counted, and nothing says that it is behind many places that show none.
    [(it, how) for it in ANY for how in COUNTS if (it, how) != ("all but the last row", "no")],
)
def test_rows_left_out_cost_no_other_row(api: Api, name: str, counts_hidden: str) -> None:
    connections = 1 if len(name) % 2 else 4
    history = filled(api, ROWS, ANY[name], counts_hidden=counts_hidden, connections=connections)
    assert len(history.sync().ids) == ROWS - len(ANY[name])
    history.check()
    history.act(Act("update", picks=tuple(range(0, 60, 3))))
    history.end()


@pytest.mark.parametrize("name", MOST)
def test_rows_that_are_counted_and_left_out_are_looked_for_once_more(api: Api, name: str) -> None:
    history = filled(api, PAGES * 500, MOST[name], page_size=500, most_rows=500)
    # Two to nine pages of 500 rows, the most there are, cost one more, and so does each end.
    assert history.sync().asked <= 2 * (PAGES + 1) + 2


@COUNTED
@pytest.mark.parametrize("name", ["a row of each page", "the rows that overlap", "the second page"])
def test_a_resumed_walk_passes_rows_left_out(api: Api, name: str, counts_hidden: str) -> None:
    for cut, stopped in ((50, True), (70, False), (110, True), (110, False)):
        history = filled(api, ROWS, ANY[name], counts_hidden=counts_hidden)
        history.sync(cut=cut, stopped=stopped)
        history.end()


def test_a_list_of_which_no_row_is_shown_leaves_the_bookmark_where_it_was(api: Api) -> None:
    history = filled(api, 3, [0, 1, 2])
    assert history.sync().asked <= 6
    assert history.bookmark is None

    # Had they only been late, they would come now.
    history.world.delete("runs", "proj_0", history.runs[0]["id"])
    history.act(Act("insert", picks=(1,)))
    assert len(history.sync().ids) == 1
    history.end()


def test_only_rows_that_are_left_out_have_changed(api: Api) -> None:
    history = filled(api, 20, [5])
    history.sync()
    history.act(Act("advance", seconds=600))
    before = history.state
    hidden = history.runs[5]["id"]
    history.world.change("runs", "proj_0", hidden, status="failed")

    assert history.sync().ids == []
    assert history.state["bookmarks"]["runs"] == before["bookmarks"]["runs"]
    history.act(Act("update", picks=(1, 2)))
    assert len(history.sync().ids) == 2
    history.end()


@pytest.mark.parametrize("tells_pages", [True, False])
@pytest.mark.parametrize(
    ("most_rows", "tells_limit"), [(33, "right"), (100, "asked"), (250, "not"), (499, "not")]
)
def test_a_server_that_caps_its_pages_is_not_taken_for_one_that_leaves_rows_out(
    api: Api, most_rows: int, tells_limit: str, *, tells_pages: bool
) -> None:
    told = {"most_rows": most_rows, "tells_limit": tells_limit, "tells_pages": tells_pages}
    history = filled(api, 700, [], page_size=500, **told)
    sync = history.sync()

    assert len(sync.ids) == 700
    pages = math.ceil(700 / most_rows)
    assert sync.asked <= math.ceil(pages * (1 + math.sqrt(2 / most_rows))) + 4
    history.end()
