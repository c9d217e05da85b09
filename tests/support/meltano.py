"""Runs the real Meltano on the checkout's meltano.yml, in a project folder of a test's own.

Meltano keeps state, warehouse and the catalog of a running plugin in the project's folder, so two
tests at once need two of them. The installed plugins are the checkout's.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from stand_in.meltano import MELTANO, environment_for
from stand_in.server import Api
from tests.support import troubleshooting
from tests.support.programs import Done, ended
from tests.support.project import ROOT

DBT = ROOT / ".meltano" / "utilities" / "dbt" / "venv" / "bin" / "dbt"
WAREHOUSE = "output/warehouse.duckdb"
"""Where the DuckDB loader writes, from the project folder."""


@dataclass
class Meltano:
    """One user's Meltano, whose project folder is `directory`."""

    directory: Path
    environment: dict[str, str]

    @classmethod
    def of(cls, api: Api, directory: Path) -> Meltano:
        (directory / ".meltano").mkdir()
        for kind in ("extractors", "loaders", "utilities"):
            (directory / ".meltano" / kind).symlink_to(ROOT / ".meltano" / kind)
        shutil.copy(ROOT / "meltano.yml", directory)
        for name in ("packages", ".venv"):
            (directory / name).symlink_to(ROOT / name)
        (directory / "output").mkdir(exist_ok=True)
        world = api.world
        environment = environment_for(api.url, world.token, world.organization_id)
        environment["PATH"] = f"{MELTANO.parent}:{environment['PATH']}"
        return cls(directory, environment)

    def __call__(self, *arguments: str, code: int = 0) -> Done:
        """Run `meltano`, which must end with `code`."""
        done = ended(MELTANO, *arguments, code=code, cwd=self.directory, env=self.environment)
        log = done.stdout + done.stderr
        troubleshooting.check(troubleshooting.of_the_tap(log) + troubleshooting.of_dbt(log))
        return done

    def run(self, *arguments: str) -> str:
        """Run `meltano run`, and return its log."""
        done = self("run", *arguments)
        return done.stdout + done.stderr
