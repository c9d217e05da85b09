"""Catalogs that people change: fields, types, keys and replication are heeded or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from tap_dagctl.tap import TapDagctl
from tests.support.catalogs import deselect, entry, metadata, selecting
from tests.support.syncs import Json, Tap, handlers_kept

if TYPE_CHECKING:
    from stand_in.server import Api


@pytest.fixture
def api(api: Api) -> Api:
    api.world.put("runs", "proj_a", {"id": "run", "queue": "big", "job_name": "job"})
    api.world.put("jobs", "proj_a", {"id": "job"})
    api.world.advance(hours=1)
    return api


@pytest.fixture
def catalog(catalog: Json) -> Json:
    return selecting(catalog, ["runs", "jobs"])


def fields(catalog: Json, stream: str) -> Any:
    return entry(catalog, stream)["schema"]["properties"]


def test_what_the_catalog_does_not_allow_is_kept(api: Api, tap: Tap, catalog: Json) -> None:
    fields(catalog, "runs")["job_name"] = {"type": ["string"], "maxLength": 2}
    fields(catalog, "runs")["queue"] = {"type": "integer"}
    api.world.put("runs", "proj_b", {"id": "another", "queue": "big", "job_name": "job"})
    output = tap(catalog=catalog)

    (run, _) = output.records("runs")
    assert (run["job_name"], run["queue"]) == (None, None)
    assert run["additional_properties"] == {"job_name": "job", "queue": "big"}
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
    tap: Tap, catalog: Json, field: str, schema: Json, why: str
) -> None:
    fields(catalog, "runs")[field] = schema
    line = f"The catalog's schema of runs.{field} cannot be used: {why}"

    assert tap.refused(catalog=catalog).startswith(line)
    # Of a stream that is not selected, nothing is read.
    assert tap(catalog=selecting(catalog, ["jobs"])).exit_code == 0


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
    tap: Tap, catalog: Json, stream: str, place: Any, change: Json, line: str
) -> None:
    place(catalog, stream).update(change)
    assert line in tap.refused(catalog=catalog)


@pytest.mark.parametrize("content", [{"bookmarks": {}}, {"streams": {}}, {"streams": ["runs"]}])
def test_a_file_that_is_no_catalog_is_one_line(tap: Tap, content: Json) -> None:
    error = tap.refused(catalog=content)

    assert error.startswith("The catalog cannot be read: ")
    assert "tap-dagctl --discover" in error


def test_an_unchanged_catalog_is_free(catalog: Json, monkeypatch: pytest.MonkeyPatch) -> None:
    # To check the schema of each field takes as long as starting the tap otherwise does.
    monkeypatch.delattr(Draft202012Validator, "check_schema")
    fields(catalog, "runs")["pod_name"]["description"] = "Where it ran."
    config = {"api_token": "dctl_made_up", "organization_id": "org"}
    with handlers_kept():
        streams = TapDagctl(config=config, catalog=catalog).streams
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
def test_a_method_is_heeded(tap: Tap, catalog: Json, place: Any, name: str) -> None:
    first = tap(catalog=catalog)
    assert tap(catalog=catalog, state=first.state).records("runs") == []

    place(catalog, "runs")[name] = "FULL_TABLE"
    again = tap(catalog=catalog, state=first.state)
    assert again.records("runs") == first.records("runs")
    assert again.state["bookmarks"]["runs"] == first.state["bookmarks"]["runs"]


@pytest.mark.parametrize(
    ("place", "name"), [(entry, "key_properties"), (metadata, "table-key-properties")]
)
def test_no_key_is_left_out_and_the_catalog_may_add_one(
    tap: Tap, catalog: Json, place: Any, name: str
) -> None:
    deselect(catalog, "runs", "id", "updated_at", "project_id")
    (run,) = tap(catalog=catalog).records("runs")
    assert run.keys() & {"id", "updated_at", "project_id"} == {"id", "updated_at"}

    place(catalog, "runs")[name] = keys = ["project_id", "id"]
    output = tap(catalog=catalog)
    assert output.schemas["runs"]["key_properties"] == keys
    assert [[row[key] for key in keys] for row in output.records("runs")] == [["proj_a", "run"]]
