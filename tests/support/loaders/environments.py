"""An environment for each loader, under `.tools/loaders/`, from the lock beside this file."""

from __future__ import annotations

from pathlib import Path

from tests.support.environments import Environments

_ENVIRONMENTS = Environments(Path(__file__).parent, "loaders")
install = _ENVIRONMENTS.install
program = _ENVIRONMENTS.program
