"""Loads as `tap-dagctl | target` does, with the tap in the test's own process."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.support.catalogs import selecting
from tests.support.programs import ended
from tests.support.project import ROOT
from tests.support.syncs import Output, config_of, run_tap

if TYPE_CHECKING:
    from pathlib import Path

    from stand_in.server import Api
    from tests.support.warehouses import Warehouse


@dataclass
class Pipe:
    """One tap, one target and the state between them.

    Attributes:
        settings: of the tap, beside the account.
        target: settings of the target, beside the warehouse.
        environment: of the target, as `meltano.yml` sets it.
    """

    api: Api
    warehouse: Warehouse
    directory: Path
    settings: dict[str, Any] = field(default_factory=dict)
    target: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=lambda: {"PGTZ": "UTC"})
    state: dict[str, Any] | None = None

    def load(self, **settings: Any) -> Output:
        """Run a sync to its end, from the state of the one before."""
        config = config_of(self.api, **self.settings, **settings)
        found = self._tap(config, "--discover")
        catalog = selecting(found, [entry["tap_stream_id"] for entry in found["streams"]])
        output = run_tap(self.directory, config, state=self.state, catalog=catalog)
        assert output.exit_code == 0, output.stderr
        self.state = json.loads(self.pour(output.stdout).splitlines()[-1])
        return output

    def _tap(self, config: dict[str, Any], *options: str) -> dict[str, Any]:
        said = run_tap(self.directory, config, *options)
        found: dict[str, Any] = json.loads(said.stdout)
        return found

    def pour(self, messages: str) -> str:
        """Let the target read these messages, and return the states that it passed on."""
        name = self.warehouse.loader
        command = [str(ROOT / ".meltano" / "loaders" / name / "venv" / "bin" / name)]
        config = {
            "default_target_schema": "dagctl",
            "add_record_metadata": True,
            **self.warehouse.target,
            **self.target,
        }
        return poured(messages, command, config, self.directory, self.environment)


def poured(
    messages: str,
    command: list[str],
    config: dict[str, Any],
    directory: Path,
    environment: dict[str, str],
) -> str:
    """Let a target read these messages, and return the states that it passed on."""
    (directory / "target.json").write_text(json.dumps(config))
    env = {**os.environ, **environment}
    line = (*command, "--config", "target.json")
    return ended(*line, cwd=directory, env=env, stdin=messages).stdout
