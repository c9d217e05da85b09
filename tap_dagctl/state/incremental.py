"""One incremental read: from the state before it, through a walk, to the state after it."""

from __future__ import annotations

import logging
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from tap_dagctl import timestamps
from tap_dagctl.records.builder import as_dict, known_fields
from tap_dagctl.state.bookmark import Owed
from tap_dagctl.state.sent_records import MOST_REMEMBERED, SentRecords, digest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from tap_dagctl.pagination.paginator import Paginator
    from tap_dagctl.records.builder import Record
    from tap_dagctl.records.fast_path import Row
    from tap_dagctl.settings import Settings
    from tap_dagctl.state.bookmark import Bookmark, Cursor

logger = logging.getLogger("tap-dagctl.incremental")


DAY = 86_400 * timestamps.NANOSECONDS
"""How long a bookmark waits for rows that the server counts and does not show."""


def changed_rows(
    paginator_of: Callable[[int | None, int, int], Paginator],
    bookmark: Bookmark,
    settings: Settings,
    *,
    server_time: int | None,
    is_filtered: bool = True,
) -> Iterator[list[Record]]:
    """Yield every record that changed since the bookmark, each version once; then advance it.

    They come page by page. The state is right for the pages that have been taken so far, so it may
    go out at any moment.

    Args:
        paginator_of: makes a paginator of the rows updated after an instant, or of all; given as
            well how many rows are expected, and how many more the server counts than it shows.
        bookmark: of the stream and project.
        settings: for `start_date` and the overlap.
        server_time: the server's clock, in nanoseconds since the epoch, or None where it does not
            tell.
        is_filtered: whether the API leaves out what was not updated after that instant.
    """
    if bookmark.lies_after(server_time, settings):
        logger.warning(
            "%s: the bookmark lies in the server's future, so it is dropped and everything is read "
            "again",
            bookmark.title,
        )
        bookmark.forget()
    now = timestamps.now() if server_time is None else server_time
    is_complete = False
    while not is_complete:
        is_complete = yield from _one_walk(paginator_of, bookmark, settings, is_filtered, now)


def _one_walk(
    paginator_of: Callable[[int | None, int, int], Paginator],
    bookmark: Bookmark,
    settings: Settings,
    is_filtered: bool,  # noqa: FBT001 - as above
    now: int,
) -> Generator[list[Record], None, bool]:
    """Walk once over what changed since the bookmark, and advance it; the arguments are as there.

    Returns:
        Whether that was all. After a walk that was resumed it is not: what changed while it was
        interrupted is still to be read.
    """
    cursor = bookmark.cursor(settings)
    owed, surplus = bookmark.owed(cursor), bookmark.surplus
    paginator = paginator_of(cursor.after, owed.counted if owed else 0, surplus)
    interrupted = bookmark.interrupted(cursor)
    if interrupted is None:
        resumed_from, pages = None, paginator.pages()
        sent = SentRecords(_KEYS, bookmark.sent)
    else:
        checkpoint, anchors, sent_before = interrupted
        resumed_from = checkpoint.started_at
        sent = SentRecords(_KEYS, bookmark.sent, sent_before)
        pages = paginator.resumed(checkpoint, partial(_end_in, anchors=anchors))
    read: list[Row] | None = []
    for page in pages:
        read_again = _read_again_after(paginator.started_at, bookmark.value, settings)
        rows = page if is_filtered else [row for row in page if lies_after(row, cursor.after)]
        # Of a longer list the state could not remember all, should the bookmark wait.
        read = [*read, *rows] if read is not None and len(read) <= MOST_REMEMBERED else None
        yield _changed(rows, cursor, sent, read_again)
        # Not before they were taken: what the bookmark remembers counts as sent.
        if reached := paginator.checkpoint:
            bookmark.write_checkpoint(cursor, reached, _anchors(reached.rows), sent.remembered)
        else:
            bookmark.drop_checkpoint()
    if paginator.missing:
        # A clock that was ahead must not make it wait for longer.
        since = min(owed.since, now) if owed else now
        if _waits(bookmark, paginator, since, now):
            for _, _, record in read or ():
                sent.mark_sent(as_dict(record), remember=True)
            counted = max(paginator.count.total, owed.counted if owed else 0)
            bookmark.wait(cursor, Owed(counted, since), sent.known)
            return True
        surplus += paginator.missing
    # What one list of updated rows counts too many says nothing about the next.
    bookmark.surplus = 0 if is_filtered else max(0, surplus - paginator.count.excess)
    bookmark.complete(paginator.started_at, cursor.start, sent.remembered)
    # A walk that was resumed keeps the moment it began: what changed since, behind the place where
    # it was interrupted, is still to be read.
    return paginator.started_at != resumed_from


