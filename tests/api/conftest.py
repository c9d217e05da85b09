from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest
import trustme

from stand_in.server import serving
from tests.support.syncs import DIRECTLY, Tap

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stand_in.world import World


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """A company's own certificate authority."""
    return trustme.CA()


@pytest.fixture
def trusting(authority: trustme.CA, tmp_path: Path) -> dict[str, str]:
    """An environment in which that authority is named."""
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return {**DIRECTLY, "REQUESTS_CA_BUNDLE": str(path)}


@pytest.fixture
def tls_tap(world: World, authority: trustme.CA, tmp_path: Path) -> Iterator[Tap]:
    """The tap beside the API over TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with serving(world) as api:
        api.use_tls(context)
        yield Tap(api, tmp_path)
