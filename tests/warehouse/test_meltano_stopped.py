"""`meltano run` that is stopped: what the state then is, and that the next run brings the rest."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from stand_in.meltano import MELTANO
from tests.support.meltano import Meltano
from tests.support.syncs import Output

if TYPE_CHECKING:
    from stand_in.server import Api, Request

RUNS = 1_200


def test_the_next_run_resumes_from_what_the_target_passed_on(api: Api, tmp_path: Path) -> None:
    for number in range(RUNS):
        api.world.advance(seconds=1)
        api.world.put("runs", "proj_a", {"id": f"run_{number}"})
    api.world.advance(hours=1)
    meltano = Meltano.of(api, tmp_path)
    meltano.environment["TAP_DAGCTL_MAX_CONNECTIONS"] = "1"
    line = ["tap-dagctl-runs", "target-jsonl"]
    arrived, gate = threading.Event(), threading.Event()

    def hold(request: Request) -> None:
        # A page of the walk, and not the first: the rows before it have arrived.
        if int(request.params.get("page", "1")) > 1 and not gate.is_set():
            arrived.set()
            gate.wait(600)

    api.misbehave = hold
    for who in ("the tap", "everybody"):
        arrived.clear()
        gate.clear()
        with subprocess.Popen(
            [str(MELTANO), "run", *line],
            cwd=tmp_path,
            env=meltano.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as run:
            while not arrived.wait(0.1):
                assert run.poll() is None
            if who == "everybody":  # as Ctrl-C in a terminal does
                os.killpg(run.pid, signal.SIGINT)
            else:
                children = psutil.Process(run.pid).children()
                (tap,) = (it for it in children if Path(it.cmdline()[1]).name == "tap-dagctl")
                tap.terminate()
            gate.set()
            log, _ = run.communicate()
        assert run.returncode != 0
        said = Output.of(run.returncode, "", log).stderr
        assert "the next sync resumes from the last state that the target passed on" in said
        saved = json.loads(meltano("state", "get", "dev:tap-dagctl-runs-to-target-jsonl").stdout)
        assert saved["singer_state"]["bookmarks"]["runs"]["partitions"]

    meltano.run(*line)
    lines = (tmp_path / "output" / "runs.jsonl").read_text().splitlines()
    assert {json.loads(line)["id"] for line in lines} == {f"run_{n}" for n in range(RUNS)}
