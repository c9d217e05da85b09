"""One sync as a serverless function: no disk is kept, and the time is limited.

The states are in S3 or PostgreSQL (`STATE_BACKEND_URI`). The sync gets SIGTERM `SECONDS_TO_END`
before the limit; it keeps what it has read, and the next call goes on from there.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import Any

SECONDS_TO_END = float(os.environ.get("SECONDS_TO_END", "90"))
STOPPED = 128 + signal.SIGTERM


def handler(event: dict[str, Any], context: Any) -> dict[str, bool]:  # noqa: ANN401 - the platform's
    """Sync, and say whether everything was read.

    Args:
        event: may have `options`, a list for the command line of `orchestrate.sync`.
        context: tells the time that is left.

    Raises:
        RuntimeError: the sync failed, and the log says why; or the time is too short for any.
    """
    if context.get_remaining_time_in_millis() < SECONDS_TO_END * 1000:
        raise RuntimeError(
            f"The time limit must be longer than SECONDS_TO_END ({SECONDS_TO_END:g})"
        )
    command = [sys.executable, "-m", "orchestrate.sync", os.environ["TARGET"], "--wait", "0"]
    sync = subprocess.Popen([*command, *event.get("options", [])])
    seconds_left = context.get_remaining_time_in_millis() / 1000
    # Nothing may be left that goes on in a later call: it could bring old rows over new ones.
    for seconds, signum in (
        (seconds_left - SECONDS_TO_END, signal.SIGTERM),
        (SECONDS_TO_END * 2 / 3, signal.SIGINT),
    ):
        with suppress(subprocess.TimeoutExpired):
            sync.wait(max(seconds, 0))
            break
        sync.send_signal(signum)
    if sync.wait() not in {0, STOPPED}:
        raise RuntimeError(f"The sync failed with the exit code {sync.returncode}; see the log")
    return {"is_complete": sync.returncode == 0}
