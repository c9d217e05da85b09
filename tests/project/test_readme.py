from __future__ import annotations

import subprocess
import sys

from tests.support.project import ROOT


def test_the_readmes_tables_are_the_taps() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scripts.write", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
