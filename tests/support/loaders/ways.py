"""Every loader with every setting that is compared, and what comes of it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from stand_in.server import serving
from tests.support.awkward import SeededHistory
from tests.support.loaders import stores
from tests.support.loaders.history import AwkwardHistory
from tests.support.loaders.stores import Store
from tests.support.pipe import poured
from tests.support.programs import program
from tests.support.project import ROOT
from tests.support.syncs import config_of, run_tap

FINDINGS = Path(__file__).with_name("findings.json")


def findings() -> dict[str, dict[str, Any]]:
    """Return each way's `settings`, `differs` and `whose` in words, and what is `measured`."""
    recorded: dict[str, dict[str, Any]] = json.loads(FINDINGS.read_text())
    return recorded


def stream_maps() -> dict[str, Any]:
    """Return the stream maps that docs/targets.md shows."""
    _, _, rest = (ROOT / "docs" / "targets.md").read_text().partition("## Objects as text\n")
    shown = yaml.safe_load(rest.split("```yaml\n")[1].partition("```")[0])
    (extractor,) = shown["plugins"]["extractors"]
    maps: dict[str, Any] = extractor["config"]["stream_maps"]
    return maps


@dataclass(frozen=True)
class Way:
    """A loader with settings, beside those that lead to the store that `open` makes in a folder.

    The variables are in the loader's environment, and the settings `tap` are the tap's.
    """

    loader: str
    open: Callable[[Path], AbstractContextManager[Store]]
    settings: dict[str, Any] = field(default_factory=dict)
    tap: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    group: str = ""
    """The environment of the loader, if it has not the loader's name."""

    @property
    def environment(self) -> str | None:
        """What must be installed; ours is there."""
        return None if self.loader == OURS else self.group or self.loader

    @property
    def command(self) -> str:
        name = "target-" + self.loader.partition("target-")[2]
        if self.environment is None:
            return str(Path(sys.executable).with_name(name))
        return program(self.environment, name)


def load(way: Way, store: Store, history: AwkwardHistory | SeededHistory, directory: Path) -> None:
    """Load, load again 30 hours later, and once more with nothing new."""
    settings, variables = store.settings | way.settings, store.variables | way.variables
    state = None
    with serving(history.world) as api:
        for sync in range(3):
            if sync == 1:
                history.go_on()
            time.sleep(1)  # some loaders name their files by the second
            output = run_tap(directory, config_of(api, **way.tap), state=state).succeeded
            state = poured(output, way.command, settings, directory, variables)


OURS = "dagctl-target-duckdb"
SNOWFLAKE = "meltanolabs-target-snowflake"
_OLD = "target-duckdb"
_PG = "meltanolabs-target-postgres"
_PPW = "pipelinewise-target-postgres"
_CSV = "meltanolabs-target-csv"
_MAPS = {"stream_maps": stream_maps()}
_FLAT = {"flattening_enabled": True, "flattening_max_depth": 5}
_DUCKDB = {"flush_all_streams": True, "add_metadata_columns": True}
_UTC = {"PGTZ": "UTC"}
_FAST = {"validate_records": False}
_COPY = {"use_copy": True}
_CLEAN = {"sanitize_null_text_characters": True}
_FLATTENING = {"data_flattening_max_level": 5}
_APPENDING = {"overwrite_behavior": "append_records"}
_NAMED = {"file_naming_scheme": "{stream_name}-{timestamp}.csv"}
_FILE, _BERLIN = stores.duckdb_file, stores.postgres_in_berlin
WAYS = {
    OURS: Way(OURS, _FILE),
    f"{OURS}, objects as text": Way(OURS, _FILE, tap=_MAPS),
    f"{OURS}, tap flattens": Way(OURS, _FILE, tap=_FLAT),
    _OLD: Way(_OLD, _FILE, _DUCKDB),
    f"{_OLD}, default": Way(_OLD, _FILE),
    f"{_OLD}, newer DuckDB": Way(_OLD, _FILE, _DUCKDB, group=f"{_OLD}-newer"),
    _PG: Way(_PG, _BERLIN, _FAST, variables=_UTC),
    f"{_PG}, default": Way(_PG, _BERLIN, variables=_UTC),
    f"{_PG}, use_copy": Way(_PG, _BERLIN, _COPY, variables=_UTC),
    f"{_PG}, use_copy, no validation": Way(_PG, _BERLIN, _COPY | _FAST, variables=_UTC),
    f"{_PG}, sanitized": Way(_PG, _BERLIN, _CLEAN | _FAST, variables=_UTC),
    f"{_PG}, no PGTZ": Way(_PG, _BERLIN, _FAST),
    _PPW: Way(_PPW, _BERLIN),
    f"{_PPW}, flattening": Way(_PPW, _BERLIN, _FLATTENING),
    f"{_PPW}, flattening, objects as text": Way(_PPW, _BERLIN, _FLATTENING, _MAPS),
    "target-jsonl": Way("target-jsonl", stores.json_files),
    "target-s3-jsonl": Way("target-s3-jsonl", stores.s3_objects),
    _CSV: Way(_CSV, stores.csv_files),
    f"{_CSV}, append": Way(_CSV, stores.csv_files, _APPENDING),
    f"{_CSV}, timestamp": Way(_CSV, stores.csv_files, _NAMED),
    f"{_CSV}, timestamp, objects as text": Way(_CSV, stores.csv_files, _NAMED, _MAPS),
    SNOWFLAKE: Way(SNOWFLAKE, stores.snowflake_emulator),
}
