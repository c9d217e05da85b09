"""Whatever the API sends as a text, it is shown as text, and as what a person can read."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from report.answers import Answers
from report.formatting import plain, text
from report.page import page
from tests.support.made_up_rows import TEXT
from tests.support.pages import HOSTILE, LISTS, Page, account, called

TERMINALS = ["\x1b[31m", "\x1b[0m", "\x9b1;31m", "\x1b]0;title\x07", "\x1b]8;;x\x1b\\"]
TERMINALS += ["\x1bM", "\x1b", "\x08"]
MARKUP = [HOSTILE, "</td>", "<!--", "</style>", "&lt;", "]]>", "{{ 7 }}", "{% raw %}", "'", '"']
PARTS = TEXT | st.sampled_from([*TERMINALS, *MARKUP, "<svg>"])
TEXTS = st.lists(PARTS, min_size=1, max_size=4).map("".join)
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
    found, harmless = Page(page(made_up, source)), Page(page(with_texts(None), HARMLESS))

    shape = [(tag, sorted(attributes)) for tag, attributes in found.elements]
    assert shape == [(tag, sorted(attributes)) for tag, attributes in harmless.elements]
    assert not {unicodedata.category(it) for it in found.text if it != "\n"} & {"Cc", "Cs"}
    found.text.encode()
    for name, anchor, column, cell in (
        ("broken_jobs", "broken", "error_message", -1),
        ("regressions", "regressions", "model_name", 0),
        ("gone_projects", "gone", "project_name", 0),
    ):
        said = [text(it[column]).strip() for it in getattr(made_up, name)]
        assert [row[cell] for row in found.table(anchor)[1:]] == said
    assert sorted(found.said("h3")) == sorted(text(it.name) for it in made_up.projects)


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("\x1b[31mRuntime Error\x1b[0m in model orders", "Runtime Error in model orders"),
        ("\x9b31mred", "red"),
        ("\x1b]8;;https://a.b\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]text that never ends its title", "text that never ends its title"),
        ("one\r\ntwo\tthree\x00four\x7f", "one two three four"),
        ("ten \u202eneves\u202c", "ten  neves"),
        ("half \ud83d", "half"),
        ("é 雪 😀 a\u200db", "é 雪 😀 a\u200db"),
        ("\x1b[31m\x1b[0m", "-"),
        ("x" * 301, "x" * 300 + " …"),
        (None, "-"),
    ],
)
def test_what_only_a_terminal_understands_is_left_out(sent: str | None, shown: str) -> None:
    assert text(sent) == shown


@given(TEXTS)
def test_what_is_left_has_nothing_unseen_in_it(sent: str) -> None:
    left = plain(sent)
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", left)
    assert plain(left) == left
