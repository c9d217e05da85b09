"""The connections to the API: through which proxy, with whose trust, each wait with an end."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from tap_dagctl.deadline import of_this_thread

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if TYPE_CHECKING:
    from urllib3 import HTTPResponse, PoolManager


class _Connection(HTTPConnection):
    """Tells the deadline of the thread which socket it reads from."""

    @override
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        deadline = of_this_thread()
        if deadline is not None:
            deadline.holds_for(self.sock)
        return super().getresponse()


class _TLSConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


class _Adapter(HTTPAdapter):
    """Makes connections that keep to the deadline, with a proxy and without."""

    @override
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        _watch(self.poolmanager)

    @override
    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> PoolManager:
        manager: PoolManager = super().proxy_manager_for(*args, **kwargs)
        _watch(manager)
        return manager


def _watch(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}


def connections(url: str, most: int) -> HTTPConnectionPool:
    """Return connections to the host of `url`, with what the surroundings say of proxies and trust.

    What those say is for requests to find out. For the requests themselves its pool is enough: it
    takes a third of the time for each, and follows no redirect, keeps no cookie, and puts no entry
    of a netrc in the place of the token.

    Args:
        url: where the API is.
        most: connections to keep.

    Raises:
        OSError: the certificates that the surroundings name are not there; or, as a
            `RequestException` of requests, the URL or the proxy's cannot be used.
    """
    surroundings: dict[str, Any] = {}
    if urlsplit(url).scheme == "https":
        # This machine's loopback is no proxy's business: the token would reach it unencrypted.
        surroundings = dict(
            requests.Session().merge_environment_settings(
                url, {}, stream=None, verify=None, cert=None
            )
        )
    adapter = _Adapter(pool_maxsize=most)
    request = requests.Request("GET", url).prepare()
    verify, cert = surroundings.get("verify", True), surroundings.get("cert")
    pool = adapter.get_connection_with_tls_context(
        request, verify, proxies=surroundings.get("proxies"), cert=cert
    )
    adapter.cert_verify(pool, url, verify, cert)  # type: ignore[no-untyped-call]  # in its stubs
    return cast("HTTPConnectionPool", pool)
