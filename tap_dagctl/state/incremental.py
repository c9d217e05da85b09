"""Reads the changed rows of one list, and moves its bookmark."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from tap_dagctl import timestamps
from tap_dagctl.api.prefetch import Prefetch
from tap_dagctl.pagination.dedup import is_earlier
from tap_dagctl.pagination.page import Listing
from tap_dagctl.pagination.paginator import Paginator
from tap_dagctl.records.record import Record, Row, as_dict
from tap_dagctl.settings import Settings
from tap_dagctl.state.bookmark import Bookmark, Cursor, Owed
from tap_dagctl.state.checkpoint import Walk
from tap_dagctl.state.sent_records import MAX_REMEMBERED, SentRecords
from tap_dagctl.timestamps import Instant

logger = logging.getLogger("tap-dagctl.incremental")

_KEYS = ("id",)
_READ_WHOLE = "the next sync reads everything again"
_WAITS = (
    "the bookmark waits for them for a day at most, and each sync reads from there again; if that "
    "stays, report it to dagctl"
)
_GIVES_UP = (
    "a day has passed, so the bookmark moves on; if they belong to you, report it to dagctl, and "
    "read again from an earlier start_date once they are shown"
)


def changed_rows(
    prefetch: Prefetch,
    listing_of: Callable[[int | None], Listing],
    bookmark: Bookmark,
    settings: Settings,
    *,
    is_filtered: bool,
) -> Iterator[list[Record]]:
    """Yield every record that changed since the bookmark, each version once; then advance it.

    They come page by page. The state is right for the pages that have been taken so far, so it may
    go out at any moment. `listing_of` returns the list of the rows updated after an instant, or of
    all. Rows that were not updated after it are left out here unless the API `is_filtered`.
    """
    server_time = prefetch.client.server_time
    if server_time is not None and (bookmark.value or 0) - settings.overlap > server_time:
        bookmark.drop("everything is read again")
    moments: dict[str, str] = {}
    while True:
        cursor = bookmark.cursor(settings)
        owed = bookmark.entry("owed", Owed, cursor)
        listing, expected = listing_of(cursor.after), owed.counted if owed else 0
        paginator = Paginator(prefetch, listing, expected=expected, surplus=bookmark.surplus)
        walk = bookmark.entry("walk", Walk, cursor)
        sent = SentRecords(_KEYS, bookmark.sent, walk.sent if walk else None)
        read: list[Row] | None = []
        for page in paginator.resumed(walk, walk.end_in) if walk else paginator.pages():
            # One second more than the overlap, so that rounding at the boundary does not matter.
            latest = max(paginator.started_at, bookmark.value or 0)
            near = timestamps.render(latest - settings.overlap - timestamps.NANOSECONDS)
            rows = page if is_filtered else [row for row in page if _lies_after(row, cursor.after)]
            rows = _newest(rows, near, moments)
            # The state cannot remember more rows than this if the bookmark has to wait.
            read = [*read, *rows] if read is not None and len(read) <= MAX_REMEMBERED else None
            yield _changed(rows, cursor, sent, near)
            # Only after the page was taken, because the rows in the state count as sent.
            reached = paginator.checkpoint
            bookmark.write_checkpoint(reached and Walk.of(*reached, cursor, sent.remembered))
        if paginator.missing and (due := _waiting(bookmark, paginator, owed, cursor, server_time)):
            for _, _, record in read or ():
                sent.mark_sent(as_dict(record), remember=True)
            bookmark.wait(due, sent.known)
            return
        # The next filtered list has other rows, so its surplus is unknown.
        surplus = (
            0 if is_filtered else bookmark.surplus + paginator.missing - paginator.count.excess
        )
        began = timestamps.render(paginator.started_at)
        bookmark.complete(began, cursor.start, sent.remembered, surplus=surplus)
        # A resumed walk keeps its first `started_at`: a second walk must read the changes since
        # then.
        if not walk or paginator.started_at != walk.began:
            return


def _newest(rows: list[Row], near: str, moments: dict[str, str]) -> list[Row]:
    """Return the rows without older versions; remember those that will be read again.

    A second walk reads these again, and a replica that lags may show them as they were before. If
    that were sent, and the sync killed then, the state would still say that the newer version was
    sent last.
    """
    if moments:
        rows = [row for row in rows if not is_earlier(row[1], moments.get(row[0], ""))]
    for key, moment, _ in rows:
        if moment >= near:
            moments.pop(key, None)
            moments[key] = moment
            if len(moments) > MAX_REMEMBERED:
                # The state forgets this row, too.
                moments.pop(next(iter(moments)))
    return rows


def _waiting(
    bookmark: Bookmark,
    paginator: Paginator,
    owed: Owed | None,
    cursor: Cursor,
    server_time: int | None,
) -> Owed | None:
    """Warn that rows are missing. Return what the bookmark waits for, or None if it moves on."""
    now = timestamps.now() if server_time is None else server_time
    # If the clock was ahead, do not wait longer than a day from now.
    since = min(owed.since, now) if owed else now
    waits = now - since < timestamps.DAY
    total = paginator.count.total
    logger.warning(
        "%s: the API counts %d rows and did not show %d of them; %s",
        bookmark.title,
        total + bookmark.surplus,
        paginator.missing,
        _READ_WHOLE if not bookmark.is_kept else _WAITS if waits else _GIVES_UP,
    )
    if not waits:
        return None
    return Owed(
        updated_after=timestamps.render_optional(cursor.after),
        counted=max(total, owed.counted if owed else 0),
        since=Instant(since),
    )


def _lies_after(row: Row, instant: int | None) -> bool:
    """Return whether a row was updated after `instant`; always true for None."""
    return instant is None or timestamps.parse(row[1]) > instant


def _changed(page: list[Row], cursor: Cursor, sent: SentRecords, near: str) -> list[Record]:
    """Return the records not sent before; remember those that the next sync reads again."""
    already_read = cursor.already_read
    if already_read is None and not sent and all(moment < near for _, moment, _ in page):
        return [record for _, _, record in page]
    changed: list[Record] = []
    for _, moment, record in page:
        is_near, row = moment >= near, as_dict(record)
        was_read = already_read and already_read[0] <= timestamps.parse(moment) <= already_read[1]
        if not was_read and row not in sent:
            changed.append(record)
        if is_near or sent:
            sent.mark_sent(row, remember=is_near)
    return changed
