"""Jobs, plans, and what is off until selected: rows as the API holds them, and nothing unasked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.dagctl_api.history import History
from tests.dagctl_api.server import Api, Reply, serving
from tests.dagctl_api.world import INVITATIONS, MEMBERS, PLANS, PROTECTIONS, World
from tests.syncs import Output, config_of, run_tap, selecting
from tests.truth import difference, in_messages, plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GUARDED = {
    "environment_protections": PROTECTIONS,
    "members": MEMBERS,
    "invitations": INVITATIONS,
}


@pytest.fixture
def api() -> Iterator[Api]:
    with serving(History(World(), days=30).world) as api:
        yield api


@pytest.fixture
def catalog(tmp_path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run_tap(tmp_path, None, "--discover").stdout)
    return found


def plans(output: Output) -> list[tuple[str, str]]:
    return [(row["id"], row["status"]) for row in output.records("plans")]


def test_of_plans_only_what_changed_is_sent(api: Api, tmp_path: Path) -> None:
    config = config_of(api, page_size=2)
    first = run_tap(tmp_path, config)
    listed = [row for key in api.world.projects for row in api.world.rows(PLANS, key)]
    assert len(listed) > 15
    assert sorted(plans(first)) == sorted((row["id"], row["status"]) for row in listed)

    idle = run_tap(tmp_path, config, state=first.state)
    assert plans(idle) == []

    api.world.advance(hours=1)
    changed = listed[3]
    api.world.change(PLANS, changed["project_id"], changed["id"], status="cancelled")
    second = run_tap(tmp_path, config, state=idle.state)
    assert plans(second) == [(changed["id"], "cancelled")]
    assert plans(run_tap(tmp_path, config, state=second.state)) == []
    asked = [request.params for request in api.requests if request.path.endswith("/plans")]
    assert not any("updated_after" in params for params in asked)


def test_plans_before_start_date_are_left_out(api: Api, tmp_path: Path) -> None:
    listed = [row for key in api.world.projects for row in api.world.rows(PLANS, key)]
    day = sorted(row["updated_at"] for row in listed)[len(listed) // 2][:10]
    expected = sorted(row["id"] for row in listed if row["updated_at"] >= day)
    assert 0 < len(expected) < len(listed)
    config = config_of(api, start_date=day)
    catalog = json.loads(run_tap(tmp_path, None, "--discover").stdout)
    for entry in catalog["streams"]:
        for metadata in entry["metadata"]:
            metadata["metadata"].setdefault("selected", True)

    assert sorted(key for key, _ in plans(run_tap(tmp_path, config))) == expected
    # Without a bookmark, too.
    for entry in catalog["streams"]:
        if entry["tap_stream_id"] == "plans":
            entry["replication_method"] = "FULL_TABLE"
    full = run_tap(tmp_path, config, catalog=selecting(catalog, ["plans"]))
    assert sorted(key for key, _ in plans(full)) == expected


def test_the_environment_of_a_job_is_sent_only_if_selected(
    api: Api, catalog: dict[str, Any], tmp_path: Path
) -> None:
    by_default = run_tap(tmp_path, config_of(api))
    assert by_default.records("jobs")
    assert not any("environment" in row for row in by_default.records("jobs"))

    chosen = selecting(catalog, ["jobs"])
    as_discovered = run_tap(tmp_path, config_of(api), catalog=chosen)
    assert not any("environment" in row for row in as_discovered.records("jobs"))

    for entry in chosen["streams"]:
        for metadata in entry["metadata"]:
            if metadata["breadcrumb"] == ["properties", "environment"]:
                metadata["metadata"]["selected"] = True
    selected = run_tap(tmp_path, config_of(api), catalog=chosen)
    assert {json.dumps(row["environment"]) for row in selected.records("jobs")} == {
        '{"TARGET": "prod"}'
    }


def test_what_is_guarded_is_not_even_asked_for_until_it_is_selected(
    api: Api, catalog: dict[str, Any], tmp_path: Path
) -> None:
    output = run_tap(tmp_path, config_of(api))
    assert output.exit_code == 0, output.stderr
    assert not any("organizations" in request.path for request in api.requests)
    assert not any("protections" in request.path for request in api.requests)

    selected = run_tap(tmp_path, config_of(api), catalog=selecting(catalog, GUARDED))
    assert selected.exit_code == 0, selected.stderr
    found = in_messages((name, row) for name in GUARDED for row in selected.records(name))
    for name, table in GUARDED.items():
        rows = api.world.organization[table].values()
        expected = {(row["id"],): plain(row) for row in rows}
        assert difference(name, found[name], expected) == []


def test_a_token_without_the_permission_is_one_warning_where_everything_is_selected(
    api: Api, catalog: dict[str, Any], tmp_path: Path
) -> None:
    api.world.permissions.clear()
    everything = selecting(catalog, [entry["tap_stream_id"] for entry in catalog["streams"]])
    output = run_tap(tmp_path, config_of(api), catalog=everything)

    assert output.exit_code == 0, output.stderr
    # On the oldest Python the SDK has a warning of its own.
    warnings = [
        line
        for line in output.stderr.splitlines()
        if "| WARNING" in line and "| py.warnings " not in line
    ]
    assert [line for line in warnings if "environment_protections: skipped" in line] == warnings
    assert len(warnings) == 1
    assert output.records("members")


def test_a_token_without_the_permission_fails_what_was_selected_by_name(
    api: Api, catalog: dict[str, Any], tmp_path: Path
) -> None:
    api.world.permissions.clear()
    chosen = selecting(catalog, ["projects", "jobs", "environment_protections"])
    output = run_tap(tmp_path, config_of(api), catalog=chosen)

    assert output.exit_code == 1
    assert "GET /environment-protections: the server answered 403" in output.error
    assert output.records("jobs")


@pytest.mark.parametrize("path", ["/projects", "/jobs"])
def test_a_whole_list_that_did_not_come_whole_is_an_error(
    api: Api, tmp_path: Path, path: str
) -> None:
    body = json.dumps({path[1:]: [{"id": "a"}], "total": 2}).encode()
    api.misbehave = lambda request: Reply(200, body) if request.path.endswith(path) else None
    output = run_tap(tmp_path, config_of(api, max_attempts=1))

    assert output.exit_code == 1
    assert f"the answer has 1 of 2 {path[1:]}, so rows would be lost" in output.stderr
