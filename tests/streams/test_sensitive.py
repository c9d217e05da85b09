"""Personal and security data: in no catalog and in no record unless `include_sensitive` is on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from stand_in.history import History
from stand_in.server import Api, serving
from stand_in.world import JOBS, World
from tap_dagctl.streams import STREAMS
from tests.support.at_request import refuse
from tests.support.catalogs import deselect, selecting
from tests.support.meltano import Meltano
from tests.support.syncs import Json, Tap, run_tap
from tests.support.truth import KEYS, difference, in_messages, plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.syncs import Output

LISTS: list[Any] = [stream for stream in STREAMS if stream.is_sensitive]
SENSITIVE = {stream.name: stream.rows_key for stream in LISTS}
PATHS = {stream.name: stream.path for stream in LISTS}
SECRET = "a secret somebody wrote into the wrong place"  # noqa: S105 - made up, looked for


@pytest.fixture
def api() -> Iterator[Api]:
    world = History(World(), days=10).world
    for project in world.projects.values():
        for row in project.tables[JOBS].values():
            row["environment"] = {"KEY": SECRET}
    with serving(world) as api:
        yield api


def discovered(tap: Tap, **settings: Any) -> Json:
    catalog: Json = json.loads(tap("--discover", **settings).stdout)
    return catalog


def fields(catalog: Json) -> dict[str, set[str]]:
    return {it["tap_stream_id"]: set(it["schema"]["properties"]) for it in catalog["streams"]}


def check_without(api: Api, output: Output) -> None:
    """Nothing of it was asked for, described or sent, under whatever name."""
    assert output.exit_code == 0, output.stderr
    assert not any(request.path.endswith(tuple(PATHS.values())) for request in api.requests)
    assert len(output.records("jobs")) == len(listed_jobs(api)) > 3
    assert SECRET not in output.stdout + output.stderr
    assert not SENSITIVE.keys() & output.schemas.keys()
    assert "environment" not in output.schemas["jobs"]["schema"]["properties"]


def listed_jobs(api: Api) -> list[Json]:
    return [row for key in api.world.projects for row in api.world.rows(JOBS, key)]


def test_no_catalog_lists_it_unasked(tap: Tap, tmp_path: Path, catalog: Json) -> None:
    without, everything = fields(catalog), fields(discovered(tap, include_sensitive=True))

    assert set(without) == {*KEYS, "syncs"}
    assert "environment" not in without["jobs"]
    assert fields(discovered(tap)) == without
    assert set(everything) == {*KEYS, *SENSITIVE, "syncs"}
    assert everything["jobs"] == {*without["jobs"], "environment"}
    alone = run_tap(tmp_path, {"include_sensitive": True}, "--discover")
    assert fields(json.loads(alone.stdout)) == everything


@pytest.mark.parametrize("is_old", [False, True])
def test_who_selects_all_does_not_get_it(api: Api, tap: Tap, catalog: Json, is_old: bool) -> None:
    if is_old:
        catalog = discovered(tap, include_sensitive=True)
        deselect(catalog, "jobs", "environment")
    for output in (tap(catalog=selecting(catalog, KEYS)), tap()):
        check_without(api, output)
        assert output.warnings == []


def test_an_old_catalog_that_selects_it_is_told_once_what_to_set(api: Api, tap: Tap) -> None:
    catalog = discovered(tap, include_sensitive=True)
    output = tap(catalog=selecting(catalog, [*KEYS, *SENSITIVE]))

    check_without(api, output)
    (warning,) = output.warnings
    assert (
        "The catalog selects jobs.environment, environment_protections, environment_variables, "
        "members, invitations, which is left out: it may hold personal or security data, and is "
        "loaded only with include_sensitive: true" in warning
    )
    catalog["streams"] = [it for it in catalog["streams"] if it["tap_stream_id"] in SENSITIVE]
    output = tap(catalog=catalog).succeeded
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
        row["id"]: {"KEY": SECRET} for row in listed_jobs(api)
    }


def test_a_token_without_the_permission_fails_that_stream_alone(api: Api, tap: Tap) -> None:
    api.world.permissions.clear()
    output = tap(include_sensitive=True)

    assert output.error == (
        "GET /environment-protections: the server answered 403 (manage_secrets is needed): give "
        "the token the permission manage_secrets in dagctl, or deselect environment_protections"
    )
    others = {*KEYS, *SENSITIVE} - {"environment_protections"}
    assert output.sent.keys() == others
    catalog = selecting(discovered(tap, include_sensitive=True), others)
    assert tap(catalog=catalog, include_sensitive=True).exit_code == 0


@pytest.mark.parametrize(
    ("stream", "status"),
    [("environment_protections", 404), ("members", 403), ("invitations", 410)],
)
def test_a_refused_list_says_what_to_do(api: Api, tap: Tap, stream: str, status: int) -> None:
    refuse(api, {PATHS[stream]: status})
    output = tap(include_sensitive=True)

    assert output.error.startswith(f"GET {PATHS[stream]}: the server answered {status}: give the ")
    assert output.error.endswith(f"or deselect {stream}")
    assert len(output.records("jobs")) == len(listed_jobs(api))


def rows_of(directory: Path) -> dict[str, list[Json]]:
    """Return what target-jsonl wrote, and begin anew."""
    found = {}
    for path in (directory / "output").glob("*.jsonl"):
        found[path.stem] = [json.loads(line) for line in path.read_text().splitlines()]
        path.unlink()
    return found


@pytest.mark.programs
def test_meltano_loads_it_only_if_it_is_switched_on_and_selected(api: Api, tmp_path: Path) -> None:
    meltano = Meltano.of(api, tmp_path)
    meltano.run("tap-dagctl", "target-jsonl")
    without = rows_of(tmp_path)
    assert set(without) == {*KEYS, "syncs"}
    assert SECRET not in json.dumps(without)

    meltano.environment["TAP_DAGCTL_INCLUDE_SENSITIVE"] = "true"
    done = meltano("select", "tap-dagctl", "members", "*")
    assert done.returncode == 0, done.stdout + done.stderr
    meltano.run("--full-refresh", "tap-dagctl", "target-jsonl")
    (members,) = rows_of(tmp_path).items()
    assert members[0] == "members"
    assert {row["id"] for row in members[1]} == {*api.world.organization["members"]}

    # What was selected stays in meltano.yml, and is not enough.
    del meltano.environment["TAP_DAGCTL_INCLUDE_SENSITIVE"]
    meltano("run", "--full-refresh", "tap-dagctl", "target-jsonl")
    assert rows_of(tmp_path) == {}
