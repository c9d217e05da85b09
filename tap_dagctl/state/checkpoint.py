"""The checkpoint of a walk, from which the next sync resumes it.

The state keeps digests of some of the last rows read: the anchors. If the next sync finds them in
the same places, no row before them has moved.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from tap_dagctl import timestamps
from tap_dagctl.pagination.page import Checkpoint
from tap_dagctl.records.record import Row, known_fields
from tap_dagctl.state.bookmark import Cursor
from tap_dagctl.state.sent_records import digest

# Places of the anchors, counted from the last row of a page. Some of these rows will not have
# moved.
_ANCHOR_PLACES = (1, 2, 3, 5, 9, 17, 33, 65, 129)


class Walk(Checkpoint, kw_only=True):
    """A checkpoint in the state."""

    updated_after: str | None
    anchors: list[str]
    sent: Any

    @classmethod
    def of(cls, checkpoint: Checkpoint, rows: list[Row], cursor: Cursor, sent: str) -> Walk:
        """Return a checkpoint of the paginator, with the rows of its last page, for the state."""
        return cls(
            **msgspec.structs.asdict(checkpoint),
            updated_after=timestamps.render_optional(cursor.after),
            anchors=[_anchor(rows[-place]) for place in _ANCHOR_PLACES if place <= len(rows)],
            sent=sent,
        )

    def end_in(self, rows: list[Row]) -> int | None:
        """Return how many rows of a page the walk had read.

        None unless three anchors, or all that fit, agree: if the order differs between answers, a
        single anchor may be in its place by chance.
        """
        places = dict(zip(self.anchors, _ANCHOR_PLACES, strict=False))
        found = ((index, places.get(_anchor(row))) for index, row in enumerate(rows))
        ends = Counter(index + place for index, place in found if place)
        (end, votes), *_ = ends.most_common(1) or [(0, 0)]
        return end if votes >= min(3, end) else None


def _anchor(row: Row) -> str:
    """Return a digest of the row's known fields, with all digits of its `updated_at`."""
    _, moment, record = row
    return digest({**known_fields(record), "updated_at": moment})
