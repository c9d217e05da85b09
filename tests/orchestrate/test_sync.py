"""One sync as a program: what it loads, keeps and says, and its exit code in every case."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrate.state_backend import state_backend
from orchestrate.states import NO_PROJECT
from stand_in.server import Reply
from stand_in.world import EXECUTIONS, JOBS, PLANS, RUNS
from tests.support.orchestrated import Done, Place
from tests.support.state_backends import KINDS, backend_of
from tests.support.warehouses import duckdb_at

if TYPE_CHECKING:
    from stand_in.server import Api, Request
    from tests.support.syncs import Tap

pytestmark = pytest.mark.programs

BESIDE = Path(sys.executable).parent
LOG = '[1]\nhello\n{"level": "info"}'
STATE_ID = "tap-dagctl-to-target-duckdb"


@pytest.fixture
def place(api: Api, tmp_path: Path) -> Place:
    """Two projects with a few rows, a folder of states, a DuckDB file."""
    for project in ("proj_a", "proj_b"):
        put(api, project, "first")
    return Place.of(api, str(tmp_path / "states"), tmp_path / "warehouse.duckdb")


def put(api: Api, project: str, name: str) -> None:
    api.world.put(RUNS, project, {"id": f"run {name} of {project}", "duration_seconds": 7})
    api.world.put(EXECUTIONS, project, {"id": f"execution {name} of {project}", "model_name": "m"})
    api.world.put(JOBS, project, {"id": f"job {name} of {project}", "status": None})
    api.world.put(PLANS, project, {"id": f"plan {name} of {project}"})
    api.world.advance(minutes=10)


def differences(api: Api, tmp_path: Path) -> list[str]:
    warehouse = duckdb_at(tmp_path / "warehouse.duckdb")
    return warehouse.differences(api.world, api.world.now.date())


def parts(place: Place, state_id: str = STATE_ID) -> dict[str, Any]:
    with state_backend(place.variables["STATE_BACKEND_URI"], state_id) as backend:
        return backend.read(backend.names())


@pytest.mark.parametrize("kind", KINDS)
def test_two_syncs_load_what_the_api_holds(api: Api, tmp_path: Path, kind: str) -> None:
    put(api, "proj_a", "first")
    with backend_of(kind, tmp_path / "backend") as (uri, variables):
        place = Place.of(api, uri, tmp_path / "warehouse.duckdb")
        place.variables |= variables
        first = place.run()
        put(api, "proj_b", "second")
        second = place.run()

    assert (first.exit_code, second.exit_code) == (0, 0), first.stderr + second.stderr
    assert differences(api, tmp_path) == []
    assert sent(second, "runs") == 1
    # What the tap says lands where the orchestrator's log is.
    assert "INFO" in second.stderr


def sent(done: Done, stream: str) -> int:
    """Return how many records of a stream the tap sent, by its last line; 0 if it is not read."""
    (line,) = (line for line in done.stderr.splitlines() if "| Synced " in line)
    found = re.search(rf"[;:] {stream} [\d,]+ read, ([\d,]+) sent", line)
    return int(found[1].replace(",", "")) if found else 0


def test_each_project_has_a_state_of_its_own_whatever_its_id(api: Api, tmp_path: Path) -> None:
    ids = ["a/b", "c,d", "[e", "ü", "%2F", " z "]
    for project_id in ids:
        api.world.add_project(project_id, f"name of {project_id}")
        put(api, project_id, "first")
    place = Place.of(api, str(tmp_path / "states"), tmp_path / "warehouse.duckdb")
    cut = json.loads(place.program("shards", "2").stdout)
    first = [place.run(TAP_DAGCTL_PROJECT_IDS=shard) for shard in cut]
    # Other shards, the same states.
    whole = place.run()

    assert len(cut) == 2
    assert [done.exit_code for done in [*first, whole]] == [0] * 3
    assert sum(sent(done, "runs") for done in first) == len(ids)
    assert sent(whole, "runs") == 0
    assert len(parts(place)) == len(ids) + 3
    assert differences(api, tmp_path) == []


def test_the_ids_may_be_longer_than_a_variable(api: Api, tmp_path: Path) -> None:
    for number in range(700):
        api.world.add_project(f"{number} {'x' * 200}", f"name {number}")
    api.world.advance(minutes=10)
    place = Place.of(api, str(tmp_path / "states"), tmp_path / "warehouse.duckdb")
    done = place.run("--streams", "projects")

    assert done.exit_code == 0, done.stderr
    assert sent(done, "projects") == 702


def test_streams_are_chosen_and_the_bookmarks_of_others_stay(place: Place, api: Api) -> None:
    assert place.run().exit_code == 0
    before = parts(place)
    put(api, "proj_a", "second")
    done = place.run("--streams", " runs, jobs,")

    assert done.exit_code == 0
    assert sent(done, "runs") == 1
    assert "model_executions" not in done.stderr.rpartition("| Synced ")[2]
    after = parts(place)
    for name in ("proj_a", "proj_b"):
        streams = before[name]["bookmarks"].keys() - {"runs", "jobs"}
        assert {it: after[name]["bookmarks"][it] for it in streams} == {
            it: before[name]["bookmarks"][it] for it in streams
        }


def test_a_project_or_stream_is_read_again_and_the_others_keep_their_bookmarks(
    place: Place, tmp_path: Path
) -> None:
    assert place.run().exit_code == 0
    file = tmp_path / "states" / STATE_ID / "proj_a.json"
    state = json.loads(file.read_text())
    file.unlink()
    again = place.run()
    assert (sent(again, "runs"), sent(again, "plans")) == (1, 1)

    del state["bookmarks"]["runs"]
    file.write_text(json.dumps(state))
    again = place.run()
    assert (sent(again, "runs"), sent(again, "plans")) == (1, 0)


def test_prepare_creates_the_tables_and_asks_for_nothing(
    place: Place, api: Api, tmp_path: Path
) -> None:
    done = place.run("--prepare", "--streams", "runs,jobs")

    assert done.exit_code == 0, done.stderr
    query = duckdb_at(tmp_path / "warehouse.duckdb").query
    tables = query("select table_name as name from information_schema.tables")
    assert {row["name"] for row in tables} == {"runs", "jobs"}
    assert query("select * from dagctl.runs") == []
    assert api.requests == []
    assert not (tmp_path / "states").exists()


@pytest.mark.parametrize(
    ("options", "variables", "line"),
    [
        (
            ["--streams", "runs,nix"],
            {},
            "--streams: no stream nix; there are: daily_stats, jobs, mo",
        ),
        (["--streams", "members"], {}, "--streams: no stream members; there are: daily_stats"),
        (["--prepare", "--streams", "nix"], {}, "--streams: no stream nix; there are: daily_stats"),
        ([], {"STATE_BACKEND_URI": ""}, "STATE_BACKEND_URI is not set: it says where states are"),
        ([], {"TAP_DAGCTL_API_TOKEN": ""}, "Configuration: api_token is not a non-empty string"),
        ([], {"TAP_DAGCTL_PAGE_SIZE": "x"}, "TAP_DAGCTL_PAGE_SIZE is not a number"),
        (
            [],
            {"TAP_DAGCTL_API_TOKEN": "dctl_made_" + "up"},
            "GET /projects: the server answered 401",
        ),
        (
            [],
            {"TAP_DAGCTL_PROJECT_IDS": "sales,nix"},
            "project_ids: no project nix; there are: proj_a",
        ),
    ],
)
def test_what_cannot_be_used_is_one_line_and_nothing_is_loaded(
    place: Place, tmp_path: Path, options: list[str], variables: dict[str, str], line: str
) -> None:
    assert place.refused(*options, **variables).error.startswith(line)
    assert not (tmp_path / "warehouse.duckdb").exists()


def test_a_target_that_does_not_start_is_one_line(place: Place, tmp_path: Path) -> None:
    place.target = "target-nowhere"
    assert place.refused().error == (
        "There is no program target-nowhere: install the target, or name its path"
    )
    assert place.refused("--prepare").error.startswith("There is no program target-nowhere")

    place.target = str(tmp_path)
    assert place.refused().error.startswith(f"There is no program {tmp_path}")

    script(place, tmp_path, "#!/nowhere/python\n")
    assert place.run().error == f"{place.target} does not start: No such file or directory"
    assert place.run("--prepare").error.startswith(f"{place.target} does not start")


def script(place: Place, tmp_path: Path, text: str) -> None:
    """Let a script be the target."""
    path = tmp_path / "target-script"
    path.write_text(text)
    path.chmod(0o755)
    place.target = str(path)


def test_a_broken_state_is_one_line(place: Place, tmp_path: Path) -> None:
    assert place.run().exit_code == 0
    path = tmp_path / "states" / STATE_ID / "proj_a.json"
    for content, line in (
        ('{"bookmarks', f"The state in {path} is broken; take it away to read the project again"),
        ('{"x": 1}', "The state in the part proj_a is broken; take it away to read the project"),
    ):
        path.write_text(content)
        assert place.refused().error.startswith(line)
        # The other project is not held up.
        assert place.run(TAP_DAGCTL_PROJECT_IDS="proj_b").exit_code == 0


def test_a_failing_project_leaves_good_states_and_the_code_1(place: Place, api: Api) -> None:
    def misbehave(request: Request) -> Reply | None:
        return Reply(500, b"") if request.path.endswith("/proj_a/runs") else None

    api.misbehave = misbehave
    done = place.run(TAP_DAGCTL_MAX_ATTEMPTS="1")
    api.misbehave = lambda _: None
    after = place.run()

    assert (done.exit_code, after.exit_code) == (1, 0)
    assert sent(done, "runs") == sent(after, "runs") == 1
    assert sent(after, "model_executions") == 0


def test_a_failing_target_has_its_code_and_leaves_the_states(
    place: Place, api: Api, tmp_path: Path
) -> None:
    assert place.run().exit_code == 0
    before = parts(place)
    put(api, "proj_a", "second")
    good = place.target
    for text, code in (("head -n 3 > /dev/null; exit 3", 3), ("kill -9 $$", 137), ("exit 0", 2)):
        script(place, tmp_path, f"#!/bin/sh\n{text}\n")
        # Under this name the states of the good one are used.
        done = place.run("--state-id", STATE_ID)
        assert done.exit_code == code, text
        assert parts(place) == before
    place.target = good
    assert place.run().exit_code == 0
    assert differences(api, tmp_path) == []


def test_a_line_that_is_no_state_is_left_out(place: Place, api: Api, tmp_path: Path) -> None:
    assert place.run().exit_code == 0
    before = parts(place)
    real = BESIDE / place.target
    for then, code in (("exit 3", 3), (f'exec {real} "$@"', 0)):
        put(api, "proj_a", f"before {code}")
        script(place, tmp_path, f"#!/bin/sh\necho '{LOG}'; {then}\n")
        done = place.run("--state-id", STATE_ID)
        assert done.exit_code == code
        assert done.own_lines == ["The target wrote a line that is no state, which is left out"] * 3
        assert parts(place).keys() == {NO_PROJECT, "proj_a", "proj_b"}
        assert (parts(place) == before) is (code == 3)
    assert differences(api, tmp_path) == []


def test_a_second_sync_of_the_same_projects_waits_in_vain(place: Place) -> None:
    with state_backend(place.variables["STATE_BACKEND_URI"], STATE_ID) as other:
        assert other.try_lock(["proj_a"])
        assert place.refused("--wait", "0").error == (
            "Another sync of these projects has not ended within 0 s; try later"
        )
        # Of others it need not wait, nor under another state id.
        assert place.run("--wait", "0", TAP_DAGCTL_PROJECT_IDS="proj_b").exit_code == 0
        assert place.run("--wait", "0", "--state-id", "another").exit_code == 0


def test_a_project_deleted_since_it_was_chosen_is_left_out(place: Place, api: Api) -> None:
    assert place.run().exit_code == 0
    api.world.delete_project("proj_b")
    put(api, "proj_a", "second")
    done = place.run(TAP_DAGCTL_PROJECT_IDS="proj_a,proj_b")
    alone = place.run(TAP_DAGCTL_PROJECT_IDS="proj_b")

    assert (done.exit_code, alone.exit_code) == (0, 0)
    assert done.own_lines == ["Not there any more, and left out: proj_b"]
    assert alone.own_lines == [*done.own_lines, "There is no project to sync"]
    assert sent(done, "runs") == 1


def test_a_state_of_one_machine_is_taken_over_and_given_back(
    place: Place, api: Api, tmp_path: Path, tap: Tap
) -> None:
    before = tap().state
    put(api, "proj_a", "second")
    (tmp_path / "old.json").write_text(json.dumps(before))
    id_ = ("--state-id", STATE_ID)

    assert place.program("transfer", "import", str(tmp_path / "old.json"), *id_).exit_code == 0
    assert place.program("transfer", "import", "-", *id_, stdin="{}").error == (
        "There is no state of Singer in standard input: it has no `bookmarks`"
    )
    assert sent(place.run(), "runs") == 1
    put(api, "proj_b", "second")
    exported = place.program("transfer", "export", *id_)
    after = tap(state=json.loads(exported.stdout))
    assert after.ids("runs") == ["run second of proj_b"]

    # As `meltano state get` prints it.
    of_meltano = json.dumps({"singer_state": after.state})
    assert place.program("transfer", "import", "-", *id_, stdin=of_meltano).error == (
        f"There are states under {STATE_ID} already; import under another state id, or with "
        "--replace"
    )
    again = place.program("transfer", "import", "-", "--replace", *id_, stdin=of_meltano)
    assert again.exit_code == 0, again.stderr
    assert sent(place.run(), "runs") == 0


def test_what_cannot_be_transferred_is_one_line(place: Place, tmp_path: Path) -> None:
    id_ = ("--state-id", "x")
    nowhere = str(tmp_path / "nowhere.json")

    assert place.program("transfer", "import", nowhere, *id_).error.startswith(
        f"The state in {nowhere} cannot be read: [Errno 2]"
    )
    assert place.program("transfer", "import", "-", *id_, stdin="{").error.startswith(
        "The state in standard input cannot be read: Expecting property name"
    )
    assert place.program("transfer", "export", *id_).error == "There are no states under x"
    with state_backend(place.variables["STATE_BACKEND_URI"], "x") as other:
        other.save({"proj_a": {"bookmarks": {}}})
        assert other.try_lock(["proj_a"])
        done = place.program("transfer", "import", "-", "--replace", *id_, stdin='{"bookmarks":{}}')
        assert done.error == "A sync with x goes on; try after its end"


def test_shards_are_of_the_projects_that_the_tap_would_choose(place: Place) -> None:
    assert json.loads(place.program("shards", "1").stdout) == ["proj_a,proj_b"]
    one = place.program("shards", "4", TAP_DAGCTL_PROJECT_IDS="finance")
    assert json.loads(one.stdout) == ["proj_b"]
    others = place.program("shards", "4", TAP_DAGCTL_EXCLUDE_PROJECT_IDS="sales,nix")
    assert json.loads(others.stdout) == ["proj_b"]
    assert place.program("shards", "0").exit_code == 2
    assert place.program("shards", "1", TAP_DAGCTL_PROJECT_IDS="nix").error.startswith(
        "project_ids: no project nix"
    )
