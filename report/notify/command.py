"""`make notify`: tells what is new in the answers, once, and once more when it is over."""

from __future__ import annotations

import argparse
import os
import sys
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from report.notify.findings import KINDS, ending
from report.notify.memory import ToldFindings
from report.notify.message import message
from report.notify.news import news
from report.notify.sending import VARIABLE, AddressError, addresses
from report.warehouse import (
    WAREHOUSES,
    WarehouseError,
    answers_schema,
    duckdb_file,
    open_duckdb,
    open_postgres,
    read_variables,
    warehouse_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from report.notify.news import Finding, News
    from report.notify.sending import Address
    from report.warehouse import Query

FOUND = 3
"""The exit code if there is what `--fail-on` names."""
_LONGEST_WAIT = 3.0
"""Seconds."""


def main(arguments: Sequence[str]) -> None:
    """Tell what is new; exit with 1 if that fails, with 3 if there is what `--fail-on` names."""
    options = _options(arguments)
    try:
        read_variables()
        named = os.environ.get(VARIABLE, "").strip()
        if not named and not options.dry_run and not options.fail_on:
            sys.stdout.write(f"notify: {VARIABLE} is not set, so nobody is told\n")
            return
        receivers = addresses(named)
        with _warehouse(options, writable=bool(receivers) and not options.dry_run) as (ask, source):
            unsent, code = _notify(ask, source, receivers, options)
    except (WarehouseError, AddressError, OSError) as error:
        sys.exit(f"notify: {error}")
    except KeyError as error:
        sys.exit(
            f"notify: the answers were built by another version, without {error}: build them again"
        )
    if unsent:
        sys.exit(f"notify: not taken by {', '.join(unsent)}: it is sent again next time")
    sys.exit(code)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make notify", description=__doc__)
    parser.add_argument(
        "--warehouse", type=warehouse_name, default="duckdb", metavar="|".join(WAREHOUSES)
    )
    parser.add_argument("--schema", help="the schema that dbt built the answers in")
    parser.add_argument(
        "--dry-run", action="store_true", help="print the messages; send and remember nothing"
    )
    parser.add_argument(
        "--fail-on",
        type=_kinds,
        default=(),
        metavar=",".join(KINDS),
        help=f"exit with {FOUND} if there is any of these now, told or not",
    )
    return parser.parse_args(arguments)


def _kinds(text: str) -> tuple[str, ...]:
    kinds = tuple(word.strip() for word in text.split(","))
    for kind in kinds:
        if kind not in KINDS:
            raise argparse.ArgumentTypeError(f"{kind!r} is none of {', '.join(KINDS)}")
    return kinds


@contextmanager
def _warehouse(options: argparse.Namespace, *, writable: bool) -> Iterator[tuple[Query, str]]:
    """Keep the warehouse open, so that two of these programs never tell the same thing."""
    options.schema = options.schema or answers_schema()
    if options.warehouse == "duckdb":
        file = duckdb_file()
        with open_duckdb(file, options.schema, writable=writable) as ask:
            yield ask, file.name
        return
    with open_postgres(options.schema) as ask:
        if writable:
            _lock(ask, f"{__name__} {options.schema}")
        yield ask, "PostgreSQL"


def _lock(ask: Query, name: str) -> None:
    """Take a lock of PostgreSQL, which goes with the connection.

    Raises:
        WarehouseError: another program has it.
    """
    end = time.monotonic() + _LONGEST_WAIT
    query = "select pg_try_advisory_lock(hashtext($1)) as is_mine"
    while not ask(query, [name])[0]["is_mine"]:
        # Of a program that has just ended, or was killed, the connection lives for a moment.
        if time.monotonic() > end:
            raise WarehouseError("another notify is at work in this schema: try again later")
        time.sleep(0.1)


def _notify(
    ask: Query, source: str, receivers: list[Address], options: argparse.Namespace
) -> tuple[list[str], int]:
    """Tell everybody, and return who did not take it, and the exit code if all did."""
    kinds = _built(ask, options.schema, options.fail_on)
    findings = [finding for kind in kinds for finding in KINDS[kind].findings(ask)]
    memory = ToldFindings(ask, options.schema)
    unsent = []
    if not receivers and options.dry_run:
        _show("as to a new address", news(findings, kinds, {}), ask, source)
    for address in receivers:
        name = memory.name_of(address.url)
        its_news = news(findings, kinds, memory.of(name))
        if options.dry_run:
            _show(f"to {address.label}", its_news, ask, source)
            continue
        # Beforehand, so that nothing is sent again and again that cannot be remembered, and nothing
        # is lost if this is ended while it sends.
        memory.remember(name, its_news.if_not_sent)
        is_sent = not its_news or address.send(
            message(its_news.new, its_news.over, partial(ending, ask), source)
        )
        if not is_sent:
            unsent.append(address.label)
            continue
        memory.remember(name, its_news.if_sent)
        if its_news:
            counts = f"{len(its_news.new)} new, {len(its_news.over)} over"
            sys.stdout.write(f"notify: {counts}, sent to {address.label}\n")
        else:
            sys.stdout.write(f"notify: nothing new for {address.label}\n")
    return unsent, _failed_on(findings, options.fail_on, ask, source)


def _built(ask: Query, schema: str, needed: Sequence[str]) -> list[str]:
    """Return the kinds whose answers are there: the first sync of runs alone builds not all."""
    rows = ask("select table_name from information_schema.tables where table_schema = $1", [schema])
    there = {row["table_name"] for row in rows}
    kinds = [name for name, kind in KINDS.items() if kind.table in there]
    missing = [KINDS[name].table for name in KINDS if name not in kinds]
    if not kinds or any(name not in kinds for name in needed):
        raise WarehouseError(
            f"the answers are not built yet in the schema {schema}: {', '.join(missing)}"
        )
    if missing:
        sys.stdout.write(f"notify: not built yet, and left out: {', '.join(missing)}\n")
    return kinds


def _show(whom: str, its_news: News, ask: Query, source: str) -> None:
    if its_news:
        text = message(its_news.new, its_news.over, partial(ending, ask), source)
        sys.stdout.write(f"notify: {whom}:\n\n{text.title}\n\n{text.body}\n\n")
    else:
        sys.stdout.write(f"notify: nothing new, {whom}\n")


def _failed_on(findings: list[Finding], kinds: Sequence[str], ask: Query, source: str) -> int:
    """Print what `--fail-on` names, if there is any now, and return the exit code."""
    now = [
        finding
        for finding in findings
        if finding.key[0] in kinds and finding.is_recent and not finding.is_over
    ]
    if not now:
        return 0
    now.sort(key=lambda finding: (-finding.weight, finding.name))
    sys.stdout.write(message(now, [], partial(ending, ask), source).body + "\n")
    return FOUND
