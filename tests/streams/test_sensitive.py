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
    for row in listed_jobs(world):
        row["environment"] = {"KEY": SECRET}
    with serving(world) as api:
        yield api


@pytest.fixture
def everything(tmp_path: Path) -> Json:
    """What is discovered with `include_sensitive`."""
    output = run_tap(tmp_path, {"include_sensitive": True}, "--discover")
    catalog: Json = json.loads(output.stdout)
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


def test_who_selects_all_does_not_get_it(
    api: Api, tap: Tap, catalog: Json, everything: Json
) -> None:
    deselect(everything, "jobs", "environment")
    for given in (selecting(catalog, KEYS), selecting(everything, KEYS), None):
        output = tap(catalog=given)
        check_without(api, output)
        assert output.warnings == []


def test_an_old_catalog_that_selects_it_is_told_once_what_to_set(
    api: Api, tap: Tap, everything: Json
) -> None:
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


def test_a_token_without_the_permission_is_told_which(api: Api, tap: Tap) -> None:
    api.world.permissions.clear()
    assert tap(include_sensitive=True).error == (
        "GET /environment-protections: the server answered 403 (manage_secrets is needed): give "
        "the token the permission manage_secrets in dagctl, or deselect environment_protections"
    )


@pytest.mark.programs
def test_meltano_loads_it_only_if_it_is_switched_on_and_selected(api: Api, tmp_path: Path) -> None:
    def loaded() -> dict[str, str]:
        """Return what target-jsonl wrote, and begin anew."""
        paths = [*(tmp_path / "output").glob("*.jsonl")]
        found = {path.stem: path.read_text() for path in paths}
        for path in paths:
            path.unlink()
        return found

    meltano = Meltano.of(api, tmp_path)
    meltano.run("tap-dagctl", "target-jsonl")
    without = loaded()
    assert set(without) == {*KEYS, "syncs"}
    assert SECRET not in "".join(without.values())

    meltano.environment["TAP_DAGCTL_INCLUDE_SENSITIVE"] = "true"
    assert meltano("select", "tap-dagctl", "members", "*").returncode == 0
    meltano.run("--full-refresh", "tap-dagctl", "target-jsonl")
    ((stream, rows),) = loaded().items()
    assert (stream, rows.count("\n")) == ("members", len(api.world.organization["members"]))

    # What was selected stays in meltano.yml, and is not enough.
    del meltano.environment["TAP_DAGCTL_INCLUDE_SENSITIVE"]
    meltano("run", "--full-refresh", "tap-dagctl", "target-jsonl")
    assert loaded() == {}
