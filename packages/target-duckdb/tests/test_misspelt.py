"""A setting under a name that the loader does not have gets one warning, with the nearest name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from target_duckdb.misspelt import unknown_settings
from target_duckdb.target import TargetDuckDB
from tests.support.program import Loader

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def known() -> set[str]:
    target = TargetDuckDB(config={"filepath": ":memory:"})
    return {*target.config_jsonschema["properties"]}


def test_each_is_told_once(tmp_path: Path) -> None:
    loader = Loader(tmp_path, hard_delet=True, qqq=1)
    environ = {"TARGET_DUCKDB_BATCHSIZE": "7", "TARGET_DUCKDB_LOGLEVEL": "info"}
    done = loader.run([], env={**os.environ, **environ})

    assert done.exit_code == 0, done.stderr
    ignored = "is no setting of this target and is ignored"
    told = [line.split("| ")[-1] for line in done.stderr.splitlines() if ignored in line]
    assert sorted(told) == [
        f"TARGET_DUCKDB_BATCHSIZE {ignored}: did you mean batch_size_rows?",
        f"hard_delet {ignored}: did you mean hard_delete?",
        f"qqq {ignored}",
    ]


def test_what_is_a_setting_and_what_meltano_adds_is_quiet(known: set[str]) -> None:
    prefixes = ("TARGET_DUCKDB_", "TARGET_DUCKDB_HEIR_", "TARGET_DUCKDB_OTHER_")
    environ = {f"{prefix}{name.upper()}": "1" for prefix in prefixes for name in known}
    environ |= {
        "TARGET_DUCKDB__DIALECT": "target_duckdb",
        "TARGET_DUCKDB_HEIR__LOG_PARSER": "singer-sdk",
        "TARGET_DUCKDB_BATCH_CONFIG_STORAGE_ROOT": "x",
        "MELTANO_LOADER_NAME": "target-duckdb-heir",
    }
    config = {**dict.fromkeys(known, 1), "batch_config": {"storage": {"root": "x"}}}
    assert list(unknown_settings(config, environ, known)) == []

    del config["batch_config"]
    (told,) = unknown_settings(config, environ, known)
    assert told.startswith("TARGET_DUCKDB_BATCH_CONFIG_STORAGE_ROOT is no setting")
