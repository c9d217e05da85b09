"""The other loaders that meltano.yml brings hold what the API holds, as DuckDB does."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.dagctl_api.history import History
from tests.dagctl_api.server import Api, serving
from tests.dagctl_api.world import World
from tests.meltano import ROOT, Meltano
from tests.syncs import TAP, config_of
from tests.truth import KEYS, Table, difference, in_messages, tables
from tests.warehouses import postgres_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2026, 3, 4, 12, 1, 40, tzinfo=timezone.utc)
FIRST_DAY = NOW.date() - timedelta(days=29)
TARGET_JSONL = ROOT / ".meltano" / "loaders" / "target-jsonl" / "venv" / "bin" / "target-jsonl"


@pytest.fixture
def history() -> History:
    return History(World(now=NOW), days=20)


@pytest.fixture
def api(history: History) -> Iterator[Api]:
    with serving(history.world) as api:
        yield api


def test_a_plain_pipe_into_jsonl(api: Api, history: History, tmp_path: Path) -> None:
    """Lines are appended, so the last of a key is the row."""
    (tmp_path / "tap.json").write_text(json.dumps(config_of(api)))
    (tmp_path / "target.json").write_text(json.dumps({"do_timestamp_file": False}))
    (tmp_path / "state.json").write_text("{}")
    shell = (
        f"set -o pipefail; {TAP} --config tap.json --state state.json 2>tap.log "
        f"| {TARGET_JSONL} --config target.json >states && tail -n 1 states >state.json"
    )
    for pause in (timedelta(), timedelta(hours=30), timedelta()):
        history.advance(pause)
        subprocess.run(["bash", "-c", shell], cwd=tmp_path, check=True, timeout=300)
        found = {name: _from_lines(tmp_path / f"{name}.jsonl", name) for name in KEYS}
        for name, expected in tables(history.world, FIRST_DAY).items():
            assert difference(name, found[name], expected) == []


def _from_lines(path: Path, stream: str) -> Table:
    lines = path.read_text().splitlines()
    return in_messages((stream, json.loads(line)) for line in lines)[stream]


def test_postgres_after_every_run(
    api: Api, history: History, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    meltano = Meltano.of(api, tmp_path)
    with postgres_in(tmp_path_factory.mktemp("postgres")) as warehouse:
        meltano.environment |= warehouse.environment
        for pause in (timedelta(), timedelta(hours=30), timedelta()):
            history.advance(pause)
            meltano.run("tap-dagctl", "target-postgres")
            assert warehouse.differences(history.world, FIRST_DAY) == []


def test_three_taps_at_once_fill_the_tables_that_one_fills(
    api: Api, history: History, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    meltano = Meltano.of(api, tmp_path)
    project = yaml.safe_load((tmp_path / "meltano.yml").read_text())
    names = [f"tap-dagctl-{number}" for number in range(len(history.world.projects))]
    for name, key in zip(names, history.world.projects, strict=True):
        part = {"name": name, "inherit_from": "tap-dagctl", "config": {"project_ids": [key]}}
        project["plugins"]["extractors"].append(part)
        variable = name.upper().replace("-", "_")
        meltano.environment[f"{variable}_API_URL"] = api.url
    (tmp_path / "meltano.yml").write_text(yaml.safe_dump(project))
    with postgres_in(tmp_path_factory.mktemp("postgres")) as warehouse:
        meltano.environment |= warehouse.environment
        meltano.run(names[0], "target-postgres")
        for pause in (timedelta(), timedelta(hours=30), timedelta()):
            history.advance(pause)
            with ThreadPoolExecutor() as pool:
                list(pool.map(lambda name: meltano.run(name, "target-postgres"), names))
        assert warehouse.differences(history.world, FIRST_DAY) == []
