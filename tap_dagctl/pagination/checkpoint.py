"""How far a walk has got, so that another can resume there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tap_dagctl.records.fast_path import Row


@dataclass(frozen=True)
class Checkpoint:
    """A place in a list that a walk has reached.

    Attributes:
        started_at: the server's clock when the walk began, in nanoseconds since the epoch.
        end: offset behind the last row that was read.
        cap: the most rows to ask for in a page.
        counted: how many different rows had come.
        total: how many rows the server counted at first.
        rows: those of the last page, in the order of the list.
    """

    started_at: int
    end: int
    cap: int
    counted: int
    total: int
    rows: list[Row] = field(default_factory=list)
