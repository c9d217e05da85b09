"""Catalogs that people change: fields, types, keys and replication are heeded or refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from tap_dagctl.tap import TapDagctl
from tests.support.catalogs import deselect, entry, metadata, selecting
from tests.support.meltano import Meltano
from tests.support.syncs import Json, Output, Tap, handlers_kept

if TYPE_CHECKING:
    from pathlib import Path

    from stand_in.server import Api

RUN = {"id": "run", "pod_name": "pod-7", "duration_seconds": 3.5, "queue": "big", "job_name": "job"}


@pytest.fixture
def api(api: Api) -> Api:
    api.world.put("runs", "proj_a", RUN)
    api.world.put("jobs", "proj_a", {"id": "job", "resources": {"cpu": "1", "memory": "2Gi"}})
    api.world.advance(hours=1)
    return api


@pytest.fixture
def catalog(catalog: Json) -> Json:
    return selecting(catalog, ["runs", "jobs"])


def fields(catalog: Json, stream: str) -> Any:
    return entry(catalog, stream)["schema"]["properties"]


def synced(tap: Tap, catalog: Json, **more: Any) -> Output:
    """Sync, and check each record against the schema before it."""
    output = tap(**more, catalog=catalog).succeeded
    for stream, records in output.sent.items():
        for record in records:
            Draft202012Validator(output.schemas[stream]["schema"]).validate(record)
    return output


def test_a_field_that_is_not_listed_still_comes(tap: Tap, catalog: Json) -> None:
    whole = synced(tap, catalog)
    for name in ("pod_name", "updated_at", "additional_properties", "project_id"):
        del fields(catalog, "runs")[name]
        runs = entry(catalog, "runs")
        runs["metadata"] = [it for it in runs["metadata"] if name not in it["breadcrumb"]]
    fields(catalog, "jobs")["resources"]["properties"] = {"cpu": {"type": ["string", "null"]}}
    output = synced(tap, catalog)

    assert output.records("runs") == whole.records("runs")
    assert output.records("jobs") == whole.records("jobs")
    assert output.schemas["runs"] == whole.schemas["runs"]


def test_what_the_catalog_does_not_allow_is_kept(tap: Tap, catalog: Json) -> None:
    fields(catalog, "runs")["job_name"] = {"type": ["string"], "maxLength": 2}
    fields(catalog, "runs")["queue"] = {"type": "integer"}
    tap.api.world.put("runs", "proj_b", {**RUN, "id": "another"})
    output = synced(tap, catalog)

    (run, _) = output.records("runs")
    assert (run["job_name"], run["queue"]) == (None, None)
    assert run["additional_properties"] == {"job_name": "job", "queue": "big"}
    assert [line.split("| ")[-1] for line in output.warnings if " runs: " in line] == [
        f"runs: field '{name}' has a value that the catalog does not allow; it is kept in "
        "additional_properties"
        for name in ("job_name", "queue")
    ]


def test_what_is_kept_may_be_text(tap: Tap, catalog: Json) -> None:
    fields(catalog, "runs")["additional_properties"] = {"type": ["string", "null"]}
    (run,) = synced(tap, catalog).records("runs")
    assert json.loads(run["additional_properties"]) == {"queue": "big"}


@pytest.mark.parametrize(
    ("field", "schema", "why"),
    [
        ("duration_seconds", {"type": "integer"}, "not every number fits integer;"),
        ("job_name", {"type": ["null", "number"]}, "not every string fits number;"),
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
    ("stream", "place", "change", "line"),
    [
        ("runs", entry, {"key_properties": ["nope"]}, "runs cannot have the key nope, only id;"),
        (
            "runs",
            metadata,
            {"table-key-properties": ["id", "status"]},
            "the key id, status,",
        ),
        (
            "runs",
            metadata,
            {"replication-key": "created_at"},
            "runs cannot be replicated by c",
        ),
        (
            "jobs",
            metadata,
            {"replication-key": "updated_at"},
            "jobs cannot be replicated by u",
        ),
        (
            "jobs",
            metadata,
            {"replication-method": "INCREMENTAL"},
            "by INCREMENTAL, only",
        ),
        ("jobs", entry, {"replication_method": "INCREMENTAL"}, "by INCREMENTAL, only"),
    ],
)
def test_what_cannot_be_heeded_is_one_line(
    tap: Tap, catalog: Json, stream: str, place: Any, change: Json, line: str
) -> None:
    place(catalog, stream).update(change)
    assert line in tap.refused(catalog=catalog)


@pytest.mark.parametrize(
    "name", ["replication_method", "replication-method", "forced-replication-method"]
)
def test_a_method_in_the_metadata_is_heeded(tap: Tap, catalog: Json, name: str) -> None:
    first = synced(tap, catalog)
    assert synced(tap, catalog, state=first.state).records("runs") == []

    # Meltano writes it beside the metadata.
    place = entry if "_" in name else metadata
    place(catalog, "runs")[name] = "FULL_TABLE"
    again = synced(tap, catalog, state=first.state)
    assert again.records("runs") == first.records("runs")
    assert again.state["bookmarks"]["runs"] == first.state["bookmarks"]["runs"]


@pytest.mark.parametrize(
    ("place", "name"), [(entry, "key_properties"), (metadata, "table-key-properties")]
)
def test_a_key_with_the_project(tap: Tap, catalog: Json, place: Any, name: str) -> None:
    place(catalog, "runs")[name] = keys = ["project_id", "id"]
    output = synced(tap, catalog)
    assert output.schemas["runs"]["key_properties"] == keys


@pytest.mark.parametrize("field", ["id", "updated_at"])
def test_no_key_is_left_out(tap: Tap, catalog: Json, field: str) -> None:
    deselect(catalog, "runs", field)
    (run,) = synced(tap, catalog).records("runs")
    assert run[field]


def test_no_key_that_the_catalog_adds_is_left_out(tap: Tap, catalog: Json) -> None:
    deselect(catalog, "runs", "project_id")
    (run,) = synced(tap, catalog).records("runs")
    assert "project_id" not in run

    entry(catalog, "runs")["key_properties"] = ["project_id", "id"]
    (run,) = synced(tap, catalog).records("runs")
    assert run["project_id"] == "proj_a"


@pytest.mark.programs
def test_meltanos_schema_changes_and_adds_fields(api: Api, tmp_path: Path) -> None:
    meltano = Meltano.of(api, tmp_path)
    changes = {name: {"type": "string"} for name in ("queue", "duration_seconds", "priority")}
    meltano.environment["TAP_DAGCTL__SCHEMA"] = json.dumps({"runs": changes})
    meltano.environment["TAP_DAGCTL__SELECT"] = json.dumps(["runs.*"])
    log = meltano.run("tap-dagctl", "target-jsonl")

    assert "is not in the schema" not in log
    (run,) = map(json.loads, (tmp_path / "output" / "runs.jsonl").read_text().splitlines())
    assert (run["duration_seconds"], run["queue"], run["priority"]) == ("3.5", "big", None)
    assert run["additional_properties"] is None
