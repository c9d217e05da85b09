"""Catalogs and stream maps as people really write them: shortened, changed, and wrong."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from stand_in.server import Api
from tap_dagctl.tap import TapDagctl
from tests.support.catalogs import deselect, entry, metadata, selecting
from tests.support.syncs import Json, Tap, handlers_kept
from tests.support.truth import KEYS

PROJECT_STREAMS = KEYS.keys() - {"projects"}
HASHED = {"id": "md5(id)"}


@pytest.fixture
def api(api: Api) -> Api:
    for project in ("proj_a", "proj_b"):
        run = {"status": "success", "queue": "big", "job_name": "job"}
        api.world.put("runs", project, {"id": f"run_{project}", **run})
        api.world.put("plans", project, {"id": f"plan_{project}"})
        resources = {"cpu": "1", "memory": "2Gi"}
        api.world.put("jobs", project, {"id": f"job_{project}", "resources": resources})
        execution = {"id": f"exec_{project}", "run_id": f"run_{project}", "model_name": "sales"}
        api.world.put("executions", project, execution)
    api.world.advance(hours=1)
    return api


def listing(catalog: Json, stream: str, *, alone: bool) -> Json:
    """Return `catalog` with one stream selected; with `alone`, it lists no other."""
    selecting(catalog, [stream])
    if alone:
        catalog["streams"] = [it for it in catalog["streams"] if it["tap_stream_id"] == stream]
    return catalog


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("stream", sorted(PROJECT_STREAMS))
def test_a_catalog_may_select_one_stream_or_list_it_alone(
    api: Api, catalog: Json, tap: Tap, stream: str, *, alone: bool
) -> None:
    whole = tap()
    api.requests.clear()
    output = tap(catalog=listing(catalog, stream, alone=alone)).succeeded

    assert output.sent == {stream: whole.records(stream)}
    assert len(whole.records(stream)) == 2
    assert set(output.schemas) == {stream}
    # The projects, and that list of each of the two.
    assert len({request.path for request in api.requests}) == 3


def test_what_an_entry_does_not_say_is_as_the_tap_has_it(api: Api, catalog: Json, tap: Tap) -> None:
    whole = tap(catalog=catalog)
    optional = ("stream", "key_properties", "replication_key", "replication_method", "schema")
    bare = {"tap_stream_id", "metadata"}
    for kept in (*({*optional} - {name} for name in optional), set[str]()):
        shorter = []
        for whole_entry in catalog["streams"]:
            # Nor does the metadata say it.
            selected = whole_entry["metadata"][-1]["metadata"]["selected"]
            told = [{"breadcrumb": [], "metadata": {"selected": selected}}]
            known = {name: it for name, it in whole_entry.items() if name in kept | bare}
            shorter.append(known | {"metadata": told})
        output = tap(catalog={"streams": shorter})

        assert (output.schemas, output.sent) == (whole.schemas, whole.sent)
        assert output.state == whole.state
    # Statistics that are read again are not sent again, though no key is told.
    api.world.advance(days=1)
    api.world.put("runs", "proj_a", {"id": "later", "status": "success"})
    again = [tap(catalog=it, state=whole.state) for it in (catalog, {"streams": shorter})]
    assert again[0].sent == again[1].sent
    assert len(again[1].records("daily_stats")) == 1


def test_an_entry_that_says_nothing_is_selected(tap: Tap) -> None:
    output = tap(catalog={"streams": [{"tap_stream_id": name} for name in KEYS]}).succeeded

    assert {name: len(rows) for name, rows in output.sent.items()} == dict.fromkeys(KEYS, 2)
    assert {name: tuple(it["key_properties"]) for name, it in output.schemas.items()} == KEYS


@pytest.mark.parametrize("content", [{"streams": []}, {"streams": [{"tap_stream_id": "rums"}]}])
def test_a_catalog_selects_nothing(api: Api, tap: Tap, content: Json) -> None:
    output = tap(catalog=content).succeeded

    assert "The catalog selects no stream of this tap, so nothing is read" in output.stderr
    assert api.requests == []


@pytest.mark.parametrize(
    ("maps", "leaves"),
    [
        ({"proj*": None}, {}),
        ({"projects": {"__filter__": "name == 'finance'"}}, {"projects": 1}),
        ({"projects": {"__alias__": "accounts"}}, {"accounts": 2}),
        ({"projects": None, "accounts": {"__source__": "projects"}}, {"accounts": 2}),
        ({"projects": {"id": None, "__key_properties__": []}}, {"projects": 2}),
        ({"projects": {"__else__": None, **HASHED}}, {"projects": 2}),
        ({"copy": {"__source__": "runs"}}, {"projects": 2, "copy": 2}),
    ],
)
def test_what_is_below_mapped_projects_comes(tap: Tap, maps: Json, leaves: dict[str, int]) -> None:
    plain = tap().sent
    found = tap(stream_maps=maps).succeeded.sent

    del plain["projects"]
    assert {name: found.pop(name) for name in plain} == plain
    assert {name: len(rows) for name, rows in found.items()} == leaves


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize(
    "maps",
    [
        {"*": {"__alias__": "'dagctl_' + __stream_name__"}},
        # A map that other streams could not have: they lack the field, or it is their key.
        {"*": {"__key_properties__": ["id", "project_id"]}},
        {"*": {"project_id": None}},
        {"daily_stats": {"day": "date"}, "members": {"email": "md5(email)"}},
        {"projects": HASHED, "copy": {"__source__": "jobs"}},
        {"__else__": None, "runs": {"loaded_by": "'tap'"}, "jobs": {"name": "md5(name)"}},
    ],
)
def test_a_map_may_name_a_stream_that_is_not_selected(
    catalog: Json, tap: Tap, maps: Json, *, alone: bool
) -> None:
    output = tap(catalog=listing(catalog, "runs", alone=alone), stream_maps=maps).succeeded

    ((stream, rows),) = output.sent.items()
    assert stream in {"runs", "dagctl_runs"}
    assert [row["id"] for row in rows] == ["run_proj_a", "run_proj_b"]


@pytest.mark.parametrize("option", ["--test", "--test=schema"])
def test_a_map_over_all_streams_does_not_hinder_the_connection_test(tap: Tap, option: str) -> None:
    output = tap(option, stream_maps={"*": {"loaded_by": "'tap'"}}).succeeded

    assert set(output.schemas) >= KEYS.keys()
    assert all(it["schema"]["properties"] for it in output.schemas.values())


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("md5(pod_name)", "AttributeError: "),
        ("int(status)", "ValueError: "),
        (
            "fake.name()",
            "NameNotDefined: 'fake' is not defined for expression 'fake.name()'; `fake`",
        ),
    ],
)
@pytest.mark.parametrize("place", ["status", "__filter__"])
def test_an_expression_fails_on_a_row(tap: Tap, expression: str, why: str, place: str) -> None:
    output = tap(stream_maps={"runs": {place: expression}})

    assert output.error.startswith(f"stream_maps: an expression fails on a row of runs: {why}")
    assert tap(state=output.state).ids("runs") == ["run_proj_a", "run_proj_b"]


@pytest.fixture
def chosen(catalog: Json) -> Json:
    return selecting(catalog, ["runs", "jobs"])


def fields(catalog: Json, stream: str) -> Any:
    return entry(catalog, stream)["schema"]["properties"]


def test_what_the_catalog_does_not_allow_is_kept(tap: Tap, chosen: Json) -> None:
    fields(chosen, "runs")["job_name"] = {"type": ["string"], "maxLength": 2}
    fields(chosen, "runs")["queue"] = {"type": "integer"}
    # Nor does it name all that is in an object.
    fields(chosen, "jobs")["resources"]["properties"] = {"cpu": {"type": "string"}}
    output = tap(catalog=chosen)

    for run in output.records("runs"):
        assert (run["job_name"], run["queue"]) == (None, None)
        assert run["additional_properties"] == {"job_name": "job", "queue": "big"}
    for job in output.records("jobs"):
        assert job["resources"] == {"cpu": "1", "memory": "2Gi"}
    assert [line.split("| ")[-1] for line in output.warnings if " runs: " in line] == [
        f"runs: field '{name}' has a value that the catalog does not allow; it is kept in "
        "additional_properties"
        for name in ("job_name", "queue")
    ]


@pytest.mark.parametrize(
    ("field", "schema", "why"),
    [
        ("duration_seconds", {"type": "integer"}, "not every number fits integer;"),
        ("additional_properties", {"type": ["null"]}, "not every object fits null;"),
        ("created_at", {"type": "string", "format": "date"}, "not every date-time fits date;"),
        ("id", {"type": "string", "maxLength": 3}, "it is never null, and so may have no other"),
        ("pod_name", {"type": "text"}, "'text' is not valid under any of the given schemas"),
    ],
)
def test_a_schema_that_records_cannot_fit_is_one_line(
    tap: Tap, chosen: Json, field: str, schema: Json, why: str
) -> None:
    fields(chosen, "runs")[field] = schema
    line = f"The catalog's schema of runs.{field} cannot be used: {why}"

    assert tap.refused(catalog=chosen).startswith(line)
    # Of a stream that is not selected, nothing is read.
    assert tap(catalog=selecting(chosen, ["jobs"])).exit_code == 0


KEY, METHOD = "table-key-properties", "replication-method"


@pytest.mark.parametrize(
    ("stream", "place", "change", "line"),
    [
        ("runs", entry, {"key_properties": ["nope"]}, "runs cannot have the key nope, only id;"),
        ("runs", metadata, {KEY: ["id", "status"]}, "the key id, status,"),
        ("runs", metadata, {"replication-key": "created_at"}, "runs cannot be replicated by c"),
        ("jobs", metadata, {"replication-key": "updated_at"}, "jobs cannot be replicated by u"),
        ("jobs", metadata, {METHOD: "INCREMENTAL"}, "by INCREMENTAL, only"),
        ("jobs", entry, {"replication_method": "INCREMENTAL"}, "by INCREMENTAL, only"),
        ("jobs", entry, {"key_properties": 7}, "Expected `array | null`, got `int` - at `$.stre"),
        ("jobs", entry, {"schema": None}, "Expected `object`, got `null` - at `$.streams["),
        ("jobs", entry, {"metadata": [{}]}, "missing required field `breadcrumb` - at `$.str"),
        ("jobs", entry, {"replication_method": "LOG_BASED"}, "Invalid enum value 'LOG_BASED' -"),
    ],
)
def test_what_cannot_be_heeded_is_one_line(
    tap: Tap, chosen: Json, stream: str, place: Any, change: Json, line: str
) -> None:
    place(chosen, stream).update(change)
    assert line in tap.refused(catalog=chosen)


@pytest.mark.parametrize("content", [{"bookmarks": {}}, {"streams": {}}, {"streams": ["runs"]}])
def test_a_file_that_is_no_catalog_is_one_line(tap: Tap, content: Json) -> None:
    error = tap.refused(catalog=content)

    assert error.startswith("The catalog cannot be read: ")
    assert "tap-dagctl --discover" in error


def test_an_unchanged_catalog_is_free(chosen: Json, monkeypatch: pytest.MonkeyPatch) -> None:
    # To check the schema of each field takes as long as starting the tap otherwise does.
    monkeypatch.delattr(Draft202012Validator, "check_schema")
    fields(chosen, "runs")["pod_name"]["description"] = "Where it ran."
    config = {"api_token": "dctl_made_up", "organization_id": "org"}
    with handlers_kept():
        streams = TapDagctl(config=config, catalog=chosen).streams
    for name in ("runs", "jobs"):
        assert streams[name]._are_records_final, name  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("place", "name"),
    [
        # Meltano writes it beside the metadata.
        (entry, "replication_method"),
        (metadata, "replication-method"),
        (metadata, "forced-replication-method"),
    ],
)
def test_a_method_is_heeded(tap: Tap, chosen: Json, place: Any, name: str) -> None:
    first = tap(catalog=chosen)
    assert tap(catalog=chosen, state=first.state).records("runs") == []

    place(chosen, "runs")[name] = "FULL_TABLE"
    again = tap(catalog=chosen, state=first.state)
    assert again.records("runs") == first.records("runs")
    assert again.state["bookmarks"]["runs"] == first.state["bookmarks"]["runs"]


@pytest.mark.parametrize(
    ("place", "name"), [(entry, "key_properties"), (metadata, "table-key-properties")]
)
def test_no_key_is_left_out_and_the_catalog_may_add_one(
    tap: Tap, chosen: Json, place: Any, name: str
) -> None:
    deselect(chosen, "runs", "id", "updated_at", "project_id")
    run, _ = tap(catalog=chosen).records("runs")
    assert run.keys() & {"id", "updated_at", "project_id"} == {"id", "updated_at"}

    place(chosen, "runs")[name] = keys = ["project_id", "id"]
    output = tap(catalog=chosen)
    assert output.schemas["runs"]["key_properties"] == keys
    projects = [row["project_id"] for row in output.records("runs")]
    assert projects == ["proj_a", "proj_b"]
