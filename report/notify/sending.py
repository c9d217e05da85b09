"""Sends a message by apprise. No address, which may hold a password, leaves this file."""

from __future__ import annotations

import io
import logging
import signal
import warnings
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from apprise import Apprise

    from report.notify.message import Message

VARIABLE = "DAGCTL_NOTIFY_ADDRESSES"
LONGEST_WAIT = 300.0
"""Seconds until a message counts as not taken: some services take it in parts, seconds apart."""


class AddressError(Exception):
    """An address is none; the message says which, and not what it is."""


@dataclass(frozen=True)
class Address:
    """Somebody who is told.

    Attributes:
        label: what to call it where anybody can read it: its number, and the service.
    """

    url: str = field(repr=False)
    label: str
    _apprise: Apprise = field(repr=False)

    def send(self, message: Message) -> bool:
        """Send a message, and return whether it was taken."""
        with _unheard():
            try:
                with _limited():
                    # It makes of the text what the service takes it for, such as HTML.
                    return bool(
                        self._apprise.notify(
                            body=message.body, title=message.title, body_format="text"
                        )
                    )
            except Exception:  # noqa: BLE001 - what a service raises may hold the address
                return False


def addresses(text: str) -> list[Address]:
    """Return the addresses in what a variable holds: apprise's URLs, with blanks between them.

    Raises:
        AddressError: apprise makes nothing of one.
    """
    urls = [word.strip(",;") for word in text.split()]
    found = []
    for number, url in enumerate(dict.fromkeys(filter(None, urls)), start=1):
        address = _address(number, url)
        if address is None:
            raise AddressError(
                f"address {number} in {VARIABLE} is none: apprise does not know it, or it is not "
                "complete"
            )
        found.append(address)
    return found


def _address(number: int, url: str) -> Address | None:
    with _unheard():
        try:
            # Here, as it takes half a second, and as it warns of what Python will no longer have.
            from apprise import Apprise  # noqa: PLC0415
            from apprise.common import OverflowMode  # noqa: PLC0415

            service, apprise = Apprise.instantiate(url), Apprise()
            if service is None:
                return None
            apprise.add(service)
            if service.overflow_mode is OverflowMode.UPSTREAM:
                # Where a service takes less than this, it would refuse the message every time.
                service.overflow_mode = OverflowMode.SPLIT
        except Exception:  # noqa: BLE001 - what it raises may hold the address
            return None
        return Address(url, f"address {number} ({service.service_name})", apprise)


@contextmanager
def _limited() -> Iterator[None]:
    """Break off after `LONGEST_WAIT`.

    A server that answers byte by byte would hold the warehouse for as long as it likes.
    """

    def break_off(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, break_off)
    # And again, as what sends may take it for an answer that failed, and go on with the next part.
    signal.setitimer(signal.ITIMER_REAL, LONGEST_WAIT, 1)
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
