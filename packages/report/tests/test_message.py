"""What people read: short, the worst first, and nothing in it but text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from report.notify.findings import KINDS
from report.notify.message import LINES, LONGEST_LINE, messages
from report.notify.news import Finding, News


def findings(key: st.SearchStrategy[str], endings: list[str]) -> st.SearchStrategy[list[Finding]]:
    built = st.builds(
        Finding,
        key=st.tuples(st.sampled_from(sorted(KINDS)), key),
        name=st.text(max_size=200),
        detail=st.text(max_size=80),
        ending=st.sampled_from(endings),
    )
    return st.lists(built, max_size=40, unique_by=lambda it: it.key)


NEW = findings(st.text(max_size=3), ["", "mended"])
OVER = findings(st.text(min_size=4, max_size=6), ["mended"])
PLACES = st.integers(200, 3_000)


@given(NEW, OVER, PLACES)
def test_everything_is_said_or_counted_once_in_few_lines(
    new: list[Finding], over: list[Finding], places: int
) -> None:
    sent = messages(News(new, over), lambda title, body: len(title) + len(body) <= places)
    lines = [line for message in sent for line in message.body.split("\n")]
    items = [line for line in lines if line.startswith("- ")]
    more = [line for line in items if line.startswith("- and ") and line.endswith(" more")]
    written = [line for line in items if line not in more]

    assert len(written) == min(LINES, len(new) + len(over))
    assert len(written) + sum(int(line.split()[2]) for line in more) == len(new) + len(over)
    assert all(len(line) <= LONGEST_LINE + len("- ") for line in lines)
    # Each finding is in one of them, and each fits, unless it is a line alone.
    keys = [key for message in sent for key in message.keys]
    assert sorted(keys) == sorted(it.key for it in (*new, *over))
    for message in sent:
        is_alone = message.body.count("\n- ") == 1
        assert is_alone or len(message.title) + len(message.body) <= places
    counts = [f"{len(new)} new"] * bool(new) + [f"{len(over)} over"] * bool(over)
    title = f"dagctl: {', '.join(counts)}"
    if len(sent) == 1:
        assert sent[0].title == title
    else:
        assert [message.title for message in sent] == [
            f"{title} ({number} of {len(sent)})" for number in range(1, len(sent) + 1)
        ]


def test_a_long_section_leaves_room_for_the_others() -> None:
    many = [Finding(("regressions", str(at)), f"model {at}", "slower") for at in range(500)]
    few = [Finding(("overdue", "1"), "weekly (sales)", "running for 3 h")]
    (said,) = messages(News(few + many, many))

    assert "weekly (sales): running for 3 h" in said.body
    assert "- and 490 more\n\nOver" in said.body
    assert said.body.endswith("- and 491 more")
    assert len(said.keys) == 501


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("job\n\n- forged\u2028\x1b[31mred\x1b[0m \u202egnp", "job - forged red  gnp"),
        # It calls nobody and leads nowhere.
        ("@everyone <@1>", "@\u2060everyone <\u2060@\u20601>"),
        (":fire: 02:00", ":\u2060fire: 02:00"),
    ],
)
def test_what_a_name_holds_stays_one_line_of_text(name: str, shown: str) -> None:
    (said,) = messages(News([Finding(("broken", "1"), name, "failed")]))
    assert said.body == f"Jobs broken\n- {shown}: failed"
