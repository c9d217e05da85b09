"""The SDK's standard tests on every stream, and checks they miss."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from singer_sdk.testing import SuiteConfig, get_tap_test_class

from stand_in.history import History
from stand_in.server import Api, serving
from stand_in.world import World
from tap_dagctl.streams import BY_NAME
from tap_dagctl.tap import TapDagctl
from tests.support.base_time import NOW
from tests.support.syncs import Json, config_of, run_tap

# The SDK makes its tests when this module is read; the server's address comes later.
CONFIG: Json = {
    "api_token": World().token,
    "organization_id": World().organization_id,
    "api_url": "http://127.0.0.1:9",
    "include_sensitive": True,
}


def with_an_unheard_of_field(answer: Json) -> None:
    for rows in answer.values():
        for row in rows if isinstance(rows, list) else ():
            row["unheard_of"] = {"depth": [1]}


@pytest.fixture(scope="module", autouse=True)
def api() -> Iterator[Api]:
    history = History(World(now=NOW), days=10)
    with serving(history.world) as api:
        CONFIG["api_url"] = api.url
        # Else the SDK warns that additional_properties were nowhere seen.
        api.alter = with_an_unheard_of_field
        yield api


KEPT_IN_STATE = {"context", "replication_key", "replication_key_value", "start_date", "sent"}
TestStandard = get_tap_test_class(
    TapDagctl,
    config=CONFIG,
    suite_config=SuiteConfig(max_records_limit=None),
    parse_env_config=False,
)


def test_the_stand_in_answers_with_every_field_and_schemas_fit(api: Api, tmp_path: Path) -> None:
    output = run_tap(tmp_path, config_of(api, include_sensitive=True)).succeeded
    # The made-up account has no environment variables; `syncs` is not from the API.
    for name in BY_NAME.keys() - {"environment_variables", "syncs"}:
        stream: Any = BY_NAME[name]
        schema = stream.schema
        validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
        sent = set()
        for record in output.records(name):
            validator.validate(record)
            assert record["additional_properties"] == {"unheard_of": {"depth": [1]}}
            sent |= {name for name, value in record.items() if value is not None}
        assert sent == schema["properties"].keys(), name


def test_no_marker_is_left_at_any_level_of_the_final_state(api: Api, tmp_path: Path) -> None:
    """The SDK looks at the top level only (singer_sdk/testing/tap_tests.py:72)."""
    state = run_tap(tmp_path, config_of(api)).succeeded.state
    state = run_tap(tmp_path, config_of(api), state=state).succeeded.state
    assert state["bookmarks"].pop("projects") == {}
    for stream, entries in state["bookmarks"].items():
        assert set(entries) == {"partitions"}
        kept = KEPT_IN_STATE | ({"window_days"} if stream == "model_stats" else set())
        is_incremental = isinstance(BY_NAME[stream].replication_key, str)
        for partition in entries["partitions"]:
            assert set(partition) == (kept if is_incremental else {"context"})
            assert set(partition["context"]) == {"project_id"}
