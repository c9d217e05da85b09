"""Catalogs and stream maps as people really write them: parts left out, streams left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.catalogs import selecting
from tests.support.truth import KEYS

if TYPE_CHECKING:
    from stand_in.server import Api
    from tests.support.syncs import Json, Tap

PROJECT_STREAMS = KEYS.keys() - {"projects"}


@pytest.fixture
def api(api: Api) -> Api:
    for project in ("proj_a", "proj_b"):
        api.world.put("runs", project, {"id": f"run_{project}", "status": "success"})
        api.world.put("plans", project, {"id": f"plan_{project}"})
        api.world.put("jobs", project, {"id": f"job_{project}", "environment": {"SECRET": "x"}})
        execution = {"id": f"exec_{project}", "run_id": f"run_{project}", "model_name": "sales"}
        api.world.put("executions", project, execution)
    api.world.advance(hours=1)
    return api


@pytest.mark.parametrize("is_listed", [True, False])
@pytest.mark.parametrize("stream", sorted(PROJECT_STREAMS))
def test_a_catalog_may_select_one_stream_or_list_it_alone(
    api: Api, catalog: Json, tap: Tap, stream: str, *, is_listed: bool
) -> None:
    whole = tap()
    api.requests.clear()
    selecting(catalog, [stream])
    if not is_listed:
        catalog["streams"] = [it for it in catalog["streams"] if it["tap_stream_id"] == stream]
    output = tap(catalog=catalog).succeeded

    assert output.sent == {stream: whole.records(stream)}
    assert len(whole.records(stream)) == 2
    assert set(output.schemas) == {stream}
    # The projects, and that list of each of the two.
    assert len({request.path for request in api.requests}) == 3


def test_what_an_entry_does_not_say_is_as_the_tap_has_it(catalog: Json, tap: Tap) -> None:
    whole = tap(catalog=catalog)
    optional = ("stream", "key_properties", "replication_key", "replication_method", "schema")
    for left_out in (*([name] for name in optional), optional):
        shorter = {
            "streams": [
                {name: value for name, value in entry.items() if name not in left_out}
                for entry in catalog["streams"]
            ]
        }
        for entry in shorter["streams"]:
            # Nor does the metadata say it.
            selected = entry["metadata"][-1]["metadata"]["selected"]
            entry["metadata"] = [{"breadcrumb": [], "metadata": {"selected": selected}}]
        output = tap(catalog=shorter)

        assert (output.schemas, output.sent) == (whole.schemas, whole.sent)
        assert output.state == whole.state


def test_an_entry_that_says_nothing_is_selected(tap: Tap) -> None:
    output = tap(
        catalog={"streams": [{"tap_stream_id": name} for name in PROJECT_STREAMS]}
    ).succeeded

    assert {name: len(rows) for name, rows in output.sent.items()} == dict.fromkeys(
        PROJECT_STREAMS, 2
    )
    assert {name: tuple(it["key_properties"]) for name, it in output.schemas.items()} == {
        name: KEYS[name] for name in PROJECT_STREAMS
    }


def test_statistics_without_keys_are_not_sent_again(api: Api, catalog: Json, tap: Tap) -> None:
    for entry in catalog["streams"]:
        del entry["key_properties"], entry["metadata"][-1]["metadata"]["table-key-properties"]
    for day in range(3):
        api.world.advance(days=1)
        api.world.put("runs", "proj_a", {"id": f"later_{day}", "status": "success"})
    first = tap(catalog=catalog)
    again = tap(catalog=catalog, state=first.state)

    assert len(first.records("daily_stats")) > 2
    assert again.records("daily_stats") == again.records("model_stats") == []


@pytest.mark.parametrize("content", [{"streams": []}, {"streams": [{"tap_stream_id": "rums"}]}])
def test_a_catalog_selects_nothing(api: Api, tap: Tap, content: Json) -> None:
    output = tap(catalog=content).succeeded

    assert "The catalog selects no stream of this tap, so nothing is read" in output.stderr
    assert api.requests == []


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"key_properties": 7}, "Expected `array | null`, got `int` - at `$.streams[0].key_prop"),
        ({"schema": None}, "Expected `object`, got `null` - at `$.streams[0].schema`"),
        ({"metadata": [{}]}, "missing required field `breadcrumb` - at `$.streams[0].metadata[0]`"),
        ({"replication_method": "LOG_BASED"}, "Invalid enum value 'LOG_BASED' - at `$.streams[0]"),
        ({"replication_key": "name"}, "daily_stats cannot be replicated by name, only by date"),
    ],
)
def test_a_catalog_that_cannot_be_read_is_one_line(
    catalog: Json, tap: Tap, change: Json, line: str
) -> None:
    catalog["streams"][0].update(change)
    assert line in tap.refused(catalog=catalog)


@pytest.mark.parametrize("content", [{"bookmarks": {}}, {"streams": {}}, {"streams": ["runs"]}])
def test_a_file_that_is_no_catalog_is_one_line(tap: Tap, content: Json) -> None:
    error = tap.refused(catalog=content)

    assert error.startswith("The catalog cannot be read: ")
    assert "tap-dagctl --discover" in error


HASHED = {"id": "md5(id)"}
KEYLESS: Json = {"id": None, "__key_properties__": []}


@pytest.mark.parametrize(
    ("maps", "leaves"),
    [
        ({"projects": None}, {}),
        ({"proj*": None}, {}),
        ({"projects": {"__filter__": "name == 'finance'"}}, {"projects": 1}),
        ({"projects": {"__alias__": "accounts"}}, {"accounts": 2}),
        ({"projects": None, "accounts": {"__source__": "projects"}}, {"accounts": 2}),
        ({"projects": HASHED}, {"projects": 2}),
        ({"projects": KEYLESS}, {"projects": 2}),
        ({"projects": {"__else__": None, **HASHED}}, {"projects": 2}),
    ],
)
def test_what_is_below_mapped_projects_comes(tap: Tap, maps: Json, leaves: dict[str, int]) -> None:
    plain = tap().sent
    output = tap(stream_maps=maps).succeeded

    found = output.sent
    assert {name: found[name] for name in PROJECT_STREAMS} == {
        name: plain[name] for name in PROJECT_STREAMS
    }
    others = found.keys() - PROJECT_STREAMS
    assert {name: len(found[name]) for name in others} == leaves


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize(
    "maps",
    [
        {"*": {"loaded_by": "'tap'"}},
        {"*": {"__alias__": "'dagctl_' + __stream_name__"}},
        # A map that other streams could not have: they lack the field, or it is their key.
        {"*": {"__key_properties__": ["id", "project_id"]}},
        {"*": {"project_id": None}},
        {"daily_stats": {"day": "date"}, "members": {"email": "md5(email)"}},
        {"projects": {"id": "md5(id)"}, "copy": {"__source__": "jobs"}},
        {"__else__": None, "runs": {"loaded_by": "'tap'"}, "jobs": {"name": "md5(name)"}},
    ],
)
def test_a_map_may_name_a_stream_that_is_not_selected(
    catalog: Json, tap: Tap, maps: Json, *, listed: bool
) -> None:
    selecting(catalog, ["runs"])
    if not listed:
        catalog["streams"] = [it for it in catalog["streams"] if it["tap_stream_id"] == "runs"]
    output = tap(catalog=catalog, stream_maps=maps).succeeded

    ((stream, rows),) = output.sent.items()
    assert stream in {"runs", "dagctl_runs"}
    assert [row["id"] for row in rows] == ["run_proj_a", "run_proj_b"]


@pytest.mark.parametrize("option", ["--test", "--test=schema"])
def test_a_map_over_all_streams_does_not_hinder_the_connection_test(tap: Tap, option: str) -> None:
    output = tap(option, stream_maps={"*": {"loaded_by": "'tap'"}}).succeeded

    assert set(output.schemas) >= PROJECT_STREAMS | {"projects"}
    assert all(it["schema"]["properties"] for it in output.schemas.values())


def test_fake_data_needs_a_package_that_the_message_names(tap: Tap) -> None:
    output = tap(stream_maps={"runs": {"x": "fake.name()"}})

    assert output.error.endswith(
        "NameNotDefined: 'fake' is not defined for expression 'fake.name()'; `fake` needs the "
        "package faker: install it beside the tap"
    )


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("md5(pod_name)", "AttributeError"),
        ("int(status)", "ValueError"),
        ("nope", "NameNotDefined"),
    ],
)
@pytest.mark.parametrize("place", ["status", "__filter__"])
def test_an_expression_fails_on_a_row(tap: Tap, expression: str, why: str, place: str) -> None:
    output = tap(stream_maps={"runs": {place: expression}})

    assert output.error.startswith(f"stream_maps: an expression fails on a row of runs: {why}: ")
    again = tap(state=output.state)
    assert again.ids("runs") == ["run_proj_a", "run_proj_b"]
