"""What people read: short, the worst first, and nothing in it but text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from report.notify.findings import KINDS
from report.notify.message import LINES, LONGEST_LINE, message
from report.notify.news import Finding

FINDINGS = st.lists(
    st.builds(
        Finding,
        key=st.tuples(st.sampled_from(sorted(KINDS)), st.text(max_size=3)),
        name=st.text(max_size=200),
        detail=st.text(max_size=80),
        is_over=st.booleans(),
    ),
    max_size=40,
)


def over_again(_: object) -> str:
    return "mended"


@given(FINDINGS, FINDINGS)
def test_everything_is_said_or_counted_in_few_lines(
    new: list[Finding], over: list[Finding]
) -> None:
    said = message(new, over, over_again, "warehouse.duckdb")
    lines = said.body.split("\n")
    items = [line for line in lines if line.startswith("- ")]
    more = [line for line in items if line.startswith("- and ") and line.endswith(" more")]
    written = [line for line in items if line not in more]

    assert len(written) == min(LINES, len(new) + len(over))
    assert len(written) + sum(int(line.split()[2]) for line in more) == len(new) + len(over)
    assert all(len(line) <= LONGEST_LINE for line in lines)
    assert len(lines) <= LINES + 4 * (len(KINDS) + 1)
    assert all(line.isprintable() or not line.isascii() for line in lines)
    counts = [f"{len(new)} new"] * bool(new) + [f"{len(over)} over"] * bool(over)
    assert said.title == f"dagctl: {', '.join(counts)}"


def test_it_reads_well() -> None:
    new = [
        Finding(("broken", "1"), "nightly (sales)", "3 runs in a row did not succeed"),
        Finding(("broken", "2"), "hourly (sales)", "the newest run did not succeed", is_over=True),
        Finding(("breaches", "1"), "sales, 1 Mar 2026", "p95 40 min 0 s"),
    ]
    over = [Finding(("overdue", "1"), "weekly (sales)", "running for 3 h")]
    said = message(new, over, over_again, "warehouse.duckdb")

    assert said.title == "dagctl: 3 new, 1 over"
    assert said.body == (
        "Jobs broken\n"
        "- nightly (sales): 3 runs in a row did not succeed\n"
        "- hourly (sales): the newest run did not succeed (over: mended)\n"
        "\n"
        "Days over the SLA\n"
        "- sales, 1 Mar 2026: p95 40 min 0 s\n"
        "\n"
        "Over\n"
        "- weekly (sales): mended\n"
        "\n"
        "All of it: make report (warehouse.duckdb)"
    )


def test_a_long_section_leaves_room_for_the_others() -> None:
    many = [Finding(("regressions", str(at)), f"model {at}", "slower") for at in range(500)]
    few = [Finding(("overdue", "1"), "weekly (sales)", "running for 3 h")]
    said = message(few + many, many, over_again, "PostgreSQL")

    assert "weekly (sales): running for 3 h" in said.body
    assert "- and 490 more\n\nOver" in said.body
    assert "- and 491 more\n\nAll of it" in said.body


def test_what_a_name_holds_stays_one_line_of_text() -> None:
    name = "job\n\n- forged\u2028\x1b[31mred\x1b[0m \u202egnp"
    said = message([Finding(("broken", "1"), name, "failed")], [], over_again, "x")

    assert [line for line in said.body.split("\n") if "forged" in line] == [
        "- job - forged red  gnp: failed"
    ]


def test_a_name_calls_nobody() -> None:
    said = message([Finding(("broken", "1"), "@everyone <@1>", "failed")], [], over_again, "x")

    assert "- @\u2060everyone <@\u20601>: failed" in said.body
