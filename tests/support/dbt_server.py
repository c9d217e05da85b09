"""The plugin's dbt without the seconds in which it starts and reads the project."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
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

    def __init__(self, directory: Path) -> None:
        """Keep what dbt writes in `directory`."""
        self._directory = directory
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
        server = self._servers.get(warehouse.dbt) or self._start(warehouse)
        order = [line, {**warehouse.environment, **(environment or {})}, parse]
        print(json.dumps(order), file=server.stdin, flush=True)
        answer = server.stdout.readline() if server.stdout else ""
        assert answer, (self._directory / f"{warehouse.dbt}.stderr").read_text()
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
        return self._directory / warehouse.dbt

    def end(self) -> None:
        for server in self._servers.values():
            server.communicate()

    def _start(self, warehouse: Warehouse) -> subprocess.Popen[str]:
        name, written = warehouse.dbt, str(self.target_path(warehouse))
        project = str(ROOT / "packages" / "transform")
        environment = {
            **os.environ,
            **warehouse.environment,
            **dict.fromkeys(("DBT_PROJECT_DIR", "DBT_PROFILES_DIR"), project),
            **dict.fromkeys(("DBT_TARGET_PATH", "DBT_LOG_PATH"), written),
            "DBT_TARGET": name.removeprefix("dbt-"),
            "DBT_USE_COLORS": "false",
            "DBT_PRINTER_WIDTH": "200",
        }
        pipe = subprocess.PIPE
        # dbt imports whatever is called `dbt_…`, so Python must not look where the program is.
        with (self._directory / f"{name}.stderr").open("w") as errors:
            self._servers[name] = subprocess.Popen(
                [DBT.with_name("python"), "-I", _SERVER],
                stdin=pipe,
                stdout=pipe,
                stderr=errors,
                env=environment,
                text=True,
            )
        return self._servers[name]


@contextmanager
def dbt_in(directory: Path) -> Iterator[Dbt]:
    """Run it until the block ends."""
    dbt = Dbt(directory)
    try:
        yield dbt
    finally:
        dbt.end()
