"""Personal and security data, and secrets: in no record unless `include_sensitive` is on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stand_in.history import History
from stand_in.server import PREFIX, Api, serving
from stand_in.world import JOBS, RUNS, World
from tap_dagctl.records.builder import RecordBuilder
from tap_dagctl.streams import STREAMS, EnvironmentVariables
from tests.support.at_request import refuse
from tests.support.catalogs import deselect, entry, selecting
from tests.support.syncs import Json, Output, Tap
from tests.support.truth import KEYS, difference, in_messages, plain

LISTS: list[Any] = [stream for stream in STREAMS if stream.is_sensitive]
SENSITIVE = {stream.name: stream.rows_key for stream in LISTS}
PATHS = {stream.name: stream.path for stream in LISTS}
SECRET = "a secret somebody wrote into the wrong place"  # noqa: S105 - made up, looked for
VALUE = "a value that stays where it is"
OPEN = "made-up-text"
SECRET_NAMES = [
    *("token", "slackToken", "client_secret", "password", "passwd", "private_key", "apiKey"),
    *("access-key", "webhook_url", "WebhookURL", "credentials", "authorization", "sentry_dsn"),
]
OPEN_NAMES = ["queue", "key", "tok", "passed", "author", "url", "keys"]


@pytest.fixture
def api() -> Iterator[Api]:
    world = History(World(), days=10).world
    for row in listed_jobs(world):
        row["environment"] = {"KEY": SECRET}
    for row in world.organization["environment_variables"].values():
        row["value"] = VALUE
    with serving(world) as api:
        yield api


@pytest.fixture
def everything(tap: Tap) -> Json:
    """What is discovered with `include_sensitive`."""
    catalog: Json = json.loads(tap("--discover", include_sensitive=True).stdout)
    return catalog


def listed_jobs(world: World) -> list[Json]:
    return [row for project in world.projects.values() for row in project.tables[JOBS].values()]


def fields(catalog: Json) -> dict[str, set[str]]:
    return {it["tap_stream_id"]: set(it["schema"]["properties"]) for it in catalog["streams"]}


def check_without(api: Api, output: Output) -> None:
    """Nothing of it was asked for, described or sent, under whatever name."""
    assert output.exit_code == 0, output.stderr
    assert not any(request.path.endswith(tuple(PATHS.values())) for request in api.requests)
    assert len(output.records("jobs")) == len(listed_jobs(api.world)) > 3
    assert SECRET not in output.stdout + output.stderr
    assert not SENSITIVE.keys() & output.schemas.keys()
    assert "environment" not in output.schemas["jobs"]["schema"]["properties"]


def test_no_catalog_lists_it_unasked(catalog: Json, everything: Json) -> None:
    without, whole = fields(catalog), fields(everything)

    assert set(without) == {*KEYS, "syncs"}
    assert "environment" not in without["jobs"]
    assert set(whole) == {*KEYS, *SENSITIVE, "syncs"}
    assert whole["jobs"] == {*without["jobs"], "environment"}


def test_who_selects_all_does_not_get_it(tap: Tap, catalog: Json, everything: Json) -> None:
    deselect(everything, "jobs", "environment")
    for chosen in (selecting(catalog, KEYS), selecting(everything, KEYS), None):
        output = tap(catalog=chosen)
        check_without(tap.api, output)
        assert output.warnings == []


def test_an_old_catalog_that_selects_it_is_told_once(api: Api, tap: Tap, everything: Json) -> None:
    output = tap(catalog=selecting(everything, [*KEYS, *SENSITIVE]))

    check_without(api, output)
    (warning,) = output.warnings
    assert (
        "The catalog selects jobs.environment, environment_protections, environment_variables, "
        "members, invitations, which is left out: it may hold personal or security data, and is "
        "loaded only with include_sensitive: true" in warning
    )
    everything["streams"] = [it for it in everything["streams"] if it["tap_stream_id"] in SENSITIVE]
    output = tap(catalog=everything).succeeded
    assert output.sent == {}
    left_out, nothing = output.warnings
    assert "which is left out" in left_out
    assert "The catalog selects no stream of this tap, so nothing is read" in nothing


def test_switched_on_it_is_loaded_like_everything_else(api: Api, tap: Tap) -> None:
    output = tap(include_sensitive=True).succeeded

    assert output.warnings == []
    found = in_messages((name, row) for name in SENSITIVE for row in output.records(name))
    for name, table in SENSITIVE.items():
        rows = api.world.organization[table].values()
        assert rows
        shown = ({field: row[field] for field in row if field != "value"} for row in rows)
        expected = {(row.get("id") or row["name"],): plain(row) for row in shown}
        assert difference(name, found[name], expected) == []
    assert {row["id"]: row["environment"] for row in output.records("jobs")} == {
        row["id"]: {"KEY": SECRET} for row in listed_jobs(api.world)
    }


@pytest.mark.parametrize(
    ("stream", "status"),
    [("environment_protections", 404), ("members", 403), ("invitations", 410)],
)
def test_a_refused_list_fails_alone_and_says_what_to_do(
    api: Api, tap: Tap, everything: Json, stream: str, status: int
) -> None:
    refuse(api, {PATHS[stream]: status})
    output = tap(include_sensitive=True, refused_projects="warn")

    assert output.error.startswith(f"GET {PATHS[stream]}: the server answered {status}: give the ")
    assert output.error.endswith(f"or deselect {stream}")
    others = {*KEYS, *SENSITIVE} - {stream}
    assert output.sent.keys() == others
    assert tap(catalog=selecting(everything, others), include_sensitive=True).exit_code == 0
    # Where nothing else is selected, nothing else is asked for.
    api.requests.clear()
    alone = tap(catalog=selecting(everything, [stream]), include_sensitive=True)
    assert alone.error == output.error
    assert {request.path for request in api.requests} == {f"{PREFIX}{PATHS[stream]}"}


def test_a_token_without_the_permission_is_told_which(api: Api, tap: Tap) -> None:
    api.world.permissions.clear()
    assert tap(include_sensitive=True).error == (
        "GET /environment-protections: the server answered 403 (manage_secrets is needed): give "
        "the token the permission manage_secrets in dagctl, or deselect environment_protections"
    )


def test_the_value_of_a_variable_never_leaves_the_tap(tap: Tap, everything: Json) -> None:
    variables = entry(everything, EnvironmentVariables.name)
    variables["schema"]["properties"]["value"] = {"type": ["string", "null"]}
    environment = {"TAP_DAGCTL_LOGLEVEL": "debug"}
    output = tap(include_sensitive=True, environment=environment).succeeded
    records = output.records(EnvironmentVariables.name)
    assert {row["name"] for row in records} == {"AWS_REGION", "WAREHOUSE_KEY"}
    assert VALUE not in output.stdout + output.stderr

    tap.api.requests.clear()
    said = tap.refused(catalog=everything, include_sensitive=True)
    assert "environment_variables.value cannot be used: it is never loaded" in said


def test_a_new_field_that_is_named_like_a_secret_is_left_out_with_one_line(tap: Tap) -> None:
    for project in tap.api.world.projects.values():
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
def test_no_secret_is_in_a_record_however_deep_and_all_else_is(row: Json, stream: Any) -> None:
    before = json.dumps(row).count(OPEN)
    record = json.dumps(RecordBuilder(stream.name, stream.schema).record(row, {}))
    assert (record.count(SECRET), record.count(OPEN)) == (0, before)


@given(st.sampled_from(SECRET_NAMES), st.none() | st.booleans() | st.integers())
def test_a_number_or_a_flag_is_no_secret(name: str, value: Any) -> None:
    record = RecordBuilder("runs", {"properties": {}}).record({name: value}, {})
    assert record["additional_properties"] == {name: value}
