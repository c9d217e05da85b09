"""`make info`: the last sync, and how each project stands, in plain text."""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timezone

from report.formatting import NOTHING, count, duration, moment, plain
from report.warehouse import Query, Row, WarehouseError, add_options, answers_of, read_variables

MOST_PROJECTS = 20
"""Projects that are listed, those that need a look first, unless they are named."""

_LAST = """
    select min(began_at) as began_at, max(ended_at) as ended_at, sum(requests) as requests,
        sum(rows_read) as rows_read, sum(rows_sent) as rows_sent,
        count(distinct nullif(project_id, '')) as projects, count(error) as failed
    from stg_dagctl__syncs group by sync_id order by began_at desc limit 1
"""
_STREAMS = """
    select project_id, stream, ended_at, rows_sent, bookmark from (
        select *, row_number() over (
            partition by project_id, stream order by began_at desc, sync_id desc
        ) as newest_first
        from stg_dagctl__syncs
    ) as numbered where newest_first = 1 order by project_id, stream
"""
_PROJECTS = """
    select * from project_freshness
    order by is_failing desc, read_at nulls first, project_name, project_id
"""
_UNREAD = "select * from unread_streams order by failing_since, project_name, stream"


def main(arguments: Sequence[str]) -> None:
    """Print it."""
    parser = argparse.ArgumentParser(prog="make info", description=__doc__)
    parser.add_argument("projects", nargs="*", help="ids or names: all of their streams are listed")
    add_options(parser)
    options = parser.parse_args(arguments)
    try:
        read_variables()
        source, rows = answers_of(options)
        now = datetime.now(tz=timezone.utc).replace(tzinfo=None)
        lines = list(info(rows, now, options.projects))
    except WarehouseError as error:
        sys.exit(f"info: {error}")
    print(source, *lines, sep="\n")  # noqa: T201 - what was asked for


def info(rows: Query, now: datetime, names: Sequence[str] = ()) -> Iterator[str]:
    """Yield the lines.

    Args:
        rows: runs a query on the answers.
        now: in UTC, without a zone.
        names: ids or names of the projects of which all streams are listed; empty for a line each.

    Raises:
        WarehouseError: the answers cannot be read, or there is no such project.
    """
    projects, streams = rows(_PROJECTS), defaultdict(list)
    for row in rows(_STREAMS):
        streams[row["project_id"]].append(row)
    unread = {(row["project_id"], row["stream"]): row for row in rows(_UNREAD)}
    yield from _last_sync(rows(_LAST), now)
    for row in streams[""]:
        if failure := unread.get(("", row["stream"])):
            yield f"{row['stream']}: {_failure(failure)}"
    yield ""
    if names:
        for project in _named(projects, names):
            its = streams[project["project_id"]]
            yield f"{_name(project)} ({project['project_id']})"
            yield from _table(
                ("stream", "tried", "rows sent", "bookmark", "not read"),
                (
                    (
                        row["stream"],
                        _ago(now, row["ended_at"]),
                        count(row["rows_sent"]),
                        row["bookmark"] or NOTHING,
                        _failure(unread.get((row["project_id"], row["stream"]))),
                    )
                    for row in its
                ),
            )
        return
    listed = projects[:MOST_PROJECTS]
    yield from _table(
        ("project", "lag", "newest change", "rows sent", "oldest bookmark", "not read"),
        (_project(row, streams[row["project_id"]], unread, now) for row in listed),
    )
    if more := len(projects) - len(listed):
        yield f"and {more:,} more, which can be read and are less old; name one to see its streams"


def _last_sync(last: list[Row], now: datetime) -> Iterator[str]:
    if not last:
        yield "No sync is known: select the stream syncs, run a sync, and build the answers again."
        return
    (row,) = last
    seconds = (row["ended_at"] - row["began_at"]).total_seconds()
    failed = f"{count(row['failed'])} not read" if row["failed"] else "nothing failed"
    yield (
        f"Last sync: {moment(row['began_at'])} UTC ({_ago(now, row['ended_at'])}), "
        f"{duration(seconds)}, {count(row['projects'])} projects, {count(row['requests'])} "
        f"requests, {count(row['rows_read'])} rows read, {count(row['rows_sent'])} sent; {failed}"
    )


def _project(
    project: Row, streams: list[Row], unread: dict[tuple[str, str], Row], now: datetime
) -> tuple[str, ...]:
    failing = [it for row in streams if (it := unread.get((row["project_id"], row["stream"])))]
    return (
        _name(project),
        _ago(now, project["read_at"]),
        moment(project["newest_change_at"]),
        count(sum(row["rows_sent"] for row in streams)) if streams else NOTHING,
        min((row["bookmark"] for row in streams if row["bookmark"]), key=_end, default=NOTHING),
        "; ".join(f"{it['stream']}: {_failure(it)}" for it in failing[:1])
        + (f"; {len(failing) - 1} more" if len(failing) > 1 else ""),
    )


def _end(bookmark: str) -> str:
    """Return what sorts bookmarks: a day is later than any time of it."""
    return bookmark if "T" in bookmark else f"{bookmark}U"


def _name(project: Row) -> str:
    return plain(project["project_name"])


def _failure(row: Row | None) -> str:
    return f"{plain(row['error'])} since {moment(row['failing_since'])}" if row else ""


def _ago(now: datetime, then: datetime | None) -> str:
    return f"{duration(max(0.0, (now - then).total_seconds()))} ago" if then else NOTHING


def _named(projects: list[Row], names: Sequence[str]) -> list[Row]:
    found = [row for row in projects if {row["project_id"], row["project_name"]} & set(names)]
    known = {name for row in found for name in (row["project_id"], row["project_name"])}
    if unknown := [plain(name) for name in names if name not in known]:
        raise WarehouseError(f"there is no project {', '.join(unknown)} in the answers")
    return found


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    cells = [head, *rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "  ".join(map(str.ljust, row, widths)).rstrip()
