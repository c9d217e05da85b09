"""Turns every other answer, and every failed connection, into an error with advice."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Mapping
from datetime import timezone
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import urlsplit

import urllib3
from requests.exceptions import InvalidSchema

from tap_dagctl import timestamps
from tap_dagctl.api.transport import MAX_TIMEOUTS, DeadlineError, proxy_variable
from tap_dagctl.errors import NoAccessError, PassingError, RefusedError, RequestError, one_line

_LATER = "the trouble is at the server: run the sync again later"
_REFUSED = "the request was refused: check the settings, and if they are right report it"
_ADVICE = {
    400: "the request was not understood: check start_date and the bookmarks, and if they are "
    "right report it",
    401: "the token was rejected: check api_token, or make a new one in dagctl under Settings > "
    "Authentication > API Tokens",
    403: "the token may not read this: check that organization_id is the token's own organization",
    404: "there is nothing here: check api_url",
    407: "the proxy wants a user and password: write them into HTTPS_PROXY",
    408: _LATER,
    425: _LATER,
    429: "lower max_connections, or sync less often",
}
_ERRORS: dict[int, type[PassingError | RequestError]] = {
    400: RequestError,
    401: NoAccessError,
    407: RequestError,
    **dict.fromkeys((408, 425, 429), PassingError),
}
_DATES = ("updated_after", "days", "start_date", "end_date")
_FIRST_CLOCK, _END_OF_CLOCKS = (
    timestamps.parse(f"{year}-01-01T00:00:00Z") for year in (2000, 2200)
)


class CutShortError(urllib3.exceptions.HTTPError):
    """An answer broke off after it had begun."""


_NO_CONNECTION = "no connection, or it was broken off"
# An error often wraps errors of several of these classes: the first match counts. Empty advice
# means the usual advice, which names api_url.
_CONNECTION_ERRORS: tuple[tuple[type[Exception], str, str], ...] = (
    (
        DeadlineError,
        f"the answer did not end within {MAX_TIMEOUTS} times request_timeout",
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
# These prove that a server answered.
_FROM_A_SERVER = {DeadlineError, urllib3.exceptions.DecodeError, CutShortError}


def status_error(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    server_time: int | None,
    params: Mapping[str, object],
) -> PassingError | RequestError:
    message = _message(body)
    what = f"the server answered {status}{message and f' ({message})'}"
    kind, advice = _ERRORS.get(status, RefusedError), _ADVICE.get(status, _REFUSED)
    if status < HTTPStatus.OK or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        kind, advice = PassingError, _LATER
    elif status < HTTPStatus.MULTIPLE_CHOICES:
        kind, advice = PassingError, "that is no list: check api_url"
    elif status < HTTPStatus.BAD_REQUEST:
        host = one_line(_host(headers.get("Location", ""))) or "another path"
        advice = f"it points to {host}, and the token is not sent there: set api_url to the new one"
        kind = RequestError
    elif status == HTTPStatus.BAD_REQUEST and any(name in params for name in _DATES):
        dates = ", ".join(f"{name}={params[name]}" for name in _DATES if name in params)
        advice = f"it asked for {dates}, and {advice}"
    if not issubclass(kind, PassingError):
        return kind(what, advice, status=status)
    retry_after = _retry_after(headers.get("Retry-After", ""), server_time)
    return PassingError(what, advice, retry_after=retry_after, status=status)


def connection_error(error: Exception, api_url: str) -> PassingError | RequestError:
    usual_advice = f"check api_url ({api_url}) and the network"
    if _host(api_url) == "api.dagctl.com":
        usual_advice += "; newer dagctl pages name https://api.dagctl.io"
    causes = list(_causes(error))
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        advice = "set REQUESTS_CA_BUNDLE to a bundle that holds its authority, or check api_url"
        return NoAccessError("the TLS certificate of the server is not trusted", advice)
    for kind, what, advice in _CONNECTION_ERRORS:
        if any(isinstance(cause, kind) for cause in causes):
            is_unreachable = kind not in _FROM_A_SERVER
            return PassingError(what, advice or usual_advice, is_unreachable=is_unreachable)
    # An invalid scheme, host or port. The URL may hold a password, so do not show it.
    name, variable = type(error).__name__, proxy_variable(api_url)
    if variable and isinstance(error, InvalidSchema):
        advice = "install PySocks beside the tap, or name a proxy that speaks HTTP"
        return NoAccessError(f"{variable} names a SOCKS proxy, and PySocks is not here", advice)
    if variable:
        what = f"the proxy in {variable} cannot be used ({name})"
        return NoAccessError(what, "write it like http://proxy.example.com:3128")
    return RequestError(f"it cannot be asked for ({name})", usual_advice)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all that it wraps; urllib3 also keeps some in `args` and `reason`."""
    yield error
    for cause in (*error.args, getattr(error, "reason", None), error.__cause__):
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
    """Return `Date` in nanoseconds since the epoch; None for the year 9999 and the like."""
    moment = _http_date(headers.get("Date", ""))
    return moment if moment is not None and _FIRST_CLOCK <= moment < _END_OF_CLOCKS else None


def _http_date(text: str) -> int | None:
    try:
        moment = parsedate_to_datetime(text)
        # `-0000` gives a time without an offset, which Python would read as local time.
        moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
        return int(moment.timestamp()) * timestamps.NANOSECONDS
    except (ValueError, OverflowError):
        return None
