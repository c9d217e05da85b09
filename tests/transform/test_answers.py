"""The stand-in answers with what the API documents, field by field, and the schemas fit it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from stand_in.history import History
from stand_in.server import Api, serving
from stand_in.world import World
from tap_dagctl.schemas import ADDITIONAL_PROPERTIES
from tap_dagctl.streams import STREAMS
from tests.support.base_time import NOW
from tests.support.syncs import Output, config_of, run_tap

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# What the API page documents or expects of each list, beside what it leaves open.
DOCUMENTED = {
    "projects": """id organization_id name description project_type repository_url branch
        git_auth_method sqlmesh_environment sqlmesh_version use_managed_state_database auto_apply
        run_tests deployed suspended status commits_behind current_commit_sha latest_commit_sha
        latest_commit_message cpu_request cpu_limit memory_request memory_limit concurrency_policy
        successful_runs_history_limit failed_runs_history_limit created_at updated_at""",
    "runs": """id project_id job_name cronjob_name job_type status start_time end_time
        duration_seconds triggered_by created_at updated_at error_message pod_name""",
    "model_executions": """id project_id run_id model_name status start_time end_time
        duration_seconds error_message created_at updated_at""",
    "daily_stats": """project_id date total_runs p95_duration_seconds max_duration_seconds
        successful_runs failed_runs error_runs avg_duration_seconds""",
    "model_stats": """project_id start_date end_date model_name p95_duration_seconds
        total_executions successful_executions failed_executions avg_duration_seconds
        max_duration_seconds""",
    "jobs": """id project_id name description command schedule enabled resources environment
        slack_channel slack_alerts_enabled slack_alert_on_success webhook_enabled created_at
        updated_at""",
    "plans": """id plan_id plan_type project_id from_commit_sha to_commit_sha commit_message
        commits_behind status triggered_by plan_output created_at updated_at""",
    "environment_protections": """id organization_id environment_name enabled created_by
        created_at updated_at""",
    "members": """id organization_id email name picture role created_at updated_at
        last_login_at""",
    # Open; what invitations are likely to have.
    "invitations": "id organization_id email role created_at updated_at",
}


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with serving(History(World(now=NOW), days=30).world) as api:
        yield api


@pytest.fixture(scope="module")
def output(api: Api, tmp_path_factory: pytest.TempPathFactory) -> Output:
    """A sync of every field of every stream."""
    folder: Path = tmp_path_factory.mktemp("everything")
    done = run_tap(folder, config_of(api, include_sensitive=True))
    assert done.exit_code == 0, done.stderr
    return done


READ_FROM_THE_API = [stream for stream in STREAMS if stream.name in DOCUMENTED]


@pytest.mark.parametrize("stream", READ_FROM_THE_API, ids=lambda stream: stream.name)
def test_a_schema_names_what_is_documented(stream: Any) -> None:
    fields = stream.schema["properties"]

    assert fields.keys() - {ADDITIONAL_PROPERTIES} == set(DOCUMENTED[stream.name].split())
    assert all(field["description"].endswith(".") for field in fields.values())


@pytest.mark.parametrize("name", DOCUMENTED)
def test_the_stand_in_answers_with_every_field_and_no_other(output: Output, name: str) -> None:
    records = output.records(name)
    assert records
    # What it sent and the schema does not name would be here.
    assert {record[ADDITIONAL_PROPERTIES] is None for record in records} == {True}
    sent = {field for record in records for field, value in record.items() if value is not None}

    assert sent == set(DOCUMENTED[name].split())


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_every_record_fits_its_schema(output: Output, stream: Any) -> None:
    checker = Draft202012Validator.FORMAT_CHECKER
    validator = Draft202012Validator(stream.schema, format_checker=checker)
    for record in output.records(stream.name):
        validator.validate(record)
