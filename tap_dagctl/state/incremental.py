"""One incremental read: from the state before it, through a walk, to the state after it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tap_dagctl import timestamps
from tap_dagctl.records.builder import as_dict
from tap_dagctl.state.bookmark import Checkpoint
from tap_dagctl.state.sent_records import SentRecords, digest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from tap_dagctl.pagination.paginator import Paginator
    from tap_dagctl.records.builder import Record
    from tap_dagctl.records.fast_path import Row
    from tap_dagctl.settings import Settings
    from tap_dagctl.state.bookmark import Bookmark, Cursor

logger = logging.getLogger("tap-dagctl.incremental")


def changed_rows(
    paginator_after: Callable[[int | None], Paginator],
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
        paginator_after: makes a paginator of the rows updated after an instant, or of all.
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
    is_complete = False
    while not is_complete:
        is_complete = yield from _one_walk(paginator_after, bookmark, settings, is_filtered)


def _one_walk(
    paginator_after: Callable[[int | None], Paginator],
    bookmark: Bookmark,
    settings: Settings,
    is_filtered: bool,  # noqa: FBT001 - as above
) -> Generator[list[Record], None, bool]:
    """Walk once over what changed since the bookmark, and advance it; the arguments are as there.

    Returns:
        Whether that was all. After a walk that was resumed it is not: what changed while it was
        interrupted is still to be read.
    """
    cursor = bookmark.cursor(settings)
    paginator = paginator_after(cursor.after)
    checkpoint = bookmark.checkpoint(cursor)
    sent = SentRecords(_KEYS, bookmark.sent, checkpoint and checkpoint.sent)
    if checkpoint is None:
        pages = paginator.pages()
    else:
        anchors = frozenset(checkpoint.anchors)
        pages = paginator.resumed(checkpoint.position, lambda row: _anchor(row) in anchors)
    for page in pages:
        read_again = _read_again_after(paginator.began, bookmark.value, settings)
        rows = page if is_filtered else [row for row in page if lies_after(row, cursor.after)]
        yield _changed(rows, cursor, sent, read_again)
        # Not before they were taken: what the bookmark remembers counts as sent.
        position = paginator.position
        if position is not None and page:
            # Rows ever further back: some of them have surely not moved.
            last = [_anchor(page[-back]) for back in _ANCHOR_DISTANCES if back <= len(page)]
            bookmark.write_checkpoint(cursor, Checkpoint(position, last, sent.remembered))
    if paginator.counts_rows and not paginator.saw_rows:
        # Left out for good, or only now: the bookmark must not pass what was never shown.
        logger.info("%s: rows are counted and none is there: the bookmark stays", paginator.title)
        return True
    bookmark.complete(paginator.began, cursor.start, sent.remembered)
    # A walk that was resumed keeps the moment it began: what changed since, behind the place where
    # it was interrupted, is still to be read.
    return checkpoint is None or paginator.began != checkpoint.position.began


def lies_after(row: Row, instant: int | None) -> bool:
    """Whether a row was updated after an instant; None stands for before all."""
    _, moment, _ = row
    return instant is None or timestamps.parse(moment) > instant


def _changed(
    page: list[Row], cursor: Cursor, sent: SentRecords, read_again: int | None
) -> list[Record]:
    """Return the records of a page that were not sent before; remember what will be read again."""
    near = "" if read_again is None else timestamps.render(read_again)
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
    """Return a digest of the row, its `updated_at` to the last digit."""
    _, moment, record = row
    return digest({**as_dict(record), "updated_at": moment})


_KEYS = ("id",)
_ANCHOR_DISTANCES = (1, 2, 3, 5, 9, 17, 33, 65, 129)


def _read_again_after(began: int | None, bookmark: int | None, settings: Settings) -> int | None:
    """Return from which instant on the next sync will read rows again, or None for all."""
    ends = [end for end in (began, bookmark) if end is not None]
    # A second more than that does no harm, and no boundary needs thinking about.
    overlap = (settings.overlap_seconds + 1) * timestamps.NANOSECONDS
    return max(ends) - overlap if ends else None
