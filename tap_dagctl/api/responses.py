"""What came instead of a good answer: whether it can pass by itself, and what a person can do."""

from __future__ import annotations

import json
import ssl
from datetime import timezone
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import urllib3

from tap_dagctl import timestamps
from tap_dagctl.api.retries import PassingError
from tap_dagctl.errors import RefusedError, RejectedError, RequestError, UnreachableError, one_line
from tap_dagctl.settings import DEFAULT_API_URL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TELLING_LETTERS = 6

_PASSES_BY_ITSELF = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
}
_TOO_MUCH = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
_LATER = "the trouble is at the server: run the sync again later"
_REFUSED = "the request was refused: check the settings, and if they are right report it"
_ADVICE = {
    HTTPStatus.REQUEST_TIMEOUT: _LATER,
    HTTPStatus.TOO_EARLY: _LATER,
    HTTPStatus.BAD_REQUEST: "the request was not understood: check start_date and the bookmarks, "
    "and if they are right report it",
    HTTPStatus.UNAUTHORIZED: "the token was rejected: check api_token, or make a new one in dagctl "
    "under Settings > Authentication > API Tokens",
    HTTPStatus.FORBIDDEN: "the token may not read this: check that organization_id is the token's "
    "own organization",
    HTTPStatus.NOT_FOUND: "there is nothing here: check api_url",
    HTTPStatus.TOO_MANY_REQUESTS: "lower max_connections, or sync less often",
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED: "the proxy wants a user and password: write them "
    "into HTTPS_PROXY",
}


class CutShortError(urllib3.exceptions.HTTPError):
    """An answer that had begun broke off."""


# What else fails at once is refused, and only this one thing may be.
_KINDS: dict[int, type[RequestError]] = {
    HTTPStatus.BAD_REQUEST: RequestError,
    HTTPStatus.UNAUTHORIZED: RejectedError,
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED: RequestError,
}
_NO_CONNECTION = "no connection, or it was broken off"
# In this order: the later ones contain the earlier ones. Without advice: that is elsewhere.
_OF_CONNECTION: tuple[tuple[type[Exception], str, str], ...] = (
    (urllib3.exceptions.DecodeError, "the answer cannot be unpacked", ""),
    (CutShortError, "the answer was cut short", ""),
    (
        urllib3.exceptions.ProxyError,
        "the proxy does not answer, or refuses",
        "check HTTPS_PROXY and NO_PROXY",
    ),
    (
        ssl.SSLError,
        "the TLS connection failed",
        "check api_url and, if you set it, REQUESTS_CA_BUNDLE",
    ),
    (urllib3.exceptions.NameResolutionError, "the host's name is not known", ""),
    (urllib3.exceptions.NewConnectionError, _NO_CONNECTION, ""),
    (
        urllib3.exceptions.TimeoutError,
        "no answer in time (request_timeout)",
        "raise request_timeout, or lower page_size",
    ),
    (urllib3.exceptions.ProtocolError, _NO_CONNECTION, ""),
)
_SPEAKING = {urllib3.exceptions.DecodeError, CutShortError}


def of_status(
    status: int, headers: Mapping[str, str], body: bytes, server_time: int | None, token: str
) -> PassingError | RequestError:
    """Return the error for an answer that is not 200.

    Args:
        status: the answer's status.
        headers: the answer's headers.
        body: the beginning of the answer.
        server_time: what `Date` says, in nanoseconds since the epoch.
        token: what must not be shown, should the server send it back.
    """
    said = _words(body, token)
    what = f"the server answered {status}{said and f' ({said})'}"
    if status < HTTPStatus.OK or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        advice = _LATER
    elif status < HTTPStatus.MULTIPLE_CHOICES:
        advice = "that is no list: check api_url"
    elif status < HTTPStatus.BAD_REQUEST:
        host = _shown(_host(headers.get("Location", "")), token) or "another path"
        advice = f"it points to {host}, and the token is not sent there: set api_url to the new one"
        return RequestError(what, advice)
    else:
        advice = next((text for known, text in _ADVICE.items() if known == status), _REFUSED)
        if status not in _PASSES_BY_ITSELF:
            return _KINDS.get(status, RefusedError)(what, advice)
    return PassingError(
        what,
        advice,
        retry_after=_retry_after(headers.get("Retry-After", ""), server_time),
        is_limit=status in _TOO_MUCH,
    )


def of_connection(error: Exception, api_url: str) -> PassingError | RequestError:
    """Return the error for an answer that did not come, or not to its end."""
    elsewhere = f"check api_url ({api_url}) and the network"
    if api_url == DEFAULT_API_URL:
        elsewhere += "; newer dagctl pages name https://api.dagctl.io"
    causes = list(_causes(error))
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        advice = "set REQUESTS_CA_BUNDLE to a bundle that holds its authority, or check api_url"
        return UnreachableError("the TLS certificate of the server is not trusted", advice)
    for kind, what, advice in _OF_CONNECTION:
        if any(isinstance(cause, kind) for cause in causes):
            is_unreachable = kind not in _SPEAKING
            return PassingError(what, advice or elsewhere, is_unreachable=is_unreachable)
    return RequestError(f"it cannot be asked for ({type(error).__name__})", elsewhere)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it wraps: urllib3 puts that into arguments."""
    yield error
    reason = getattr(error, "reason", None)
    for cause in (*error.args, reason, error.__cause__):
        if isinstance(cause, BaseException):
            yield from _causes(cause)


def _words(body: bytes, token: str) -> str:
    """Return what the server says in the documented shape, `{"error": "…"}`, fit to be shown."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    words = answer.get("error") if isinstance(answer, dict) else None
    return _shown(words, token) if isinstance(words, str) else ""


def _shown(text: str, token: str) -> str:
    """Return `text` on one line and cut short; nothing if any part of the token is in it."""
    secret, lower = token.lower(), text.lower()
    last = max(1, len(secret) - _TELLING_LETTERS + 1)
    if any(secret[first : first + _TELLING_LETTERS] in lower for first in range(last)):
        return ""
    return one_line(text)


def _host(location: str) -> str:
    try:
        return urlsplit(location).hostname or ""
    except ValueError:
        return ""


def _retry_after(text: str, server_time: int | None) -> float | None:
    """Return the seconds `Retry-After` asks for, as a number or as a date (RFC 9110, 10.2.3)."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    moment = http_date(text)
    if moment is None:
        return None
    return max(0.0, (moment - (server_time or timestamps.now())) / timestamps.NANOSECONDS)


def http_date(text: str) -> int | None:
    """Return the instant an HTTP header names, in nanoseconds since the epoch, or None."""
    try:
        moment = parsedate_to_datetime(text)
        # An offset of `-0000` is read as none, and then taken for this machine's.
        moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
        return int(moment.timestamp()) * timestamps.NANOSECONDS
    except (ValueError, OverflowError):
        return None
