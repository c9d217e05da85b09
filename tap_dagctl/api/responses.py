"""The error for what came instead of a good answer: whether to try again, and what to advise."""

from __future__ import annotations

import json
import ssl
from datetime import timezone
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import urllib3
from requests.exceptions import InvalidSchema

from tap_dagctl import timestamps
from tap_dagctl.api.retries import PassingError
from tap_dagctl.api.transport import MOST_TIMEOUTS, DeadlineError, proxy_variable
from tap_dagctl.errors import RefusedError, RejectedError, RequestError, UnreachableError, one_line
from tap_dagctl.settings import DEFAULT_API_URL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PASSES_BY_ITSELF = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
}
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


_DATES = ("updated_after", "days", "start_date", "end_date")
_FIRST_CLOCK, _END_OF_CLOCKS = (
    timestamps.parse(f"{year}-01-01T00:00:00Z") for year in (2000, 2200)
)


class CutShortError(urllib3.exceptions.HTTPError):
    """An answer broke off after it had begun."""


# Of the statuses that are not tried again; each of the others is a `RefusedError`.
_NOT_REFUSED: dict[int, type[RequestError]] = {
    HTTPStatus.BAD_REQUEST: RequestError,
    HTTPStatus.UNAUTHORIZED: RejectedError,
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED: RequestError,
}
_NO_CONNECTION = "no connection, or it was broken off"
# One error often has several of these classes, in what it wraps: the first one here counts. An
# empty advice stands for the usual one, which names api_url.
_CONNECTION_ERRORS: tuple[tuple[type[Exception], str, str], ...] = (
    (
        DeadlineError,
        f"the answer did not end within {MOST_TIMEOUTS} times request_timeout",
        "raise it, or lower page_size",
    ),
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
# Only a server that answers can cause these.
_FROM_A_SERVER = {DeadlineError, urllib3.exceptions.DecodeError, CutShortError}


def status_error(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    server_time: int | None,
    params: Mapping[str, object],
) -> PassingError | RequestError:
    """Return the error for an answer to a request with `params` whose status is not 200."""
    message = _message(body)
    what = f"the server answered {status}{message and f' ({message})'}"
    if status < HTTPStatus.OK or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        advice = _LATER
    elif status < HTTPStatus.MULTIPLE_CHOICES:
        advice = "that is no list: check api_url"
    elif status < HTTPStatus.BAD_REQUEST:
        host = one_line(_host(headers.get("Location", ""))) or "another path"
        advice = f"it points to {host}, and the token is not sent there: set api_url to the new one"
        return RequestError(what, advice, status=status)
    else:
        advice = next((text for known, text in _ADVICE.items() if known == status), _REFUSED)
        dates = ", ".join(f"{name}={params[name]}" for name in _DATES if name in params)
        if status == HTTPStatus.BAD_REQUEST and dates:
            advice = f"it asked for {dates}, and {advice}"
        if status not in _PASSES_BY_ITSELF:
            return _NOT_REFUSED.get(status, RefusedError)(what, advice, status=status)
    return PassingError(
        what,
        advice,
        retry_after=_retry_after(headers.get("Retry-After", ""), server_time),
        status=status,
    )


def connection_error(error: Exception, api_url: str) -> PassingError | RequestError:
    """Return the error for an answer that did not come, or not to its end."""
    usual_advice = f"check api_url ({api_url}) and the network"
    if api_url == DEFAULT_API_URL:
        usual_advice += "; newer dagctl pages name https://api.dagctl.io"
    causes = list(_causes(error))
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        advice = "set REQUESTS_CA_BUNDLE to a bundle that holds its authority, or check api_url"
        return UnreachableError("the TLS certificate of the server is not trusted", advice)
    for kind, what, advice in _CONNECTION_ERRORS:
        if any(isinstance(cause, kind) for cause in causes):
            is_unreachable = kind not in _FROM_A_SERVER
            return PassingError(what, advice or usual_advice, is_unreachable=is_unreachable)
    # A scheme, host or port that is none. The URL itself may hold a password, and is not shown.
    name, variable = type(error).__name__, proxy_variable(api_url)
    if variable and isinstance(error, InvalidSchema):
        advice = "install PySocks beside the tap, or name a proxy that speaks HTTP"
        return UnreachableError(f"{variable} names a SOCKS proxy, and PySocks is not here", advice)
    if variable:
        what = f"the proxy in {variable} cannot be used ({name})"
        return UnreachableError(what, "write it like http://proxy.example.com:3128")
    return RequestError(f"it cannot be asked for ({name})", usual_advice)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all errors that it wraps; urllib3 keeps those in arguments, too."""
    yield error
    reason = getattr(error, "reason", None)
    for cause in (*error.args, reason, error.__cause__):
        if isinstance(cause, BaseException):
            yield from _causes(cause)


def _message(body: bytes) -> str:
    """Return the text in `{"error": "…"}`, the documented shape."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    message = answer.get("error") if isinstance(answer, dict) else None
    return one_line(message) if isinstance(message, str) else ""


def _host(location: str) -> str:
    try:
        return urlsplit(location).hostname or ""
    except ValueError:
        return ""


def _retry_after(text: str, server_time: int | None) -> float | None:
    """Return the seconds that `Retry-After` asks for, by a number or a date (RFC 9110, 10.2.3)."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    moment = _http_date(text)
    if moment is None:
        return None
    return max(0.0, (moment - (server_time or timestamps.now())) / timestamps.NANOSECONDS)


def server_clock(headers: Mapping[str, str]) -> int | None:
    """Return what `Date` says, in nanoseconds since the epoch; None if no clock may show that.

    A year such as 9999 cannot be reckoned with, and would be a bookmark that nothing passes.
    """
    moment = _http_date(headers.get("Date", ""))
    return moment if moment is not None and _FIRST_CLOCK <= moment < _END_OF_CLOCKS else None


def _http_date(text: str) -> int | None:
    """Return the instant in an HTTP header, in nanoseconds since the epoch; None without one."""
    try:
        moment = parsedate_to_datetime(text)
        # `-0000` gives a time without an offset, which Python would take for local time.
        moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
        return int(moment.timestamp()) * timestamps.NANOSECONDS
    except (ValueError, OverflowError):
        return None
