"""The rows of a table as HTML, and how many of them a page has room for.

A large account has thousands of them. So a cell is only its text, as HTML allows, and how a column
is set and what it is called stand once a page, in `page.css.jinja`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup, escape

from report.links import Links
from report.tables import Table
from report.warehouse import Row

IN_SIGHT = 10
"""Rows of a table that are shown from the outset; the others are a click away."""
# What a line of the narrowest phone has room for; each place to break costs five bytes.
_LONG_WORD = 16
_LONG_WORDS = re.compile(rf"[^\s-]{{{_LONG_WORD},}}")
_PARTS = re.compile(r"(?<=[._])(?![._])(?!$)")


@dataclass(frozen=True)
class Listing:
    """A table with its rows as HTML.

    Attributes:
        rest: what is a click away.
        left_out: how many rows the page has no room for.
    """

    table: Table
    in_sight: Markup
    rest: Markup
    rest_count: int
    left_out: int


def rows_of(table: Table, links: Links) -> Iterator[Markup]:
    """Yield each row."""
    for row in table.rows:
        yield Markup("<tr>") + Markup().join(_cells(table, row, links)) + Markup("\n")


def listings(tables: list[Table], links: Links, room: int) -> list[Listing]:
    """Return the tables with as many of their rows as there is room for.

    What is in sight is always there, and `room` is for the rest, in bytes. It is divided: a table
    that needs less than its part leaves it to the others.
    """
    rows = {table.anchor: _some_rows(table, links, room) for table in tables}
    sizes = {anchor: [size(row) for row in found] for anchor, found in rows.items()}
    shown = {}
    smallest_first = sorted(sizes, key=lambda anchor: sum(sizes[anchor][IN_SIGHT:]))
    for others, anchor in zip(range(len(tables), 0, -1), smallest_first, strict=True):
        part = room // others
        shown[anchor] = IN_SIGHT + _fitting(sizes[anchor][IN_SIGHT:], part)
        room -= sum(sizes[anchor][IN_SIGHT : shown[anchor]])
    return [_listing(table, rows[table.anchor], shown[table.anchor]) for table in tables]


def breakable(name: str) -> Markup:
    """Write a text whose long words are broken behind their dots and underscores, if anywhere."""
    escaped = escape(name)
    if len(escaped) < _LONG_WORD:
        return escaped
    return Markup(_LONG_WORDS.sub(lambda word: _PARTS.sub("<wbr>", word[0]), escaped))  # noqa: S704 - escaped


def size(html: str) -> int:
    """Return how many bytes of a page this is."""
    return len(html.encode())


def _some_rows(table: Table, links: Links, room: int) -> list[Markup]:
    """Return those in sight, and of the others no more than `room` is enough for."""
    found = []
    for number, row in enumerate(rows_of(table, links)):
        room -= size(row) if number >= IN_SIGHT else 0
        if room < 0:
            break
        found.append(row)
    return found


def _cells(table: Table, row: Row, links: Links) -> Iterator[Markup]:
    for column in table.columns:
        cell = breakable(column.cell(row))
        if column.is_fault(row):
            cell = Markup("<b>") + cell + Markup("</b>")
        elif column.is_late(row):
            cell = Markup("<em>") + cell + Markup("</em>")
        elif address := links.address(column, row):
            cell = Markup('<a href="{}">{}</a>').format(address, cell)
        yield Markup("<td>") + cell


def _fitting(sizes: list[int], room: int) -> int:
    for number, row in enumerate(sizes):
        room -= row
        if room < 0:
            return number
    return len(sizes)


def _listing(table: Table, rows: list[Markup], shown: int) -> Listing:
    rest = rows[IN_SIGHT:shown]
    return Listing(
        table,
        in_sight=Markup().join(rows[:IN_SIGHT]),
        rest=Markup().join(rest),
        rest_count=len(rest),
        left_out=len(table.rows) - min(shown, len(rows)),
    )
