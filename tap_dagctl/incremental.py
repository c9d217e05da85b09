"""One incremental read: from the state before it, through a walk, to the state after it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tap_dagctl import timestamps
from tap_dagctl.bookmark import CutWalk
from tap_dagctl.records import as_dict
from tap_dagctl.sent import Sent, digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_dagctl.bookmark import Bookmark, Cursor
    from tap_dagctl.pagination import Walk
    from tap_dagctl.records import Record
    from tap_dagctl.settings import Settings
    from tap_dagctl.structs import Row

logger = logging.getLogger("tap-dagctl.incremental")


def changed_rows(
    walk_after: Callable[[int | None], Walk],
    bookmark: Bookmark,
    settings: Settings,
    *,
    is_filtered: bool = True,
) -> Iterator[list[Record]]:
    """Yield every record that changed since the bookmark, each version once; then advance it.

    They come page by page. The state of the bookmark is at all times true of the pages that have
    been dealt with, so it may go out at any moment.

    Args:
        walk_after: makes a walk over the rows updated after an instant, or over all.
        bookmark: of the stream and project.
        settings: for `start_date` and the overlap.
        is_filtered: whether the API leaves out what was not updated after that instant.
    """
    cursor = bookmark.cursor(settings)
    walk = walk_after(cursor.after)
    cut = bookmark.cut_walk(cursor)
    sent = Sent(_KEYS, bookmark.sent, cut and cut.sent)
    if cut is None:
        pages = walk.pages()
    else:
        anchors = frozenset(cut.anchors)
        pages = walk.resumed(cut.checkpoint, lambda row: _anchor(row) in anchors)
    for page in pages:
        if bookmark.lies_after(walk.server_time, settings):
            logger.warning(
                "%s: the bookmark lies in the server's future, so it is dropped and everything "
                "is read again",
                walk.title,
            )
            bookmark.forget()
            yield from changed_rows(walk_after, bookmark, settings, is_filtered=is_filtered)
            return
        read_again = _read_again_after(walk.began, bookmark.value, settings)
        rows = page if is_filtered else [row for row in page if lies_after(row, cursor.after)]
        yield _changed(rows, cursor, sent, read_again)
        # Not before they were taken: what the bookmark remembers counts as sent.
        checkpoint = walk.checkpoint
        if checkpoint is not None and page:
            # Rows ever further back: some of them have surely not moved.
            anchors_now = [_anchor(page[-back]) for back in _BACK if back <= len(page)]
            bookmark.cut(cursor, CutWalk(checkpoint, anchors_now, sent.remembered))
    if walk.counts_rows and not walk.saw_rows:
        # Left out for good, or only now: the bookmark must not pass what was never shown.
        logger.info("%s: rows are counted and none is there: the bookmark stays", walk.title)
        return
    bookmark.complete(walk.began, cursor.start, sent.remembered)
    if cut is not None and walk.began == cut.checkpoint.began:
        # It went on: what changed between the two, behind where it was cut, is still to be read.
        yield from changed_rows(walk_after, bookmark, settings, is_filtered=is_filtered)


def lies_after(row: Row, instant: int | None) -> bool:
    """Whether a row was updated after an instant; None stands for before all."""
    _, moment, _ = row
    return instant is None or timestamps.parse(moment) > instant


def _changed(page: list[Row], cursor: Cursor, sent: Sent, read_again: int | None) -> list[Record]:
    """Return the records of a page that were not sent before; remember what will be read again."""
    near = "" if read_again is None else timestamps.render(read_again)
    if cursor.had is None and not sent and all(moment < near for _, moment, _ in page):
        return [record for _, _, record in page]
    changed: list[Record] = []
    for _, moment, record in page:
        is_near, row = moment >= near, as_dict(record)
        if not _had(moment, cursor) and row not in sent:
            changed.append(record)
        if is_near or sent:
            sent.took(row, remember=is_near)
    return changed


def _had(moment: str, cursor: Cursor) -> bool:
    if cursor.had is None:
        return False
    had_from, had_to = cursor.had
    return had_from <= timestamps.parse(moment) <= had_to


def _anchor(row: Row) -> str:
    """Return a digest of the row, its `updated_at` to the last digit."""
    _, moment, record = row
    return digest({**as_dict(record), "updated_at": moment})


_KEYS = ("id",)
_BACK = (1, 2, 3, 5, 9, 17, 33, 65, 129)


def _read_again_after(began: int | None, bookmark: int | None, settings: Settings) -> int | None:
    """Return from which instant on the next sync will read rows again, or None for all."""
    ends = [end for end in (began, bookmark) if end is not None]
    # A second more than that does no harm, and no boundary needs thinking about.
    overlap = (settings.overlap_seconds + 1) * timestamps.NANOSECONDS
    return max(ends) - overlap if ends else None
