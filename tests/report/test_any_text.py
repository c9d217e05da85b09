"""Whatever the API sends as a text, it is shown as text, and as what a person can read."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from report.answers import Answers
from report.formatting import plain, text
from report.page import page
from tests.support.large_account import account
from tests.support.made_up_rows import TEXT
from tests.support.pages import HOSTILE, Page, called

TERMINALS = st.sampled_from(
    [
        "\x1b[31m",
        "\x1b[0m",
        "\x9b1;31m",
        "\x1b]0;title\x07",
        "\x1b]8;;x\x1b\\",
        "\x1bM",
        "\x1b",
        "\x08",
    ]
)
MARKUP = st.sampled_from(
    [HOSTILE, "</td>", "<!--", "</style>", "&lt;", "]]>", "{{ 7 }}", "{% raw %}", "'", '"', "<svg>"]
)
TEXTS = st.lists(TEXT | TERMINALS | MARKUP, min_size=1, max_size=4).map("".join)
LISTS = [it.name for it in fields(Answers) if it.type == "list[Row]"]
HARMLESS = "harmless"


def with_texts(texts: st.DataObject | None) -> Answers:
    """Return an account in which each text is another one, and on the page is never empty."""

    def another(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return HARMLESS if texts is None else "." + texts.draw(TEXTS)

    def row(it: dict[str, Any]) -> dict[str, Any]:
        return {key: value if key == "project_id" else another(value) for key, value in it.items()}

    made_up = account(3, 2)
    lists: dict[str, Any] = {name: [row(it) for it in getattr(made_up, name)] for name in LISTS}
    projects = [replace(it, name=another(it.name)) for it in made_up.projects]
    quiet = [called(another("quiet"), "proj_quiet")]
    return replace(made_up, projects=projects, quiet_projects=quiet, **lists)


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_no_text_breaks_out(data: st.DataObject) -> None:
    made_up, source = with_texts(data), data.draw(TEXTS)
    written = page(made_up, source)
    found, harmless = Page(written), Page(page(with_texts(None), HARMLESS))

    shape = [(tag, sorted(attributes)) for tag, attributes in found.elements]
    assert shape == [(tag, sorted(attributes)) for tag, attributes in harmless.elements]
    assert not {unicodedata.category(it) for it in written if it != "\n"} & {"Cc", "Cs"}
    written.encode()
    shown = dict(zip(found.classes, found.tables, strict=True))
    for name, anchor, column in (
        ("broken_jobs", "broken", "error_message"),
        ("regressions", "regressions", "model_name"),
        ("gone_projects", "gone", "project_name"),
    ):
        cell = -1 if column == "error_message" else 0
        said = [text(it[column]) for it in getattr(made_up, name)]
        assert [row[cell] for row in shown[anchor][1:]] == [it.strip() for it in said]
    assert sorted(it for tag, it in found.texts if tag == "h3") == sorted(
        text(it.name) for it in made_up.projects
    )


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("\x1b[31mRuntime Error\x1b[0m in model orders", "Runtime Error in model orders"),
        ("\x1b[1;38;5;196mred\x1b[m", "red"),
        ("\x9b31mred", "red"),
        ("\x1b]8;;https://a.b\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]text that never ends its title", "text that never ends its title"),
        ("one line\u2028or two", "one line or two"),
        ("one\r\ntwo\tthree\x00four\x7f", "one two three four"),
        ("ten \u202eneves\u202c", "ten  neves"),
        ("half \ud83d", "half"),
        ("é 雪 😀 a\u200db", "é 雪 😀 a\u200db"),
        ("\x1b[31m\x1b[0m", "-"),
        ("", "-"),
        (None, "-"),
        ("x" * 301, "x" * 300 + " …"),
    ],
)
def test_what_only_a_terminal_understands_is_left_out(sent: str | None, shown: str) -> None:
    assert text(sent) == shown


@given(TEXTS)
def test_what_is_left_has_nothing_unseen_in_it(sent: str) -> None:
    left = plain(sent)
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", left)
    assert plain(left) == left


def test_a_negative_duration_is_called_a_fault_wherever_it_is_shown() -> None:
    made_up = account(3, 6)
    lists: dict[str, Any] = {
        name: [
            {key: -75.0 if key.endswith("_seconds") else value for key, value in row.items()}
            for row in getattr(made_up, name)
        ]
        for name in LISTS
    }
    found = Page(page(replace(made_up, **lists), "warehouse.duckdb"))

    titles = {"p95", "SLA", "Longest", "Before", "Running for", "Usual p95", "Median", "Time lost"}
    for table, name in zip(found.tables, found.classes, strict=True):
        for row in table[1:]:
            for title, cell in zip(table[0], row, strict=True):
                if title in titles | {"Lowest"} and name != "numbers":
                    assert cell == "-1 min 15 s (fault)"
    marked = [it for tag, it in found.texts if tag == "b" and it.endswith("(fault)")]
    said = sum(it.endswith("(fault)") for table in found.tables for row in table for it in row)
    assert len(marked) == said
    # One of the p95s of each project is below zero, on three days.
    assert sum(it == "-1 min 0 s (fault)" for it in marked) == 3 * 3
