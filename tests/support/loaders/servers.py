"""What stands in for S3 and for Snowflake: real servers on loopback, from packages."""

from __future__ import annotations

import socket
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.request import ProxyHandler, Request, build_opener

from tests.support.environments import program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def s3(directory: Path, bucket: str) -> Iterator[str]:
    """Run a server that speaks S3's protocol and has one bucket, and return its address."""
    command = [program("moto", "moto_server"), "--host", "127.0.0.1", "--port"]
    with _running(command, directory) as port:
        address = f"http://127.0.0.1:{port}"
        request = Request(f"{address}/{bucket}", method="PUT")  # noqa: S310 - loopback
        build_opener(ProxyHandler({})).open(request, timeout=60).close()
        yield address


@contextmanager
def snowflake(directory: Path) -> Iterator[int]:
    """Run a server that speaks Snowflake's protocol, and return its port."""
    with _running([program("fakesnow", "fakesnow"), "--server", "--port"], directory) as port:
        yield port


@contextmanager
def _running(command: list[str], directory: Path) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    with (directory / "server.log").open("wb") as log:
        process = subprocess.Popen([*command, str(port)], stdout=log, stderr=log, cwd=directory)
        try:
            _wait_for(port, process)
            yield port
        finally:
            process.terminate()
            process.wait(60)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, "the server has ended"
        time.sleep(0.1)
    raise TimeoutError(f"no server on port {port}")