def _waits(bookmark: Bookmark, paginator: Paginator, since: int, now: int) -> bool:
    """Return whether the bookmark waits for the rows that are missing, and say so."""
    waits = now - since < DAY
    logger.warning(
        "%s: the API counts %d rows and did not show %d of them; %s",
        bookmark.title,
        paginator.count.total + bookmark.surplus,
        paginator.missing,
        _WAITS if waits else _GIVES_UP,
    )
    return waits


_WAITS = (
    "the bookmark waits for them for a day at most, and each sync reads from there again; if that "
    "stays, report it to dagctl"
)
_GIVES_UP = (
    "a day has passed, so the bookmark moves on; if they belong to you, report it to dagctl, and "
    "read again from an earlier start_date once they are shown"
)


def lies_after(row: Row, instant: int | None) -> bool:
    """Whether a row was updated after an instant; None stands for before all."""
    _, moment, _ = row
    return instant is None or timestamps.parse(moment) > instant


def _changed(page: list[Row], cursor: Cursor, sent: SentRecords, read_again: int) -> list[Record]:
    """Return the records of a page that were not sent before; remember what will be read again."""
    near = timestamps.render(read_again)
    if cursor.already_read is None and not sent and all(moment < near for _, moment, _ in page):
        return [record for _, _, record in page]
    changed: list[Record] = []
    for _, moment, record in page:
        is_near, row = moment >= near, as_dict(record)
        if not _is_already_read(moment, cursor) and row not in sent:
            changed.append(record)
        if is_near or sent:
            sent.mark_sent(row, remember=is_near)
    return changed


def _is_already_read(moment: str, cursor: Cursor) -> bool:
    if cursor.already_read is None:
        return False
    first, last = cursor.already_read
    return first <= timestamps.parse(moment) <= last


def _anchor(row: Row) -> str:
    """Return a digest of what the schema knows of the row, its `updated_at` to the last digit."""
    _, moment, record = row
    return digest({**known_fields(record), "updated_at": moment})


_KEYS = ("id",)
# Counted from the last row of a page, ever further back: some of them have surely not moved.
_ANCHOR_PLACES = (1, 2, 3, 5, 9, 17, 33, 65, 129)


def _anchors(rows: list[Row]) -> list[str]:
    return [_anchor(rows[-place]) for place in _ANCHOR_PLACES if place <= len(rows)]


def _end_in(rows: list[Row], anchors: list[str]) -> int | None:
    """Return how many rows of a page a walk had read that left these anchors.

    None unless three anchors, or as many as there may be, say the same: one alone may be there by
    chance where the order differs from answer to answer.
    """
    places = dict(zip(anchors, _ANCHOR_PLACES, strict=False))
    found = ((index, places.get(_anchor(row))) for index, row in enumerate(rows))
    ends = Counter(index + place for index, place in found if place)
    (end, votes), *_ = ends.most_common(1) or [(0, 0)]
    return end if votes >= min(3, end) else None


def _read_again_after(started_at: int, bookmark: int | None, settings: Settings) -> int:
    """Return from which instant on the next sync will read rows again."""
    # A second more than that does no harm, and no boundary needs thinking about.
    overlap = (settings.overlap_seconds + 1) * timestamps.NANOSECONDS
    return max(started_at, bookmark or 0) - overlap
