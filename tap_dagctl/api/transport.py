"""The connections to the API: their proxy, their certificates, and an end for each answer.

The timeout of a connection is for one part of an answer. A server that sends a byte now and then,
or one `100 Continue` after another, would hold the tap for ever. So there is a time for the whole
answer as well.
"""

from __future__ import annotations

import http.client
import io
import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from socket import socket
from typing import Any, cast
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies, select_proxy
from typing_extensions import Buffer, override
from urllib3 import HTTPConnectionPool, HTTPResponse
from urllib3.connection import HTTPConnection
from urllib3.exceptions import ProtocolError

# An answer that is not complete after so many times the connection's timeout is given up.
MAX_TIMEOUTS = 10


class DeadlineError(TimeoutError):
    """An answer is not complete when its time is up, though each part came in time."""


class _BoundedFile(io.RawIOBase):
    def __init__(self, file: io.RawIOBase, seconds: float) -> None:
        self._file, self._deadline = file, time.monotonic() + seconds

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: Buffer, /) -> int | None:
        if time.monotonic() > self._deadline:
            raise DeadlineError
        return self._file.readinto(buffer)

    @override
    def close(self) -> None:
        self._file.close()
        super().close()


class _BoundedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - http.client's own
        super().__init__(sock, *args, **kwargs)
        seconds = MAX_TIMEOUTS * (sock.gettimeout() or math.inf)
        self.fp = io.BufferedReader(_BoundedFile(self.fp.detach(), seconds))


class StaleConnectionError(ProtocolError):
    """The server closed a connection after its last answer, so it never read the request."""


class _Connection(HTTPConnection):
    """Bounds the time for an answer, and notices that the server had closed it before."""

    response_class = _BoundedResponse
    _has_answered = False

    @override
    def connect(self) -> None:
        self._has_answered = False
        super().connect()

    @override
    def request(self, *args: Any, **kwargs: Any) -> None:
        with self._stale_if_closed():
            super().request(*args, **kwargs)

    @override
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        with self._stale_if_closed():
            response = super().getresponse()
        self._has_answered = True
        return response

    @contextmanager
    def _stale_if_closed(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:  # of TLS as well
            if self._has_answered and not isinstance(error, TimeoutError):
                raise StaleConnectionError(str(error)) from error
            raise


def connection_pool(url: str, size: int) -> HTTPConnectionPool:
    """Return connections to the host of `url`, with proxy and TLS as the environment says.

    The library requests reads the environment variables and makes the pool. The tap then sends its
    requests through the pool alone. That takes a third of the time, follows no redirect, keeps no
    cookie, and never replaces the token by an entry of a netrc file. An OSError says that a file of
    certificates is missing or that a URL cannot be used.
    """
    proxies, verify, cert = None, None, None
    if urlsplit(url).scheme == "https":
        # Plain http is for loopback only, and a proxy would get the token unencrypted.
        session = requests.Session()
        found = session.merge_environment_settings(url, {}, stream=None, verify=None, cert=None)
        proxies, verify, cert = found["proxies"], found["verify"], found["cert"]
    adapter, request = HTTPAdapter(pool_maxsize=size), requests.Request("GET", url).prepare()
    pool: Any = adapter.get_connection_with_tls_context(request, verify, proxies=proxies, cert=cert)
    adapter.cert_verify(pool, url, verify, cert)  # type: ignore[no-untyped-call]  # in its stubs
    pool.ConnectionCls = type("Connection", (_Connection, pool.ConnectionCls), {})
    return cast("HTTPConnectionPool", pool)


def proxy_variable(url: str) -> str | None:
    """Return the variable of the environment that names the proxy for `url`; None without one."""
    proxy = select_proxy(url, get_environ_proxies(url))
    names = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
    return next((name for name in names if proxy and os.environ.get(name) == proxy), None)
