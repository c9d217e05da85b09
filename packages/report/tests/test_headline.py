"""The page says first whether all is well, of whom, and how old the data is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from report.headline import tile
from report.wrong import what_is_wrong
from tests.support.pages import AS_OF, TODAY, account, answers, page_of

ROW: dict[str, Any] = account(2, 1).broken_jobs[0]
ENDED = {**ROW, "kept_again_on": TODAY - timedelta(days=1)}
RAN_AGAIN = {**ROW, "held_back_in_a_row": 0, "last_ran_at": AS_OF}
FRESH = account(2, 0, name="a").freshness


def read(days_ago: float | None, changed: float | None = 0.1) -> dict[str, Any]:
    """Return when a project was read and changed."""
    moments = (None if it is None else AS_OF - timedelta(days=it) for it in (days_ago, changed))
    return FRESH[0] | dict(zip(("read_at", "newest_change_at"), moments, strict=True))


BUT = "Nothing is known to be wrong, but "


@pytest.mark.parametrize(
    ("found", "answer", "kind"),
    [
        ({"broken_jobs": [ROW]}, "1 thing needs you", "wrong"),
        ({"regressions": [ROW] * 1_000, "breaches": [ROW]}, "1,001 things need you", "wrong"),
        ({"held_back_models": [ROW, RAN_AGAIN]}, "1 thing needs you", "wrong"),
        ({"unread": [ROW], "runs": 0}, "1 thing needs you", "wrong"),
        ({"runs": 0}, "Nothing is known yet", "unsure"),
        ({"freshness": [read(0.1), read(1.6)]}, f"{BUT}1 project was not read for a day", "unsure"),
        (
            {"freshness": [read(None, 3), read(None, 9)]},
            f"{BUT}no run has changed since 1 Mar 2026, 12:01",
            "unsure",
        ),
        (
            {"asked_at": AS_OF + timedelta(days=7)},
            f"{BUT}this was built 7 d 0 h ago",
            "unsure",
        ),
        ({"freshness": [read(1.4, 60), read(None, None)]}, "All is well", "well"),
    ],
)
def test_are_we_fine(found: dict[str, Any], answer: str, kind: str) -> None:
    shown = page_of(answers(**{"freshness": [FRESH[0]], **found}))

    assert shown.said("h1") == [answer]
    assert ("header", {"class": f"card {kind}"}) in shown.elements


@pytest.mark.parametrize(
    ("freshness", "said"),
    [
        ([read(0), read(0.5)], "the oldest is of a 0, read 12 h 0 min before, on 4 Mar 2026, 00:"),
        (
            [read(None, 0.25), read(None, None)],
            "; the newest change of a run came 6 h 0 min before, on 4 Mar 2026, 06:01; when the",
        ),
        ([read(None), read(0.5)], "read 12 h 0 min before, on 4 Mar 2026, 00:01; of 1 it is not"),
        ([read(None), read(0.01)], "; 1 project was read in the hour before; of 1 it is not"),
        ([read(None, None)], "; no run was loaded; when the projects were last read is not"),
    ],
)
def test_how_fresh_it_is_and_of_whom(freshness: list[dict[str, Any]], said: str) -> None:
    found = answers(freshness=freshness, organizations=["org-a", "org-b"])
    text = "".join(text for _, text in page_of(found).texts)

    assert "Pipelines of org-a and org-b, from warehouse.duckdb. All days and times are in" in text
    assert "Data as of 4 Mar 2026, 12:01; " in text
    assert said in text


def test_where_no_sync_is_known_the_newest_change_is_the_last_time_of_reading() -> None:
    shown = page_of(answers(freshness=[read(None, 0.25)]))
    assert shown.table("fresh") == [
        ["Project", "Newest change", "Before this page"],
        ["a 0", "4 Mar 2026, 06:01", "6 h 0 min"],
    ]


@pytest.mark.parametrize(
    ("number", "levels"), [(0, [0, 0, 0]), (1, [1, 1, 2]), (3, [2, 2, 3]), (10, [2, 3, 3])]
)
def test_a_tile_is_red_for_what_is_wrong_now_and_the_worse_the_larger(
    number: int, levels: list[int]
) -> None:
    its = [ROW] * number
    found = answers(
        held_back_models=[*its, *[RAN_AGAIN] * 9], breaches=[*its, ENDED], broken_jobs=its
    )
    tiles = {it.anchor: it for it in map(tile, what_is_wrong(found))}
    three = [tiles[anchor] for anchor in ("held-back", "breaches", "broken")]
    endings = ["9 ended: they ran again since", "1 ended: the SLA was kept again since", ""]
    assert [(it.number, it.level) for it in three] == [(number, level) for level in levels]
    assert [it.ended for it in three] == endings
    assert {it.worst.endswith(f", and {number - 1} more") for it in three} == {number > 1}


def test_what_the_first_message_leaves_out_says_why() -> None:
    found = answers(held_back_models=[ROW, RAN_AGAIN], breaches=[ROW, ENDED])
    shown = page_of(found)
    for anchor, lasts in {
        "breaches": ["over the SLA", "kept again on 3 Mar 2026"],
        "held-back": ["held back 7 times in a row", "ran again on 4 Mar 2026, 12:01"],
    }.items():
        assert [row[-1] for row in shown.table(anchor)[1:]] == lasts
    assert shown.text.count("the first message to an address leaves") == 2
    nothing_over = answers(held_back_models=[ROW], breaches=[ROW])
    assert "the first message" not in page_of(nothing_over).text
