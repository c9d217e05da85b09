"""Secrets that nobody asked for: values of environment variables, and fields named like one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stand_in.history import History
from stand_in.server import Api, serving
from stand_in.world import RUNS, World
from tap_dagctl.records.builder import RecordBuilder
from tap_dagctl.streams import STREAMS, EnvironmentVariables
from tests.support.catalogs import entry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.syncs import Json, Tap

VALUE = "a value that stays where it is"
SECRET, OPEN = "made-up-secret", "made-up-text"
SECRET_NAMES = [
    *("token", "slackToken", "client_secret", "password", "passwd", "private_key", "apiKey"),
    *("access-key", "webhook_url", "WebhookURL", "credentials", "authorization", "sentry_dsn"),
]
OPEN_NAMES = ["queue", "key", "tok", "passed", "author", "url", "keys"]


@pytest.fixture
def api() -> Iterator[Api]:
    world = History(World(), days=10).world
    for row in world.organization["environment_variables"].values():
        row["value"] = VALUE
    with serving(world) as api:
        yield api


@pytest.mark.usefixtures("api")
def test_the_value_of_a_variable_never_leaves_the_tap(tap: Tap) -> None:
    catalog = json.loads(tap("--discover", include_sensitive=True).stdout)
    variables = entry(catalog, EnvironmentVariables.name)
    variables["schema"]["properties"]["value"] = {"type": ["string", "null"]}
    environment = {"TAP_DAGCTL_LOGLEVEL": "debug"}
    output = tap(include_sensitive=True, environment=environment).succeeded
    records = output.records(EnvironmentVariables.name)
    assert {row["name"] for row in records} == {"AWS_REGION", "WAREHOUSE_KEY"}
    assert VALUE not in output.stdout + output.stderr

    tap.api.requests.clear()
    said = tap.refused(catalog=catalog, include_sensitive=True)
    assert "environment_variables.value cannot be used: it is never loaded" in said


def test_a_new_field_that_is_named_like_a_secret_is_left_out_with_one_line(
    api: Api, tap: Tap
) -> None:
    for project in api.world.projects.values():
        for row in project.tables[RUNS].values():
            row["hooks"] = [{"kind": OPEN, "webhook_url": SECRET}]

    without = tap()
    left_out, kept = without.warnings
    assert left_out.endswith(
        "runs: field 'hooks.webhook_url' is left out, because its name says that it holds a "
        "secret; include_sensitive loads it"
    )
    assert "field 'hooks' is not in the schema" in kept
    assert SECRET not in without.stdout + without.stderr
    for output, hook in (
        (without, {"kind": OPEN}),
        (tap(include_sensitive=True), {"kind": OPEN, "webhook_url": SECRET}),
    ):
        rows = output.records("runs")
        assert rows
        assert all(row["additional_properties"] == {"hooks": [hook]} for row in rows)


def nested(texts: st.SearchStrategy[Any], names: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return st.recursive(
        texts, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3)
    )


SECRETS = nested(st.just(SECRET), st.sampled_from(SECRET_NAMES + OPEN_NAMES)).filter(bool)
FIELDS = st.dictionaries(
    st.sampled_from(OPEN_NAMES), nested(st.just(OPEN), st.sampled_from(OPEN_NAMES))
)


@st.composite
def rows(draw: st.DrawFn) -> Json:
    """Make fields in which `SECRET` stands somewhere below a secret's name, and nowhere else."""
    row = draw(FIELDS)
    for _ in range(draw(st.integers(1, 4))):
        place: Any = row
        for name in draw(st.lists(st.sampled_from(OPEN_NAMES), max_size=4)):
            inner = place.get(name)
            if not isinstance(inner, dict):
                place[name] = inner = {"before": inner}
            place = inner
        place[draw(st.sampled_from(SECRET_NAMES))] = draw(SECRETS)
    return row


@given(row=rows(), stream=st.sampled_from(STREAMS))
def test_no_secret_is_in_a_record_however_deep_it_lies_and_all_else_is(
    row: Json, stream: Any
) -> None:
    before = json.dumps(row).count(OPEN)
    record = json.dumps(RecordBuilder(stream.name, stream.schema).record(row, {}))
    assert (record.count(SECRET), record.count(OPEN)) == (0, before)


@given(st.sampled_from(SECRET_NAMES), st.none() | st.booleans() | st.integers())
def test_a_number_or_a_flag_is_no_secret(name: str, value: Any) -> None:
    record = RecordBuilder("runs", {"properties": {}}).record({name: value}, {})
    assert record["additional_properties"] == {name: value}
