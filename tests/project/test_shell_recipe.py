"""The shell script of docs/orchestrators.md always leaves a whole state, the old or a newer one."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stand_in.server import Api
from tests.support.at_request import refuse
from tests.support.orchestrated import wait_until
from tests.support.programs import ended
from tests.support.project import ROOT
from tests.support.syncs import TAP, config_of

pytestmark = pytest.mark.programs

OLD = '{"bookmarks": {"of": "an earlier sync"}}\n'
STATES = [json.dumps({"bookmarks": {"number": n, "long": "é" * 9_000}}) + "\n" for n in range(3)]
# A target passes a state on when what came before it is stored.
PASSES_ON = """
import json
for line in sys.stdin:
    message = json.loads(line)
    if message["type"] == "STATE":
        print(json.dumps(message["value"]), flush=True)
"""
# A file may have so many blocks of 1,024 bytes.
FULL = "trap '' XFSZ\nulimit -f 64\n"


def writes(*texts: str, then: str = "") -> str:
    """Return a program that writes `texts`, one after another."""
    return (
        f"for text in {texts!r}:\n"
        f"    sys.stdout.buffer.write(text.encode())\n    sys.stdout.flush()\n{then}\n"
    )


def program(folder: Path, name: str, code: str) -> None:
    path = folder / name
    path.write_text(f"#!{sys.executable}\nimport os, signal, sys, time\n{code}")
    path.chmod(0o755)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a user keeps what the script names. The tap sends nothing, the target three states."""
    for name in ("config.json", "catalog.json", "target.json"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "state.json").write_text(OLD)
    program(tmp_path, "tap-dagctl", "")
    program(tmp_path, "target-made-up", writes(*STATES))
    return tmp_path


def state(folder: Path) -> str:
    return (folder / "state.json").read_text()


def start(folder: Path, before: str = "") -> subprocess.Popen[str]:
    """Start the script from elsewhere, with the folder's programs and this before it."""
    page = (ROOT / "docs" / "orchestrators.md").read_text()
    (recipe,) = re.findall(r"```bash\n(.*?)```", page, re.DOTALL)
    script = folder / "sync.sh"
    script.write_text(before + recipe.replace("target-…", "target-made-up"))
    return subprocess.Popen(
        ["bash", str(script)],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{folder}:{TAP.parent}:{os.environ['PATH']}"},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run(folder: Path, before: str = "") -> int:
    with start(folder, before) as script:
        script.communicate(timeout=120)
    return script.returncode


def test_a_sync_leaves_its_last_state_and_a_failed_one_the_old(api: Api, folder: Path) -> None:
    (folder / "tap-dagctl").unlink()
    program(folder, "target-made-up", PASSES_ON)
    api.world.put("runs", "proj_a", {"id": "run"})
    catalog = ended(TAP, "--discover").stdout
    contents = {"state": "{}", "config": json.dumps(config_of(api)), "catalog": catalog}
    for name, text in contents.items():
        (folder / f"{name}.json").write_text(text)
    refuse(api, {"proj_a/runs": 404})
    assert run(folder) == 1
    partly = state(folder)
    assert len(json.loads(partly)["bookmarks"]["runs"]["partitions"]) == 2

    api.misbehave = lambda _: None
    target = (folder / "target-made-up").rename(folder / "away")
    assert run(folder) == 127
    assert state(folder) == partly
    target.rename(folder / "target-made-up")
    assert run(folder) == 0
    assert state(folder) != partly


@pytest.mark.parametrize(
    ("before", "tap", "target", "code", "expected"),
    [
        ("", "sys.exit(1)", writes(*STATES[:2]), 1, STATES[1]),
        # Half a line may look whole.
        ("", "", writes(STATES[0], '{"bookmarks": {}}', then="sys.exit(3)"), 3, STATES[0]),
        ("", "", writes(STATES[0][:100], then="os.kill(os.getpid(), signal.SIGKILL)"), 137, OLD),
        # What some targets write where they have no state.
        ("", "", writes("\n"), 0, OLD),
        ("", "", writes(STATES[0], "{}\n", "null\n"), 0, STATES[0]),
        (FULL, "", writes(*STATES), 1, STATES[0]),
        # The script's own file finds no room, or nothing is in it.
        (f"tail() {{ printf '%s' '{OLD[:9]}'; return 1; }}\n", "", writes(*STATES), 0, OLD),
        ("tail() { :; }\n", "", writes(*STATES), 0, OLD),
    ],
)
def test_the_newest_whole_state_is_left(
    folder: Path, before: str, tap: str, target: str, code: int, expected: str
) -> None:
    program(folder, "tap-dagctl", tap)
    program(folder, "target-made-up", target)

    assert run(folder, before) == code
    assert state(folder) == expected


def test_a_kill_before_any_command_leaves_a_whole_state(folder: Path) -> None:
    seen = []
    for number in range(1, 40):
        (folder / "state.json").write_text(OLD)
        code = run(folder, f"set -T\nn=0\ntrap '((++n == {number})) && kill -KILL $$' DEBUG\n")
        time.sleep(0.05)  # what is left of the pipeline writes its own files only
        seen.append(state(folder))
        if code == 0:
            break
        assert code == -signal.SIGKILL
    else:
        pytest.fail("the script has more commands than this test kills it at")
    assert len(seen) > 6
    assert (seen[0], seen[-1]) == (OLD, STATES[-1])
    assert set(seen) <= {OLD, STATES[-1]}


@pytest.mark.parametrize(
    ("number", "whole"),
    [(signal.SIGTERM, True), (signal.SIGINT, False), (signal.SIGKILL, False)],
)
def test_a_signal_while_the_target_works_leaves_a_whole_state(
    folder: Path, number: signal.Signals, *, whole: bool
) -> None:
    slow = writes(STATES[0], STATES[1][:100], then="time.sleep(1)") + writes(STATES[1][100:])
    program(folder, "target-made-up", slow)
    script = start(folder)
    written = folder / "states.jsonl"
    wait_until(lambda: written.exists() and written.stat().st_size > len(STATES[0]))
    (os.killpg if whole else os.kill)(script.pid, number)
    # Bash waits for a program that takes no notice of Ctrl-C.
    assert (script.wait(timeout=120) == 0) == (number is signal.SIGINT)
    assert state(folder) in ([OLD] if number is signal.SIGKILL else STATES[:2])
    # A target that was left behind writes nothing into the file of the next sync.
    program(folder, "target-made-up", writes(STATES[2]))
    assert run(folder) == 0
    time.sleep(1.1)
    assert state(folder) == STATES[2]
    script.communicate()
