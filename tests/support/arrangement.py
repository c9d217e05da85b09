"""What a made-up history has of all that the API page leaves open."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Arrangement:
    """How the server of one history behaves, and the settings of its syncs."""

    order_by: str = "updated_at"
    descending: bool = False
    page_size: int = 5
    most_rows: int = 500
    tells_limit: str = "right"
    counted_too_many: int = 0
    overlap_seconds: int = 60
    digits: int = 6
    offset_minutes: int = 0
    inclusive: bool = False
    tells_time: bool = True
    projects: int = 1
    connections: int = 4
    hides: str = "nothing"
    counts_hidden: str = "yes"
    tells_pages: bool = True
    empty_list: str = "[]"
    sizes: str = "any"
    ties: str = "by id"
    counts: str = "right"
    backends: str = "one"
    is_volatile: bool = False
    has_glitches: bool = False

    @property
    def is_odd(self) -> bool:
        """Whether its answers may disagree with each other."""
        oddities = (self.sizes, self.ties, self.counts, self.backends)
        is_plain = oddities == ("any", "by id", "right", "one")
        return self.is_volatile or self.has_glitches or not is_plain

    @property
    def needs_counts(self) -> bool:
        """Whether only the count can tell that rows are missing."""
        is_in_order = self.ties == "by id" and self.backends == "one"
        return self.has_glitches or not is_in_order or self.counts == "lagging"

    @property
    def relies_on_counts(self) -> bool:
        """The same, or a server whose pages are silently of another size."""
        return self.needs_counts or self.sizes != "any"

    @property
    def within_the_promise(self) -> Arrangement:
        """The same, without what cannot be found out (docs/exactness.md, "Where it ends").

        Pages that are capped, and rows that are left out of them, cannot be told apart if the
        server tells neither its limit nor how many pages there are for so many rows. Behind a long
        stretch of rows that are left out and not counted, nothing says that there are more.
        """
        if self.is_odd:
            counts_decide = self.needs_counts and self.counts != "lagging"
            is_lagging = "lagging" in {self.counts, self.backends}
            return replace(
                self,
                hides="nothing",
                counted_too_many=0,
                # Where nothing else can tell, the counts are right.
                counts="right" if counts_decide else self.counts,
                # Without a clock, rows that were deleted make up the number of others.
                tells_time=self.tells_time or self.needs_counts,
                # Where the rows or the counts are those of earlier, nothing else hides rows.
                ties="by id" if is_lagging else self.ties,
                has_glitches=self.has_glitches and not is_lagging,
                sizes="any" if self.counts == "lagging" else self.sizes,
                backends="one" if self.counts == "lagging" else self.backends,
                tells_limit="right" if self.counts == "lagging" else self.tells_limit,
            )
        counts_agree = not self.counted_too_many and self.counts_hidden == "yes"
        is_told = self.hides == "nothing" or (self.tells_pages and counts_agree)
        are_long = self.hides in {"stretches", "a range of ids", "everything"}
        return replace(
            self,
            tells_limit=self.tells_limit if is_told else "right",
            counts_hidden="yes" if are_long else self.counts_hidden,
            # Very small pages of which rows are left out are too small to overlap.
            page_size=self.page_size if self.hides == "nothing" else max(self.page_size, 13),
        )


HIDES: dict[str, Callable[[int, str], bool]] = {
    "nothing": lambda _serial, _key: False,
    "some": lambda serial, _key: serial % 29 == 3,
    "many": lambda serial, _key: serial % 2 == 0,
    # In an order by time, and in one by id: more in one stretch than fit a page of 20 or 26.
    "stretches": lambda serial, _key: serial % 90 >= 30,
    "a range of ids": lambda _serial, key: "03" < key < "06",
    "the first": lambda serial, _key: serial <= 15,
    "everything": lambda _serial, _key: True,
}
"""Which rows a server leaves out of its pages, by their number and id."""
