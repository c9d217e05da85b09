"""An S3 that allows little, or fails: only a missing bucket is called one."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest

from orchestrate.errors import OrchestrateError
from orchestrate.state_backend import state_backend
from stand_in.server import Reply
from tests.support import troubleshooting
from tests.support.state_backends import s3_variables

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from stand_in.server import Api

pytestmark = pytest.mark.programs

EMPTY = (
    "<ListBucketResult><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>"
)


def error(code: str, message: str = "Access Denied") -> str:
    return f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"


def store(api: Api, status: int, body: str) -> AbstractContextManager[object]:
    """Answer a list of the states' own folder with this, and refuse every other request."""
    api.misbehave = lambda request: (
        Reply(status, body.encode())
        if request.params.get("prefix", "").startswith("states/")
        else Reply(403, error("AccessDenied").encode())
    )
    return at(api.server_port)


def at(port: int) -> AbstractContextManager[object]:
    variables = s3_variables(f"http://127.0.0.1:{port}")
    return patch.dict("os.environ", variables, AWS_MAX_ATTEMPTS="1")


def test_a_bucket_that_may_not_be_listed_as_a_whole_is_used(api: Api) -> None:
    with store(api, 200, EMPTY), state_backend("s3://bucket/states", "x") as backend:
        assert backend.names() == set()


@pytest.mark.parametrize(
    ("status", "answer", "said"),
    [
        (404, error("NoSuchBucket"), "there is no bucket bucket; create it first"),
        (403, error("AccessDenied"), "The store of states cannot be used: Access Denied"),
        (500, error("InternalError", "Try again"), "cannot be used: [Errno 121] Try again"),
        (None, "", "cannot be used: Could not connect to the endpoint"),
    ],
)
def test_why_it_cannot_be_used_is_said(
    api: Api, status: int | None, answer: str, said: str
) -> None:
    if status:
        server = store(api, status, answer)
    else:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            server = at(closed.getsockname()[1])
    with (
        server,
        pytest.raises(OrchestrateError) as raised,
        state_backend("s3://bucket/states", "x"),
    ):
        pass
    assert said in str(raised.value)
    troubleshooting.check([str(raised.value)])
