"""A machine that starts no more threads reads all the same."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from tap_dagctl.api import transport
from tests.support import in_process

if TYPE_CHECKING:
    import pytest

    from stand_in.server import Api


def test_deadlines_are_optional(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    start, refused = threading.Thread.start, []

    def start_none_of_the_taps(thread: threading.Thread) -> Any:
        if thread.name == "deadlines":
            refused.append(thread)
            raise RuntimeError("can't start new thread")
        return start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_none_of_the_taps)
    monkeypatch.setattr(transport, "_watching", threading.Lock())
    api.world.put("runs", "proj_a", {"id": "run"})

    assert len(in_process.runs(in_process.sync(api))) == 1
    assert len(refused) > 1
