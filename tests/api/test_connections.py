"""A connection that the server closed after its last answer costs nothing but a new one."""

from __future__ import annotations

import ssl
import threading
from typing import TYPE_CHECKING

import pytest
import trustme

from stand_in.server import serving
from tests.support import in_process
from tests.support.syncs import DIRECTLY, config_of, run_tap
from tests.support.waiting import waiting_at_once

if TYPE_CHECKING:
    from pathlib import Path

    from stand_in.server import Api, Request
    from stand_in.world import World


@pytest.fixture(autouse=True)
def rows(world: World) -> None:
    for number in range(60):
        world.put("runs", "proj_a", {"id": f"run_{number}"})
    world.advance(hours=1)


@pytest.mark.parametrize("connections", [1, 4])
@pytest.mark.parametrize("closes", ["at once", "at the next request"])
def test_a_connection_that_is_closed_after_each_answer_costs_no_try(
    api: Api, closes: str, connections: int
) -> None:
    undisturbed = in_process.sync(api, page_size=20)
    requests = len(api.requests)
    api.requests.clear()
    api.closes = closes
    with waiting_at_once() as clock:
        pipe = in_process.sync(api, page_size=20, max_attempts=1, max_connections=connections)

    assert clock.waits == []
    assert pipe.records == undisturbed.records
    assert len(api.requests) == requests


@pytest.mark.parametrize("closes", ["at once", "at the next request"])
def test_it_is_no_warning_with_tls_either(world: World, tmp_path: Path, closes: str) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    environment = {**DIRECTLY, "REQUESTS_CA_BUNDLE": str(tmp_path / "authority.pem")}
    with serving(world) as api:
        api.use_tls(context)
        api.closes = closes
        output = run_tap(
            tmp_path, config_of(api, max_attempts=1, page_size=20), environment=environment
        )

    assert output.exit_code == 0, output.stderr
    assert output.warnings == []
    assert len(output.records("runs")) == 60


def test_a_server_that_lets_its_time_run_out_on_a_used_connection_counts(api: Api) -> None:
    """Whoever gives no answer in time is not asked again at once."""
    done = threading.Event()

    def misbehave(request: Request) -> None:
        if request.path.endswith("proj_a/runs"):
            done.wait(1.5)

    api.misbehave = misbehave
    with pytest.raises(Exception, match=r"proj_a/runs: no answer in time .*\(1 try\)"):
        in_process.sync(api, max_attempts=1, request_timeout=0.3)
    done.set()
    asked = [request for request in api.requests if request.path.endswith("proj_a/runs")]
    assert len(asked) == 1
