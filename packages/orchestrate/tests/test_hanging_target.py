"""A target that hangs does not keep its projects locked for ever."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from orchestrate import pipeline
from orchestrate.pipeline import Pipeline, Program
from tests.support import troubleshooting
from tests.support.syncs import handlers_kept

# The tap ends at SIGTERM; the target hangs, also where it has closed its output.
SLEEPING = Program(["sleep", "1000"], {})
SILENT = Program(["bash", "-c", "exec >&-; sleep 1000"], {"PATH": os.environ["PATH"]})
LIMIT = "The sync has not ended within 0.1 s (--limit)"
SIGNAL = "The sync has not ended within 0.2 s after a signal"


@pytest.mark.parametrize(
    ("target", "limit", "said"),
    [(SLEEPING, 0.1, [LIMIT, SIGNAL]), (SILENT, 0.1, [LIMIT, SIGNAL]), (SLEEPING, 1000, [SIGNAL])],
)
def test_it_is_killed_some_time_after_the_limit_or_a_signal(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    target: Program,
    limit: float,
    said: list[str],
) -> None:
    monkeypatch.setattr(pipeline, "SECONDS_AFTER_A_SIGNAL", 0.2)
    monkeypatch.setattr(pipeline, "_SECONDS_BETWEEN_CHECKS", 0.05)
    with handlers_kept():
        running = Pipeline(limit)
        if LIMIT not in said:
            threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
        assert running.run(SLEEPING, target, lambda _: None, lambda: None) == 128 + signal.SIGKILL

    assert [message.partition(",")[0] for message in caplog.messages] == said
    troubleshooting.check(caplog.messages)
