"""The SDK's standard tests on every stream, and the two checks they miss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk.testing import SuiteConfig, get_tap_test_class

from stand_in.history import History
from stand_in.server import Api, serving
from stand_in.world import World
from tap_dagctl.streams import BY_NAME
from tap_dagctl.tap import TapDagctl
from tests.support.base_time import NOW
from tests.support.syncs import Output, config_of, run_tap
from tests.support.truth import KEYS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# The SDK makes its tests when this module is read; the server's address comes later.
CONFIG: dict[str, Any] = {
    "api_token": World().token,
    "organization_id": World().organization_id,
    "api_url": "http://127.0.0.1:9",
    "include_sensitive": True,
}


def with_an_unheard_of_field(answer: dict[str, Any]) -> None:
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


FULL_TABLE = {"context"}


KEPT_IN_STATE = {"context", "replication_key", "replication_key_value", "start_date", "sent"}
TestStandard = get_tap_test_class(
    TapDagctl,
    config=CONFIG,
    suite_config=SuiteConfig(max_records_limit=None),
    parse_env_config=False,
)


@pytest.fixture(scope="module")
def syncs(api: Api, tmp_path_factory: pytest.TempPathFactory) -> list[Output]:
    """A first sync, and one of what changed within an hour."""
    directory: Path = tmp_path_factory.mktemp("syncs")
    first = run_tap(directory, config_of(api))
    api.world.advance(hours=1)
    return [first, run_tap(directory, config_of(api), state=first.state)]


@pytest.mark.parametrize("stream", KEYS)
def test_no_sync_sends_a_key_twice(syncs: list[Output], stream: str) -> None:
    """The SDK compares the keys with themselves (singer_sdk/testing/tap_tests.py:193)."""
    for output in syncs:
        keys = [tuple(row[key] for key in KEYS[stream]) for row in output.records(stream)]
        assert len(keys) == len(set(keys))
    assert syncs[0].records(stream)


@pytest.mark.parametrize("stream", KEYS)
def test_no_marker_is_left_at_any_level_of_the_final_state(
    syncs: list[Output], stream: str
) -> None:
    """The SDK looks at the top level only (singer_sdk/testing/tap_tests.py:72)."""
    for output in syncs:
        state = output.state["bookmarks"][stream]
        if stream == "projects":
            assert state == {}
            continue
        assert set(state) == {"partitions"}
        assert len(state["partitions"]) == 3
        for partition in state["partitions"]:
            kept = KEPT_IN_STATE | ({"window_days"} if stream == "model_stats" else set())
            assert set(partition) == (
                kept if isinstance(BY_NAME[stream].replication_key, str) else FULL_TABLE
            )
            assert set(partition["context"]) == {"project_id"}
