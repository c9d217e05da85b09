"""Projects that `project_ids` chooses and `exclude_project_ids` leaves out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stand_in.server import Api
from tests.support.syncs import Tap, config_of, run_tap


@pytest.fixture
def api(api: Api) -> Api:
    """Beside two plain projects, two of one name, and one whose name is the id of another."""
    for key, name in (("proj_c", "twins"), ("proj_d", "twins"), ("proj_e", "proj_a")):
        api.world.add_project(key, name)
    return api


def read(tap: Tap, excluded: object, **more: Any) -> tuple[str, list[str]]:
    """Return the letters of the projects that are read, and the warnings."""
    output = tap(exclude_project_ids=excluded, **more).succeeded
    ids = output.ids("projects")
    asked = {it.path.split("/")[4] for it in tap.api.requests if it.path.count("/") > 3}
    assert asked == set(ids)
    return "".join(it.removeprefix("proj_") for it in ids), output.warnings


@pytest.mark.parametrize(
    ("excluded", "more", "left"),
    [
        (["", None, "  "], {}, "abcde"),
        ([" finance ", "proj_b"], {}, "acde"),
        (["twins"], {}, "abe"),
        (["proj_a"], {}, "bcde"),
        (["proj_b"], {"project_ids": ["sales", "finance"]}, "a"),
    ],
)
def test_others_are_read(tap: Tap, excluded: object, more: dict[str, object], left: str) -> None:
    assert read(tap, excluded, **more) == (left, [])


@pytest.mark.parametrize("name", ["Sales", "proj_deleted"])
def test_what_is_no_project_is_a_warning(tap: Tap, name: str) -> None:
    left, (warning,) = read(tap, ["finance", name])

    assert left == "acde"
    assert f"exclude_project_ids: no project {name}; there are: proj_a (sales), proj_b" in warning


@pytest.mark.parametrize("chosen", [[], ["sales"]])
def test_that_none_is_left_is_a_warning(tap: Tap, chosen: list[str]) -> None:
    left, (warning,) = read(tap, ["sales", "finance", "twins", "proj_e"], project_ids=chosen)

    assert left == ""
    assert "exclude_project_ids leaves out every project, so none is read" in warning


@pytest.mark.parametrize("text", ["finance,twins", json.dumps(["finance", "", " twins"])])
def test_they_come_from_the_environment(api: Api, tmp_path: Path, text: str) -> None:
    settings = config_of(api, exclude_project_ids=text, refused_projects="")
    environment = {f"TAP_DAGCTL_{name.upper()}": value for name, value in settings.items()}
    output = run_tap(tmp_path, None, "--config=ENV", environment=environment)
    assert output.ids("projects") == ["proj_a", "proj_e"]


@pytest.mark.parametrize("name", ["named", None, " "])
def test_an_unknown_project_is_refused_before_a_sync(api: Api, tap: Tap, name: str | None) -> None:
    for key in ("proj_c", "proj_d", "proj_e"):
        api.world.delete_project(key)
    api.world.projects["proj_b"].row["name"] = name
    output = tap(project_ids=["sales", "None"], max_attempts=1)
    known = f"proj_b ({name})" if name == "named" else "proj_b"
    assert output.error == f"project_ids: no project None; there are: proj_a (sales), {known}"
    assert [request.path for request in api.requests] == ["/api/v1/projects"]
    assert output.sent == {}
