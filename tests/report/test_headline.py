"""The first screen answers "are we fine?" by what is wrong now, and never by old data."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from report import queries
from report.headline import tile
from report.notify.findings import KINDS
from report.page import page
from report.wrong import what_is_wrong
from tests.support.large_account import account
from tests.support.macros import answer_sql
from tests.support.pages import AS_OF, Page, answers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TODAY = AS_OF.date()
ROW: dict[str, Any] = account(2, 1).broken_jobs[0]
ENDED = {**ROW, "kept_again_on": TODAY - timedelta(days=1)}
RAN_AGAIN = {**ROW, "held_back_in_a_row": 0, "last_ran_at": AS_OF}
FRESH = account(2, 0, name="a").freshness


def read(days_ago: float | None, changed: float | None = 0.1) -> dict[str, Any]:
    """Return when a project was read and changed."""
    moments = (None if it is None else AS_OF - timedelta(days=it) for it in (days_ago, changed))
    return FRESH[0] | dict(zip(("read_at", "newest_change_at"), moments, strict=True))


@pytest.mark.parametrize(
    ("found", "answer", "kind"),
    [
        ({}, "All is well", "well"),
        ({"broken_jobs": [ROW]}, "1 thing needs you", "wrong"),
        ({"broken_jobs": [ROW] * 2, "overdue_runs": [ROW]}, "3 things need you", "wrong"),
        ({"regressions": [ROW] * 1_000, "breaches": [ROW]}, "1,001 things need you", "wrong"),
        ({"unread": [ROW], "runs": 0}, "1 thing needs you", "wrong"),
        ({"held_back_models": [RAN_AGAIN] * 9, "breaches": [ENDED]}, "All is well", "well"),
        ({"held_back_models": [ROW, RAN_AGAIN]}, "1 thing needs you", "wrong"),
        ({"runs": 0}, "Nothing is known yet", "unsure"),
        (
            {"freshness": [read(0.1), read(1.6)]},
            "Nothing is known to be wrong, but 1 project was not read for a day",
            "unsure",
        ),
        (
            {"freshness": [read(None, 3), read(None, 9)]},
            "Nothing is known to be wrong, but no run has changed since 1 Mar 2026, 12:01",
            "unsure",
        ),
        (
            {"asked_at": AS_OF + timedelta(days=7)},
            "Nothing is known to be wrong, but this was built 7 d 0 h ago",
            "unsure",
        ),
        ({"freshness": [read(2)], "broken_jobs": [ROW]}, "1 thing needs you", "wrong"),
        ({"freshness": [read(1.4, 60), read(None, None)]}, "All is well", "well"),
        ({"freshness": [read(None, None), read(None)]}, "All is well", "well"),
    ],
)
def test_are_we_fine(found: dict[str, Any], answer: str, kind: str) -> None:
    shown = Page(page(answers(**{"freshness": [FRESH[0]], **found}), "warehouse.duckdb"))

    assert [text for tag, text in shown.texts if tag == "h1"] == [answer]
    (classes,) = (attributes["class"] for tag, attributes in shown.elements if tag == "header")
    assert classes == f"card {kind}"


@pytest.mark.parametrize(
    ("freshness", "said"),
    [
        ([], "No project was loaded."),
        ([read(0.5)], "Oldest data: a 0, read 4 Mar 2026, 00:01, 12 h 0 min earlier. "),
        ([read(0), read(0.5)], "Oldest data: a 0, read 4 Mar 2026, 00:01, 12 h 0 min earlier. "),
        (
            [read(None), *[read(0.5)] * 3],
            "Oldest data: a 0, read 4 Mar 2026, 00:01, 12 h 0 min earlier; of 1 it is not recorded",
        ),
        (
            [read(None, 0.25), read(None, None)],
            (
                "The newest change of a run is of 4 Mar 2026, 06:01, 6 h 0 min earlier; when the "
                "projects were last read is not recorded."
            ),
        ),
        (
            [read(None, None)],
            "No run was loaded, and when the projects were last read is not recorded.",
        ),
    ],
)
def test_how_fresh_it_is_and_of_whom(freshness: list[dict[str, Any]], said: str) -> None:
    found = answers(freshness=freshness, organizations=["org-a", "org-b"])
    text = "".join(text for _, text in Page(page(found, "warehouse.duckdb")).texts)

    assert "Pipelines of org-a and org-b, as of 4 Mar 2026, 12:01, from warehouse.duckdb" in text
    assert said in text


@pytest.mark.parametrize(
    ("number", "levels"),
    [(0, (0, 0, 0)), (1, (1, 1, 2)), (3, (2, 2, 3)), (9, (2, 2, 3)), (10, (2, 3, 3))],
)
def test_a_tile_is_red_for_what_is_wrong_now_and_the_worse_the_larger(
    number: int, levels: tuple[int, ...]
) -> None:
    found = answers(
        held_back_models=[*[ROW] * number, *[RAN_AGAIN] * 9],
        breaches=[*[ROW] * number, ENDED],
        broken_jobs=[ROW] * number,
    )
    tiles = {it.anchor: it for it in map(tile, what_is_wrong(found))}

    for level, anchor, ended in zip(
        levels,
        ("held-back", "breaches", "broken"),
        ("9 ended: they ran again since", "1 ended: the SLA was kept again since", ""),
        strict=True,
    ):
        assert (tiles[anchor].number, tiles[anchor].level) == (number, level)
        assert tiles[anchor].ended == ended
        assert bool(tiles[anchor].worst) == bool(number)
        assert tiles[anchor].worst.endswith(f", and {number - 1} more") == (number > 1)
    css = page(answers(), "")
    assert ".level-0 { color: var(--ink-soft); }" in css
    sizes = [css.index(f".level-{it} b {{ font-size:") for it in (2, 3)]
    assert sizes == sorted(sizes)


def test_what_the_first_message_leaves_out_says_why() -> None:
    found = answers(held_back_models=[ROW, RAN_AGAIN], breaches=[ROW, ENDED])
    shown = Page(page(found, "warehouse.duckdb"))
    tables = dict(zip(shown.classes, shown.tables, strict=True))

    assert [row[-1] for row in tables["breaches"][1:]] == [
        "over the SLA",
        "kept again on 3 Mar 2026",
    ]
    assert [row[-1] for row in tables["held-back"][1:]] == [
        "held back 7 times in a row",
        "ran again on 4 Mar 2026, 12:01",
    ]
    whys = [text for _, text in shown.texts if "the first message to an address leaves" in text]
    assert len(whys) == 2
    nothing_over = answers(held_back_models=[ROW], breaches=[ROW])
    assert "the first message" not in page(nothing_over, "warehouse.duckdb")
    text = page(found, "warehouse.duckdb")
    assert text.index("<h1>") < text.index("<svg") < text.index("<table") < text.index("No message")


DAYS = st.dictionaries(
    st.tuples(
        st.sampled_from(["a", "b"]),
        st.integers(-1, 12).map(lambda ago: TODAY - timedelta(days=ago)),
    ),
    st.sampled_from([None, 60.0, 600.0, 600.5]),
    max_size=20,
)


@pytest.fixture(scope="module")
def ask() -> Iterator[Any]:
    """Return what asks a database that holds these days, and the answer about them."""
    variables = {"dagctl_as_of": f"{AS_OF:%Y-%m-%d %H:%M:%S}", "dagctl_sla_days": 7}
    with duckdb.connect() as connection:
        for statement in (
            """create table known_projects as
                select unnest(['a', 'b']) as project_id, project_id as project_name,
                       false as is_gone""",
            """create table project_slas as
                select *, cast(600 as double) as sla_seconds from known_projects""",
            f"create table settings_used as select timestamp '{AS_OF}' as as_of, 7 as sla_days",
            """create table stg_dagctl__daily_stats (project_id text, date date,
                p95_duration_seconds double, max_duration_seconds double, total_runs bigint)""",
            """create table stg_dagctl__runs (id text, project_id text, job_name text,
                start_time timestamp, created_at timestamp, duration_seconds double)""",
            f"create view sla_breaches as {answer_sql('sla_breaches', 'duckdb', **variables)}",
        ):
            connection.execute(statement)

        def rows(query: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
            result = connection.execute(query, list(parameters))
            columns = [column[0] for column in result.description or ()]
            return [dict(zip(columns, row, strict=True)) for row in result.fetchall()]

        yield rows


@settings(deadline=None)
@given(days=DAYS)
def test_it_counts_the_days_that_a_first_message_tells(
    ask: Any, days: dict[tuple[str, date], float | None]
) -> None:
    ask("delete from stg_dagctl__daily_stats")
    for (project, day), p95 in days.items():
        ask("insert into stg_dagctl__daily_stats values ($1, $2, $3, null, 1)", [project, day, p95])
    found = KINDS["breaches"].findings(ask)
    told = [finding for finding in found if finding.is_recent and not finding.is_over]

    tables = {it.held_in: it for it in what_is_wrong(answers(breaches=ask(queries.BREACHES)))}
    assert len(tables["sla_breaches"].now) == len(told)
    assert {kind.table for kind in KINDS.values()} <= tables.keys() | {"unread_streams"}
