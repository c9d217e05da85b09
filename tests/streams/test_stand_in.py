"""The stand-in answers with every field that the schemas have, which fit what it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from stand_in.history import History
from stand_in.server import serving
from stand_in.world import World
from tap_dagctl.schemas import ADDITIONAL_PROPERTIES
from tap_dagctl.streams import STREAMS
from tests.support.base_time import NOW
from tests.support.syncs import Output, config_of, run_tap

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Output:
    """A sync of every field of every stream."""
    folder: Path = tmp_path_factory.mktemp("everything")
    with serving(History(World(now=NOW), days=30).world) as api:
        done = run_tap(folder, config_of(api, include_sensitive=True))
    assert done.exit_code == 0, done.stderr
    return done


# The made-up account has no environment variables.
READ = [it for it in STREAMS if hasattr(it, "path") and it.name != "environment_variables"]


@pytest.mark.parametrize("stream", READ, ids=lambda stream: stream.name)
def test_the_stand_in_answers_with_every_field_and_no_other(output: Output, stream: Any) -> None:
    records, fields = output.records(stream.name), stream.schema["properties"]
    assert records
    checker = Draft202012Validator.FORMAT_CHECKER
    validator = Draft202012Validator(stream.schema, format_checker=checker)
    for record in records:
        validator.validate(record)
    assert all(field["description"].endswith(".") for field in fields.values())
    # What it sent and the schema does not name would be among the additional properties.
    sent = {name for record in records for name, value in record.items() if value is not None}
    assert sent == fields.keys() - {ADDITIONAL_PROPERTIES}
