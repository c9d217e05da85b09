"""Projects that `exclude_project_ids` leaves out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.syncs import config_of, run_tap

if TYPE_CHECKING:
    from pathlib import Path

    from stand_in.server import Api
    from tests.support.syncs import Output


@pytest.fixture
def account(api: Api) -> Api:
    """Beside two plain projects, two of one name, and one whose name is the id of another."""
    for key, name in (("proj_c", "twins"), ("proj_d", "twins"), ("proj_e", "proj_a")):
        api.world.add_project(key, name)
    return api


def read(api: Api, directory: Path, excluded: object, **more: object) -> tuple[list[str], Output]:
    output = run_tap(directory, config_of(api, exclude_project_ids=excluded, **more))
    assert output.exit_code == 0, output.stderr
    ids = output.ids("projects")
    asked = {request.path.split("/")[4] for request in api.requests if request.path.count("/") > 3}
    assert asked == set(ids)
    return ids, output


@pytest.mark.parametrize(
    ("excluded", "more", "left"),
    [
        ([], {}, "abcde"),
        (None, {}, "abcde"),
        (["", None, "  "], {}, "abcde"),
        (["proj_b"], {}, "acde"),
        ([" finance ", "proj_b"], {}, "acde"),
        (["twins"], {}, "abe"),
        (["proj_a"], {}, "bcde"),
        (["proj_b"], {"project_ids": ["sales", "finance"]}, "a"),
        (["finance"], {"project_ids": ["proj_a"]}, "a"),
    ],
)
def test_the_others_are_read(
    account: Api, tmp_path: Path, excluded: object, more: dict[str, object], left: str
) -> None:
    ids, output = read(account, tmp_path, excluded, **more)
    assert ids == [f"proj_{letter}" for letter in left]
    assert not output.warnings


@pytest.mark.parametrize("name", ["salse", "Sales", "proj_deleted"])
def test_what_is_no_project_is_a_warning(account: Api, tmp_path: Path, name: str) -> None:
    ids, output = read(account, tmp_path, ["finance", name])
    assert ids == ["proj_a", "proj_c", "proj_d", "proj_e"]
    (warning,) = output.warnings
    assert f"exclude_project_ids: no project {name}; there are: proj_a (sales), proj_b" in warning


@pytest.mark.parametrize("chosen", [[], ["sales"]])
def test_that_none_is_left_is_a_warning(account: Api, tmp_path: Path, chosen: list[str]) -> None:
    everything = ["sales", "finance", "twins", "proj_e"]
    ids, output = read(account, tmp_path, everything, project_ids=chosen)
    assert ids == []
    (warning,) = output.warnings
    assert "exclude_project_ids leaves out every project, so none is read" in warning


def test_a_project_that_comes_later_is_read(account: Api, tmp_path: Path) -> None:
    read(account, tmp_path, ["twins"])
    account.world.add_project("proj_f", "new")
    assert read(account, tmp_path, ["twins"])[0] == ["proj_a", "proj_b", "proj_e", "proj_f"]


@pytest.mark.parametrize("text", ["finance,twins", json.dumps(["finance", "", " twins"])])
def test_they_come_from_the_environment(account: Api, tmp_path: Path, text: str) -> None:
    settings = config_of(account, exclude_project_ids=text, refused_projects="")
    environment = {f"TAP_DAGCTL_{name.upper()}": value for name, value in settings.items()}
    output = run_tap(tmp_path, None, "--config=ENV", environment=environment)
    assert output.ids("projects") == ["proj_a", "proj_e"]
