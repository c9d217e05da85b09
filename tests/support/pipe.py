"""Loads as `tap-dagctl | target` does, with the tap in the test's own process."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stand_in.server import Api
from tests.support.catalogs import selecting
from tests.support.programs import ended
from tests.support.syncs import Json, Output, config_of, run_tap
from tests.support.warehouses import Warehouse


@dataclass
class Pipe:
    """One tap with its `settings`, one target with its own and its environment, and the state."""

    api: Api
    warehouse: Warehouse
    directory: Path
    settings: Json = field(default_factory=dict)
    target: Json = field(default_factory=dict)
    # As `meltano.yml` sets it.
    environment: dict[str, str] = field(default_factory=lambda: {"PGTZ": "UTC"})
    state: Json | None = None

    def load(self, **settings: Any) -> Output:
        """Run a sync of every stream to its end, from the state of the one before."""
        config = config_of(self.api, **self.settings, **settings)
        found = json.loads(run_tap(self.directory, config, "--discover").stdout)
        catalog = selecting(found, [entry["tap_stream_id"] for entry in found["streams"]])
        output = run_tap(self.directory, config, state=self.state, catalog=catalog).succeeded
        target = {"default_target_schema": "dagctl", "add_record_metadata": True}
        target |= self.warehouse.target | self.target
        self.state = poured(
            output, self.warehouse.program, target, self.directory, self.environment
        )
        return output


def poured(
    output: Output, program: str, config: Json, directory: Path, environment: dict[str, str]
) -> Json:
    """Let a target read what the tap wrote, and return the last state that it passed on."""
    (directory / "target.json").write_text(json.dumps(config))
    line, env = (program, "--config", "target.json"), {**os.environ, **environment}
    states = ended(*line, cwd=directory, env=env, stdin=output.stdout).stdout
    state: Json = json.loads(states.splitlines()[-1])
    return state
