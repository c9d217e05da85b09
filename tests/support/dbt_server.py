"""The plugin's dbt without the seconds in which it starts and reads the project."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.support import troubleshooting
from tests.support.meltano import DBT
from tests.support.project import ROOT
from tests.support.warehouses import Warehouse

_SERVER = Path(__file__).with_name("dbt_commands.py")


class Dbt:
    """Runs dbt's commands on any warehouse that is called as the first of its kind was."""

    def __init__(self, directory: Path, running: ExitStack) -> None:
        """Keep what dbt writes in `directory`."""
        self._directory, self._running = directory, running
        self._servers: dict[str, subprocess.Popen[str]] = {}

    def __call__(
        self,
        warehouse: Warehouse,
        *arguments: str,
        now: datetime | None = None,
        environment: dict[str, str] | None = None,
        parse: bool = False,
        code: int = 0,
        **variables: Any,
    ) -> str:
        """Run a command that ends with `code`, with these variables of dbt; return what it said.

        The schemas' names are read with the project, so that another one needs `parse`.
        """
        if now:
            variables["dagctl_as_of"] = f"{now:%Y-%m-%d %H:%M:%S}"
        line = [*arguments, "--vars", json.dumps(variables)] if variables else [*arguments]
        server = self._servers.get(warehouse.kind) or self._start(warehouse)
        order = [line, {**warehouse.environment, **(environment or {})}, parse]
        print(json.dumps(order), file=server.stdin, flush=True)
        answer = server.stdout.readline() if server.stdout else ""
        assert answer, (self._directory / f"{warehouse.kind}.stderr").read_text()
        found, said = json.loads(answer)
        assert found == code, said
        troubleshooting.check(troubleshooting.of_dbt(said))
        return str(said)

    def build(self, warehouse: Warehouse, *arguments: str, **options: Any) -> str:
        """Run a command, `build` if none is named, in which nothing fails or warns."""
        said = self(warehouse, *(arguments or ("build",)), **options)
        assert "WARN=0 ERROR=0 SKIP=0" in said, said
        return said

    def target_path(self, warehouse: Warehouse) -> Path:
        """Return where dbt writes for warehouses of this kind."""
        return self._directory / warehouse.kind

    def _start(self, warehouse: Warehouse) -> subprocess.Popen[str]:
        kind, written = warehouse.kind, str(self.target_path(warehouse))
        project = str(ROOT / "packages" / "transform")
        environment = {
            **os.environ,
            **warehouse.environment,
            **dict.fromkeys(("DBT_PROJECT_DIR", "DBT_PROFILES_DIR"), project),
            **dict.fromkeys(("DBT_TARGET_PATH", "DBT_LOG_PATH"), written),
            "DBT_TARGET": kind,
            "DBT_USE_COLORS": "false",
            "DBT_PRINTER_WIDTH": "200",
        }
        pipe = subprocess.PIPE
        # dbt imports whatever is called `dbt_…`, so Python must not look where the program is.
        with (self._directory / f"{kind}.stderr").open("w") as errors:
            line = (DBT.with_name("python"), "-I", _SERVER)
            server = subprocess.Popen(
                line, stdin=pipe, stdout=pipe, stderr=errors, env=environment, text=True
            )
        self._servers[kind] = self._running.enter_context(server)
        return server


@contextmanager
def dbt_in(directory: Path) -> Iterator[Dbt]:
    """Run it until the block ends."""
    with ExitStack() as running:
        yield Dbt(directory, running)
