"""How far a walk has got, so that another can go on from there."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Position:
    """A place in a list, and what was known of it there.

    Attributes:
        began: the server's clock when the walk began, in nanoseconds since the epoch.
        end: offset behind the last row that was read.
        cap: the most rows to ask for in a page.
        known: so many rows the server gives in a page for certain.
    """

    began: int
    end: int
    cap: int
    known: int
