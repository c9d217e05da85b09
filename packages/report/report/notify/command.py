"""`make notify`: tells what is new in the answers, once, and once more when it is over."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from report.notify import sending
from report.notify.findings import KINDS, reasons
from report.notify.memory import ToldFindings
from report.notify.message import messages
from report.notify.news import Finding, Key, News, news
from report.notify.sending import Address, AddressError, addresses
from report.notify.settings import ADDRESSES, SettingError, Settings, kinds, mute, settings
from report.warehouse import (
    Query,
    WarehouseError,
    add_options,
    answers_schema,
    duckdb_file,
    open_duckdb,
    open_postgres,
    read_variables,
)

FOUND = 3
"""The exit code if there is what `--fail-on` names."""
_LONGEST_WAIT = 3.0
"""Seconds."""


def main(arguments: Sequence[str]) -> None:
    """Tell what is new; exit with 1 if that fails, with 3 if there is what `--fail-on` names."""
    options = _options(arguments)
    try:
        read_variables()
        chosen = settings(options)
        receivers = addresses(os.environ.get(ADDRESSES, ""), chosen)
        if not receivers and not options.dry_run and not options.fail_on:
            sys.stdout.write(f"notify: {ADDRESSES} is not set, so nobody is told\n")
            return
        with _warehouse(options, writable=bool(receivers) and not options.dry_run) as ask:
            unsent, code = _notify(ask, receivers, chosen, options)
    except (WarehouseError, AddressError, SettingError, OSError) as error:
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
    add_options(parser)
    parser.add_argument(
        "--dry-run", action="store_true", help="print the messages; send and remember nothing"
    )
    parser.add_argument("--kinds", type=kinds, metavar=",".join(KINDS), help="tell only of these")
    parser.add_argument(
        "--mute",
        type=mute,
        action="append",
        default=[],
        metavar="PROJECT/JOB=UNTIL",
        help="tell nothing new of a project, or of one of its jobs, models or streams, until then",
    )
    parser.add_argument(
        "--fail-on",
        type=kinds,
        default=(),
        metavar=",".join(KINDS),
        help=f"exit with {FOUND} if there is any of these now, told or not, unless it is muted",
    )
    return parser.parse_args(arguments)


@contextmanager
def _warehouse(options: argparse.Namespace, *, writable: bool) -> Iterator[Query]:
    """Keep the warehouse open, so that two of these programs never tell the same thing."""
    options.schema = options.schema or answers_schema()
    if options.warehouse == "duckdb":
        with open_duckdb(duckdb_file(made_up=False), options.schema, writable=writable) as ask:
            yield ask
        return
    with open_postgres(options.schema) as ask:
        if writable:
            _lock(ask, f"{__name__} {options.schema}")
        yield ask


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
    ask: Query, receivers: list[Address], chosen: Settings, options: argparse.Namespace
) -> tuple[list[str], int]:
    """Tell everybody, and return who did not take it, and the exit code if all did."""
    built = _built(ask, options.schema, (*chosen.kinds, *options.fail_on), options.fail_on)
    told = [kind for kind in built if kind in chosen.kinds]
    findings = [finding for kind in built for finding in KINDS[kind].findings(ask)]
    for name in _unknown(ask, chosen):
        sys.stderr.write(f"notify: {name!r} in the settings is no project that was loaded\n")
    memory = ToldFindings(ask, options.schema)
    compared = partial(news, [it for it in findings if it.key[0] in told], told)
    ended = partial(reasons, ask)
    unsent = []
    if not receivers and options.dry_run:
        its_news = compared({}, ended, lambda it: not chosen.is_muted(it))
        _show("as to a new address", its_news)
    for address in receivers:
        name = memory.name_of(address.url)

        def is_told(finding: Finding, owned: frozenset[str | None] = address.owned) -> bool:
            return chosen.owner_of(finding) in owned and not chosen.is_muted(finding)

        its_news = compared(memory.of(name), ended, is_told)
        if options.dry_run:
            _show(f"to {address.label}", its_news)
        elif not _tell(address, name, its_news, memory):
            unsent.append(address.label)
    now = [it for it in findings if it.key[0] in options.fail_on and not chosen.is_muted(it)]
    return unsent, _failed_on(now)


def _tell(address: Address, name: str, its_news: News, memory: ToldFindings) -> bool:
    """Send what is new to one address, and return whether it took all of it."""
    # Beforehand, so that nothing is sent again and again that cannot be remembered, and nothing
    # is lost if this is ended while it sends.
    memory.remember(name, its_news.if_not_sent)
    if not its_news:
        memory.remember(name, its_news.if_sent)
        sys.stdout.write(f"notify: nothing new for {address.label}\n")
        return True
    end = time.monotonic() + sending.LONGEST_WAIT
    heard: set[Key] = set()
    is_all_taken = True
    for message in address.messages(its_news):
        if address.send(message, end - time.monotonic()):
            heard |= message.keys
            memory.remember(name, its_news.after(heard))
        else:
            is_all_taken = False
    if is_all_taken:
        counts = f"{len(its_news.new)} new, {len(its_news.over)} over"
        sys.stdout.write(f"notify: {counts}, sent to {address.label}\n")
    return is_all_taken


def _built(ask: Query, schema: str, wanted: Sequence[str], needed: Sequence[str]) -> list[str]:
    """Return the kinds whose answers are there: the first sync of runs alone builds not all."""
    rows = ask("select table_name from information_schema.tables where table_schema = $1", [schema])
    there = {row["table_name"] for row in rows}
    named = [kind for kind in KINDS.values() if kind.name in wanted]
    missing = [kind for kind in named if kind.table not in there]
    if missing == named or any(kind.name in needed for kind in missing):
        tables = ", ".join(kind.table for kind in missing)
        raise WarehouseError(f"the answers are not built yet in the schema {schema}: {tables}")
    if missing:
        tables = ", ".join(kind.table for kind in missing)
        sys.stdout.write(f"notify: not built yet, and left out: {tables}\n")
    return [kind.name for kind in named if kind not in missing]


def _unknown(ask: Query, chosen: Settings) -> list[str]:
    """Return what is misspelt in the settings, or belongs to a project that is not loaded."""
    if not chosen.owners and not chosen.muted:
        return []
    rows = ask("select project_id, project_name from known_projects")
    return chosen.unknown(name for row in rows for name in row.values())


def _show(whom: str, its_news: News) -> None:
    if not its_news:
        sys.stdout.write(f"notify: nothing new, {whom}\n")
        return
    (text,) = messages(its_news)
    sys.stdout.write(f"notify: {whom}:\n\n{text.title}\n\n{text.body}\n\n")


def _failed_on(findings: list[Finding]) -> int:
    """Print those that are so now, if there are any, and return the exit code."""
    now = [finding for finding in findings if finding.is_recent and not finding.is_over]
    if not now:
        return 0
    now.sort(key=lambda finding: (-finding.weight, finding.name))
    (text,) = messages(News(new=now))
    sys.stdout.write(f"{text.body}\n")
    return FOUND
