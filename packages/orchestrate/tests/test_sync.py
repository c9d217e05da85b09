"""One sync as a program: what it loads, keeps and says, and its exit code in every case."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from orchestrate.states import NO_PROJECT
from stand_in.server import Reply
from tests.support.orchestrated import STATE_ID, Done, Place
from tests.support.state_backends import KINDS
from tests.support.syncs import Tap

pytestmark = pytest.mark.programs

ID = ("--state-id", STATE_ID)
LOG = '[1]\nhello\n{"level": "info"}'
NO_STATE = ["The target wrote a line that is no state, which is left out"] * 3


def sent(done: Done, stream: str) -> int:
    """Return how many records of a stream the tap sent, by its last line; 0 if it is not read."""
    (line,) = (line for line in done.stderr.splitlines() if "| Synced " in line)
    found = re.search(rf"[;:] {stream} [\d,]+ read, ([\d,]+) sent", line)
    return int(found[1].replace(",", "")) if found else 0


@pytest.fixture
def synced(place: Place) -> Place:
    assert place.run().exit_code == 0
    return place


@pytest.mark.parametrize("place", KINDS, indirect=True)
def test_two_syncs_load_what_the_api_holds(place: Place) -> None:
    first = place.run()
    place.put("second", "proj_b")
    second = place.run()

    assert (first.exit_code, second.exit_code) == (0, 0), first.stderr + second.stderr
    assert place.differences() == []
    assert sent(second, "runs") == 1


def test_the_ids_may_be_longer_than_a_variable(place: Place) -> None:
    for number in range(700):
        place.api.world.add_project(f"{number} {'x' * 200}", f"name {number}")
    done = place.run("--streams", "projects")

    assert done.exit_code == 0, done.stderr
    assert sent(done, "projects") == 702


def test_a_project_or_stream_is_read_again_and_the_others_keep_their_bookmarks(
    synced: Place, tmp_path: Path
) -> None:
    file = tmp_path / "states" / STATE_ID / "proj_a.json"
    state = json.loads(file.read_text())
    file.unlink()
    again = synced.run()
    assert (sent(again, "runs"), sent(again, "plans")) == (1, 1)

    del state["bookmarks"]["runs"]
    file.write_text(json.dumps(state))
    again = synced.run()
    assert (sent(again, "runs"), sent(again, "plans")) == (1, 0)


def test_prepare_creates_the_tables_and_asks_for_nothing(place: Place, tmp_path: Path) -> None:
    done = place.run("--prepare", "--streams", "runs,jobs")

    assert done.exit_code == 0, done.stderr
    tables = place.warehouse.query("select table_name as name from information_schema.tables")
    assert {row["name"] for row in tables} == {"runs", "jobs"}
    assert place.warehouse.query("select * from dagctl.runs") == []
    assert place.api.requests == []
    assert not (tmp_path / "states").exists()


NO_STREAM = "--streams: no stream {}; there are: daily_stats, jobs, mo"


@pytest.mark.parametrize(
    ("options", "variables", "line"),
    [
        (["--streams", "runs,nix"], {}, NO_STREAM.format("nix")),
        (["--prepare", "--streams", "members"], {}, NO_STREAM.format("members")),
        ([], {"STATE_BACKEND_URI": ""}, "STATE_BACKEND_URI is not set: it says where states are"),
        ([], {"TAP_DAGCTL_API_TOKEN": ""}, "Configuration: api_token is not a non-empty string"),
        ([], {"TAP_DAGCTL_API_TOKEN": "made_" + "up"}, "GET /projects: the server answered 401"),
        ([], {"TAP_DAGCTL_PROJECT_IDS": "sales,nix"}, "project_ids: no project nix; there are: p"),
    ],
)
def test_what_cannot_be_used_is_one_line_and_nothing_is_loaded(
    place: Place, tmp_path: Path, options: list[str], variables: dict[str, str], line: str
) -> None:
    assert place.refused(*options, **variables).error.startswith(line)
    assert not (tmp_path / "warehouse.duckdb").exists()


def test_a_target_that_does_not_start_is_one_line(place: Place, tmp_path: Path) -> None:
    for place.target in ("target-nowhere", str(tmp_path)):
        line = f"There is no program {place.target}: install the target, or name its path"
        assert place.refused().error == line

    place.target = place.script("", tmp_path, "/nowhere/python")
    for options in ((), ("--prepare",)):
        line = f"{place.target} does not start: No such file or directory"
        assert place.run(*options).error == line


def test_a_broken_state_is_one_line(synced: Place, tmp_path: Path) -> None:
    path = tmp_path / "states" / STATE_ID / "proj_a.json"
    broken = {'{"bookmarks': path, "[]": path, '{"x": 1}': "the part proj_a"}
    for content, where in broken.items():
        path.write_text(content)
        line = f"The state in {where} is broken; take it away to read the project again"
        assert synced.refused().error.startswith(line)
    # The other project is not held up.
    assert synced.run(TAP_DAGCTL_PROJECT_IDS="proj_b").exit_code == 0


def test_a_failing_project_leaves_good_states_and_the_code_1(place: Place) -> None:
    place.api.misbehave = lambda it: Reply(500, b"") if it.path.endswith("/proj_a/runs") else None
    done = place.run(TAP_DAGCTL_MAX_ATTEMPTS="1")
    place.api.misbehave = lambda _: None
    after = place.run()

    assert (done.exit_code, after.exit_code) == (1, 0)
    assert sent(done, "runs") == sent(after, "runs") == 1
    assert sent(after, "model_executions") == 0


def test_a_failing_target_has_its_code_and_leaves_the_states(synced: Place, tmp_path: Path) -> None:
    before = synced.parts()
    synced.put("second", "proj_a")
    for text, code, lines in (
        ("kill -9 $$", 137, []),
        (f"env > {tmp_path}/env; exit 0", 2, []),
        (f"echo '{LOG}'; exit 3", 3, NO_STATE),
    ):
        # Under this name the states of the good one are used.
        done = synced.run(target=synced.script(text, tmp_path))
        assert (done.exit_code, done.own_lines) == (code, lines), text
        assert synced.parts() == before

    # The settings of the tap, and its token, are not for the target.
    environment = (tmp_path / "env").read_text()
    assert not re.findall("^(?:TAP_|STATE_).*", environment, re.MULTILINE)
    # Else PostgreSQL may make local time of what is loaded.
    assert "PGTZ=UTC" in environment.splitlines()
    # A line that is no state is left out.
    good = Path(sys.executable).with_name(synced.target)
    done = synced.run(target=synced.script(f"echo '{LOG}'; exec {good} \"$@\"", tmp_path))
    assert (done.exit_code, done.own_lines) == (0, NO_STATE)
    assert synced.parts().keys() == {NO_PROJECT, "proj_a", "proj_b"}
    assert synced.differences() == []


def test_a_second_sync_of_the_same_projects_waits_in_vain(place: Place) -> None:
    with place.states() as other:
        assert other.try_lock(["proj_a"])
        assert place.refused("--wait", "0").error == (
            "Another sync of these projects has not ended within 0 s; try later"
        )
        # Of others it need not wait.
        assert place.run("--wait", "0", TAP_DAGCTL_PROJECT_IDS="proj_b").exit_code == 0


def test_a_project_deleted_since_it_was_chosen_is_left_out(synced: Place) -> None:
    synced.api.world.delete_project("proj_b")
    synced.put("second", "proj_a")
    done = synced.run(TAP_DAGCTL_PROJECT_IDS="proj_a,proj_b")
    alone = synced.run(TAP_DAGCTL_PROJECT_IDS="proj_b")

    assert (done.exit_code, alone.exit_code) == (0, 0)
    assert done.own_lines == ["Not there any more, and left out: proj_b"]
    assert alone.own_lines == [*done.own_lines, "There is no project to sync"]
    assert sent(done, "runs") == 1


def test_the_state_of_a_deleted_project_is_not_touched_while_another_sync_has_it(
    synced: Place,
) -> None:
    synced.api.world.delete_project("proj_b")
    before = synced.parts()["proj_b"]
    with synced.states() as other:
        assert other.try_lock(["proj_b"])
        assert synced.run().exit_code == 0
        assert synced.parts()["proj_b"] == before
    assert synced.run().exit_code == 0
    assert synced.parts()["proj_b"] != before


def test_a_state_of_one_machine_is_taken_over_and_given_back(
    place: Place, tmp_path: Path, tap: Tap
) -> None:
    (tmp_path / "old.json").write_text(json.dumps(tap().state))
    place.put("second", "proj_a")
    assert place.program("transfer", "import", str(tmp_path / "old.json"), *ID).exit_code == 0
    assert sent(place.run(), "runs") == 1

    place.put("second", "proj_b")
    exported = place.program("transfer", "export", *ID)
    after = tap(state=json.loads(exported.stdout))
    assert after.ids("runs") == ["run second of proj_b"]

    # As `meltano state get` prints it.
    of_meltano = json.dumps({"singer_state": after.state})
    assert place.program("transfer", "import", "-", *ID, stdin=of_meltano).error == (
        f"There are states under {STATE_ID} already; import under another state id, or with "
        "--replace"
    )
    again = place.program("transfer", "import", "-", "--replace", *ID, stdin=of_meltano)
    assert again.exit_code == 0, again.stderr
    assert sent(place.run(), "runs") == 0
    # What is not in it is read again.
    place.program("transfer", "import", "-", "--replace", *ID, stdin='{"bookmarks": {}}')
    assert place.parts() == {NO_PROJECT: {"bookmarks": {}}}


def test_what_cannot_be_transferred_is_one_line(place: Place, tmp_path: Path) -> None:
    nowhere = str(tmp_path / "nowhere.json")
    for options, stdin, line in (
        (("import", nowhere), "", f"The state in {nowhere} cannot be read: [Errno 2]"),
        (("import", "-"), "{", "The state in standard input cannot be read: Expecting property"),
        (("import", "-"), "{}", "There is no state of Singer in standard input: it has no `book"),
        (("export",), "", f"There are no states under {STATE_ID}"),
    ):
        assert place.program("transfer", *options, *ID, stdin=stdin).error.startswith(line)
    with place.states() as other:
        other.save({"proj_a": {"bookmarks": {}}})
        assert other.try_lock(["proj_a"])
        done = place.program("transfer", "import", "-", "--replace", *ID, stdin='{"bookmarks":{}}')
        assert done.error == f"A sync with {STATE_ID} goes on; try after its end"


def test_shards_are_of_the_projects_that_the_tap_would_choose(place: Place) -> None:
    for number, variables, shards in (
        ("1", {}, ["proj_a,proj_b"]),
        ("4", {"TAP_DAGCTL_PROJECT_IDS": "finance"}, ["proj_b"]),
        ("4", {"TAP_DAGCTL_EXCLUDE_PROJECT_IDS": "sales,nix"}, ["proj_b"]),
    ):
        assert json.loads(place.program("shards", number, **variables).stdout) == shards
    assert place.program("shards", "0").exit_code == 2
    assert place.program("shards", "1", TAP_DAGCTL_PROJECT_IDS="nix").error.startswith(
        "project_ids: no project nix"
    )
