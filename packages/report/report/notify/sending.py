"""Whom messages go to. No address, which may hold a password, leaves this file."""

from __future__ import annotations

import io
import logging
import re
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from types import FrameType

from report.notify.message import Message, incidents, messages
from report.notify.news import News
from report.notify.services import Service
from report.notify.settings import ADDRESSES, OWNERS, Settings

LONGEST_WAIT = 300.0
"""Seconds until what an address has not taken is left for the next time."""
# Between two addresses stand blanks, or a comma or semicolon before the next `service://`. Other
# commas are part of an address, as between the receivers of a mail.
_BETWEEN = re.compile(r"[\s,;]+(?=[a-z0-9]+://)|\s+", re.IGNORECASE)


class AddressError(Exception):
    """An address is none; the message says which, and not what it is."""


@dataclass(frozen=True)
class Address:
    """Somebody who is told.

    Attributes:
        label: what to call it where anybody can read it: its number, and the service.
        owned: by which names of the setting it is told; None stands for what nobody owns.
    """

    url: str = field(repr=False)
    label: str
    owned: frozenset[str | None]
    _service: Service = field(repr=False)

    def messages(self, its_news: News) -> list[Message]:
        """Return what is to be sent: an incident each, or as few messages as the service takes."""
        if self._service.keeps_incidents:
            return list(incidents(its_news))
        with _unheard():
            return messages(its_news, self._service.fits)

    def send(self, message: Message, seconds: float) -> bool:
        """Send a message within so many seconds, and return whether it was taken."""
        with _unheard():
            try:
                with _limited(seconds):
                    return self._service.send(message)
            except Exception:  # noqa: BLE001 - what a service raises may hold the address
                return False


def addresses(named: str, settings: Settings) -> list[Address]:
    """Return the addresses in what the variables hold: apprise's URLs.

    Raises:
        AddressError: apprise makes nothing of one.
    """
    owned: dict[str, set[str | None]] = {}
    labels: dict[str, str] = {}
    for owner, text in ((None, named), *settings.owners.items()):
        urls = [word.strip(",;") for word in _BETWEEN.split(text)]
        for number, url in enumerate(dict.fromkeys(filter(None, urls)), start=1):
            owned.setdefault(url, set()).add(owner)
            labels.setdefault(url, f"address {number}" + (f" of {owner}" if owner else ""))
    return [
        Address(url, f"{labels[url]} ({service.name})", frozenset(owners), service)
        for url, owners in owned.items()
        for service in [_service(url, labels[url], settings.page)]
    ]


def _service(url: str, label: str, page: str) -> Service:
    with _unheard():
        try:
            # Here, as it takes half a second, and as it warns of what Python will no longer have.
            from report.notify.services import Service  # noqa: PLC0415

            return Service(url, page)
        except Exception:  # noqa: BLE001 - what it raises may hold the address
            variable = OWNERS if " of " in label else ADDRESSES
    raise AddressError(
        f"{label} in {variable} is none: apprise does not know it, or it is not complete"
    )


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Break off after so many seconds.

    A server that answers byte by byte would hold the warehouse for as long as it likes.
    """

    def break_off(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, break_off)
    # And again, as what sends may take it for an answer that failed, and go on with the next part.
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001), 1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _unheard() -> Iterator[None]:
    """Keep apprise, and what it uses, from writing anything: it would write addresses."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with (
            warnings.catch_warnings(),
            redirect_stdout(io.StringIO()),
            redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
