"""A target that hangs does not keep its projects locked for ever."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

import pytest

from orchestrate import pipeline
from orchestrate.pipeline import Pipeline, Program
from tests.support import troubleshooting

if TYPE_CHECKING:
    from collections.abc import Iterator

HANGING = Program(["sleep", "1000"], {})
# It ends at SIGTERM, as the tap does.
TAP = Program(["sleep", "1000"], {})


@pytest.fixture(autouse=True)
def _signals(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(pipeline, "SECONDS_AFTER_A_SIGNAL", 0.2)
    monkeypatch.setattr(pipeline, "_SECONDS_BETWEEN_CHECKS", 0.05)
    handlers = {it: signal.getsignal(it) for it in (signal.SIGTERM, signal.SIGINT)}
    yield
    for signum, handler in handlers.items():
        signal.signal(signum, handler)


def run(limit: float) -> int:
    return Pipeline(limit).run(TAP, HANGING, lambda _: None, lambda: None)


def test_it_is_killed_after_the_limit(caplog: pytest.LogCaptureFixture) -> None:
    assert run(0.1) == 128 + signal.SIGKILL
    assert [message.partition(",")[0] for message in caplog.messages] == [
        "The sync has not ended within 0.1 s (--limit)",
        "The sync has not ended within 0.2 s after a signal",
    ]
    troubleshooting.check(caplog.messages)


def test_it_is_killed_some_time_after_sigterm(caplog: pytest.LogCaptureFixture) -> None:
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
    assert run(1000) == 128 + signal.SIGKILL
    assert [message.partition(",")[0] for message in caplog.messages] == [
        "The sync has not ended within 0.2 s after a signal"
    ]


def test_one_that_closed_its_output_and_hangs_is_killed_as_well() -> None:
    target = Program(["bash", "-c", "exec >&-; sleep 1000"], {"PATH": os.environ["PATH"]})
    assert Pipeline(0.1).run(TAP, target, lambda _: None, lambda: None) == 128 + signal.SIGKILL
