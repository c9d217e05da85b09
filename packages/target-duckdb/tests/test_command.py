"""The program: its file, its signals, and what it says when something cannot be."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from target_duckdb.warehouse import Warehouse
from tests.support.program import INTEGER, TARGET, TEXT, Loader, Run, lines, record, schema, state

_DECLARED = schema("it", {"id": INTEGER})
_MESSAGES = [_DECLARED, record("it", {"id": 1}), state(1)]


def test_about_names_the_settings() -> None:
    done = subprocess.run([TARGET, "--about", "--format=json"], capture_output=True, check=True)
    about = json.loads(done.stdout)
    settings = about["settings"]["properties"]

    assert set(settings) >= {
        "filepath",
        "default_target_schema",
        "batch_size_rows",
        "add_record_metadata",
        "hard_delete",
        "validate_records",
        "stream_maps",
        "flattening_enabled",
    }
    assert "load_method" not in settings
    assert all(it.get("description") for it in settings.values())


def test_a_setting_without_a_value_is_as_good_as_unset(tmp_path: Path) -> None:
    Loader(tmp_path, batch_size_rows=None, hard_delete=None, validate_records=None).load(_MESSAGES)


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"batch_size_rows": 0}, "0 is less than the minimum of 1"),
        ({"filepath": None}, "'filepath' is a required property"),
        ({"filepath": ""}, "should be non-empty"),
        ({"flattening_enabled": True}, "flattening_max_depth is required"),
        ({"stream_maps": {"it": {"id": "1 +"}}}, "Failed to parse expression"),
        ({"stream_maps": {"it": {"id": "no_such_name"}}}, "Failed to evaluate"),
    ],
)
def test_a_setting_that_cannot_be_is_an_error(
    tmp_path: Path, settings: dict[str, object], error: str
) -> None:
    assert error in Loader(tmp_path, **settings).run(_MESSAGES).error


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (None, "config.json' was not found"),
        (b"", "--config is no JSON object"),
        (b"{'filepath': 1}", "--config is no JSON object"),
        (b"[1]", "--config is no JSON object"),
        (b"\xff\xfe", "--config is no JSON object"),
    ],
)
def test_a_configuration_that_cannot_be_read_is_an_error(
    tmp_path: Path, content: bytes | None, error: str
) -> None:
    config = tmp_path / "config.json"
    if content is not None:
        config.write_bytes(content)
    done = subprocess.run([TARGET, "--config", str(config)], capture_output=True, check=False)

    assert error in Run(done.returncode, done.stdout.decode(), done.stderr.decode()).error


def test_a_locked_file_is_an_error(loader: Loader) -> None:
    with duckdb.connect(str(loader.file)):
        run = loader.run_one_way(_MESSAGES)

    assert "warehouse.duckdb cannot be used: IO Error: Could not set lock on file" in run.error
    assert not run.states


def test_a_file_that_is_no_database_is_an_error(loader: Loader) -> None:
    loader.file.write_text("id,name\n" * 1000)
    before = loader.file.read_bytes()

    assert "not a valid DuckDB database file" in loader.run(_MESSAGES).error
    assert loader.file.read_bytes() == before


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "no" / "warehouse.duckdb"
    run = Loader(tmp_path, filepath=str(file)).run(_MESSAGES)

    assert run.error == f"{file} cannot be used: there is no folder {file.parent}"


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_a_name_that_no_file_can_have_is_an_error(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    error = Loader(tmp_path, filepath=str(file)).run(_MESSAGES).error

    assert f"{file} cannot be used" in error
    assert ".target-duckdb-" not in error


def test_of_several_that_make_the_same_file_each_loads_or_says_why_not(tmp_path: Path) -> None:
    file = tmp_path / "warehouse.duckdb"

    def load(number: int) -> Run:
        folder = tmp_path / str(number)
        folder.mkdir()
        loader = Loader(folder, filepath=str(file))
        return loader.run([_DECLARED, record("it", {"id": number})])

    with ThreadPoolExecutor(6) as pool:
        runs = list(pool.map(load, range(6)))
    loaded = {number for number, run in enumerate(runs) if run.exit_code == 0}

    assert {row["id"] for row in Loader(tmp_path).rows("it")} == loaded != set()
    assert all(f"{file} cannot be used" in it.error for it in runs if it.exit_code)
    assert not list(tmp_path.glob(".target-duckdb-*"))


def test_a_tilde_is_the_home_folder(tmp_path: Path) -> None:
    loader = Loader(tmp_path, filepath="~/warehouse.duckdb")
    for _ in range(2):
        run = loader.run(_MESSAGES, env={**os.environ, "HOME": str(tmp_path)})
        assert run.exit_code == 0, run.stderr

    assert loader.rows("it") == [{"id": 1}]
    assert sorted(it.name for it in tmp_path.glob("*warehouse*")) == ["warehouse.duckdb"]


def test_a_file_that_cannot_be_written_is_an_error(loader: Loader) -> None:
    # Root may write anything, unless it gives that up.
    humble = ["setpriv", "--inh-caps=-all", "--bounding-set=-dac_override"]
    if os.geteuid() == 0 and not shutil.which(humble[0]):
        pytest.skip("root may write anything")
    loader.load(_MESSAGES)
    loader.file.chmod(0o444)
    done = subprocess.run(
        [*humble[: 3 * (os.geteuid() == 0)], *loader.command()],
        input=lines(_MESSAGES),
        capture_output=True,
        check=False,
    )

    run = Run(done.returncode, done.stdout.decode(), done.stderr.decode())
    assert "warehouse.duckdb cannot be used: " in run.error


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_what_is_committed(tmp_path: Path, number: signal.Signals) -> None:
    loader = Loader(tmp_path, batch_size_rows=2)
    rows = [record("it", {"id": id_}) for id_ in range(3)]
    messages = [_DECLARED, rows[0], state(0), rows[1], state(1), rows[2], state(2)]
    with _started(loader, messages) as process:
        assert process.stdout
        assert json.loads(process.stdout.readline()) == {"at": 0}
        process.send_signal(number)
        rest, errors = process.communicate(timeout=120)

    assert process.returncode == 128 + number
    assert not rest
    assert f"Stopped by {number.name}" in errors.decode()
    assert "Traceback" not in errors.decode()
    assert loader.rows("it") == [{"id": 0}, {"id": 1}]


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_a_reader_of_states_that_is_gone_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unbuffered: str
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    loader = Loader(tmp_path)
    with _started(loader, _MESSAGES) as process:
        assert process.stdout
        assert process.stdin
        process.stdout.close()
        process.stdin.close()
        process.wait(timeout=120)
        assert process.stderr
        errors = process.stderr.read().decode()

    assert process.returncode == 1
    assert "Broken pipe" in errors
    assert "Traceback" not in errors
    assert "Exception ignored" not in errors


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device without room")
@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_a_state_for_which_there_is_no_room_is_an_error(
    loader: Loader, monkeypatch: pytest.MonkeyPatch, unbuffered: str
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            loader.command(),
            input=lines(_MESSAGES),
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )

    assert "No space left" in Run(done.returncode, "", done.stderr.decode()).error
    assert b"Exception ignored" not in done.stderr


_TEXTS = [record("it", {"id": id_, "text": f"{id_}" * 1000}) for id_ in range(1000, 1400)]
_MUCH = [schema("it", {"id": INTEGER, "text": TEXT}), *_TEXTS, state("end")]


def test_no_room_for_a_batch_is_an_error(tmp_path: Path) -> None:
    run = Loader(tmp_path).run_within("RLIMIT_FSIZE", 2**20, _MUCH)

    assert "Records cannot be put aside in /" in run.error
    assert not run.states


def test_a_commit_for_which_there_is_no_room_is_an_error(tmp_path: Path) -> None:
    loader = Loader(tmp_path, batch_size_rows=200)
    run = loader.run_within("RLIMIT_FSIZE", 2**20, _MUCH)

    assert "File too large" in run.error
    assert len(loader.rows("it")) in {0, 200}
    assert not run.states


@pytest.mark.parametrize("bad", [False, True])
def test_nothing_is_left_behind(loader: Loader, bad: bool) -> None:
    waiting = loader.directory / "waiting"
    waiting.mkdir()
    messages = [*_MESSAGES, record("it", {"id": "x"})] if bad else _MESSAGES
    own = {"TMPDIR": str(waiting), "PYTHONWARNINGS": "default::ResourceWarning"}
    run = loader.run(messages, env={**os.environ, **own})

    assert run.exit_code == bad
    assert "TemporaryDirectory" not in run.stderr
    assert list(waiting.iterdir()) == []
    assert {it.name for it in loader.directory.iterdir()} <= {
        "warehouse.duckdb",
        "config.json",
        "waiting",
        *(["warehouse.duckdb.wal"] if bad else []),
    }


class _started:  # noqa: N801 - a context, used like a function
    """The program at work, with its input still open."""

    def __init__(self, loader: Loader, messages: list[dict[str, object]]) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(loader.command(), stdin=pipe, stdout=pipe, stderr=pipe)
        assert self._process.stdin
        self._process.stdin.write(lines(messages))
        self._process.stdin.flush()

    def __enter__(self) -> subprocess.Popen[bytes]:
        return self._process

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe:
                pipe.close()


def test_a_file_may_have_the_name_of_the_schema(tmp_path: Path) -> None:
    file = tmp_path / "raw.duckdb"
    loader = Loader(tmp_path, filepath=str(file))
    for number in (1, 2):
        loader.load([schema("it", {"id": INTEGER}), record("it", {"id": number})])
    loader.load([schema("it", {"id": INTEGER, "new": TEXT}), record("it", {"id": 2, "new": "x"})])

    with duckdb.connect(str(file), read_only=True) as connection:
        found = connection.execute("FROM raw.raw.it ORDER BY id").fetchall()
    assert found == [(1, None), (2, "x")]


@pytest.mark.parametrize("name", ["temp", "system", "main"])
def test_a_schema_may_have_the_name_of_a_catalog(tmp_path: Path, name: str) -> None:
    loader = Loader(tmp_path, default_target_schema=name)
    for number in (1, 2):
        loader.load([schema("it", {"id": INTEGER}), record("it", {"id": number})])

    assert loader.query(f"FROM warehouse.{name}.it ORDER BY id") == [(1,), (2,)]


@pytest.mark.parametrize("keys", [1, True, "id", [["id"]], [{}], {"id": 1}, [None], ["id", 1]])
def test_keys_that_are_no_list_of_names_are_an_error(loader: Loader, keys: object) -> None:
    run = loader.run([_DECLARED | {"key_properties": keys}, *_MESSAGES[1:]])

    assert run.error == "it: its `key_properties` are no list of names"
    assert not run.states


@pytest.mark.parametrize("keys", [None, []])
def test_keys_may_be_none(loader: Loader, keys: object) -> None:
    loader.load([_DECLARED | {"key_properties": keys}, *[_MESSAGES[1]] * 2])

    assert loader.rows("it") == [{"id": 1}] * 2


@pytest.mark.parametrize(
    ("closed", "error"),
    [
        (">&-", "Standard output is closed"),
        ("<&-", "Standard input is closed"),
        ("<&- >&-", "Standard output is closed"),
        ("2>&-", None),
        ("<&- >&- 2>&-", None),
    ],
)
def test_a_stream_that_is_closed_is_an_error(
    loader: Loader, closed: str, error: str | None
) -> None:
    loader.load(_MESSAGES[:1])
    (loader.directory / "input").write_bytes(lines(_MESSAGES))
    command = shlex.join(loader.command())
    given = "" if "<" in closed else f"< {loader.directory}/input"
    done = subprocess.run(
        ["/bin/sh", "-c", f"{command} {given} {closed}"], capture_output=True, check=False
    )

    if error:
        run = Run(done.returncode, done.stdout.decode(), done.stderr.decode())
        assert error in run.error
    assert bool(done.returncode) == (closed != "2>&-")
    assert loader.rows("it") == ([] if done.returncode else [{"id": 1}])


@pytest.mark.parametrize("name", ["warehouse.duckdb", "sqlite:warehouse.db"])
def test_an_sqlite_file_is_an_error_without_a_network(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    with closing(sqlite3.connect(str(file))) as connection:
        connection.execute("CREATE TABLE it (id)")
        connection.commit()
    before = file.read_bytes()
    # DuckDB would put there what it fetches, and look there for what it has.
    home = {**os.environ, "HOME": str(tmp_path / "home")}
    (tmp_path / "home").mkdir()
    run = Loader(tmp_path, filepath=str(file)).run(_MESSAGES, env=home)

    assert run.error == f"{file} cannot be used: it is not a valid DuckDB database file"
    assert file.read_bytes() == before
    assert not list((tmp_path / "home").iterdir())


def test_nothing_is_fetched_while_a_file_is_open(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path / "warehouse.duckdb"), "main")
    for name in ("autoinstall_known_extensions", "autoload_known_extensions"):
        found = warehouse.connection.execute(f"SELECT current_setting('{name}')").fetchone()
        assert found == (False,)
    warehouse.connection.close()


def test_a_name_that_duckdb_takes_for_something_else_is_a_file(tmp_path: Path) -> None:
    loader = Loader(tmp_path, filepath="sqlite:it.db")
    run = loader.run(_MESSAGES, cwd=tmp_path)

    assert run.exit_code == 0, run.stderr
    assert (tmp_path / "sqlite:it.db").read_bytes()[8:12] == b"DUCK"


def _killed(loader: Loader, folder: Path) -> Path:
    """Leave behind what a run does that is killed while records wait."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder))
        text = {"id": 1, "text": "x" * 2_000_000}
        messages = [schema("it", {"id": INTEGER, "text": TEXT}), record("it", text)]
        with _started(loader, messages) as process:
            while not list(folder.glob("*/*.jsonl")):
                assert process.poll() is None
                time.sleep(0.01)
            process.kill()
    (left,) = [it for it in folder.iterdir() if list(it.glob("*.jsonl"))]
    return left


def test_what_a_kill_leaves_the_next_run_removes(loader: Loader, tmp_path: Path) -> None:
    waiting = tmp_path / "waiting"
    waiting.mkdir()
    assert _killed(loader, waiting).is_dir()
    # Of others, and of a user who named a folder so.
    (waiting / "target-duckdb-projects").mkdir()
    (waiting / "target-duckdb-projects" / "notes").touch()
    (waiting / "target-duckdb-file").touch()
    (waiting / "target-duckdb-link").symlink_to(tmp_path)
    run = loader.run(_MESSAGES, env={**os.environ, "TMPDIR": str(waiting)})

    assert run.exit_code == 0, run.stderr
    assert {it.name for it in waiting.rglob("*")} == {
        "target-duckdb-projects",
        "notes",
        "target-duckdb-file",
        "target-duckdb-link",
    }


_SPILL = """
import duckdb, os, signal, sys
connection = duckdb.connect(sys.argv[1], config={"memory_limit": "30MiB", "threads": 1})
rows = "SELECT md5(i::VARCHAR) || md5((i + 1)::VARCHAR) FROM range(1000000) AS it(i)"
connection.execute(f"CREATE TEMP TABLE it AS {rows}")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_duckdb_put_aside_for_a_killed_run_is_removed(loader: Loader) -> None:
    subprocess.run([sys.executable, "-c", _SPILL, str(loader.file)], check=False)
    folder = loader.directory / "warehouse.duckdb.tmp"
    assert list(folder.iterdir())
    assert loader.run_one_way(_MESSAGES).exit_code == 0

    assert not folder.exists()


def test_what_another_run_uses_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = tmp_path / "waiting"
    waiting.mkdir()
    monkeypatch.setenv("TMPDIR", str(waiting))
    one, other = (Loader(tmp_path / name) for name in ("one", "other"))
    text = {"id": 1, "text": "x" * 2_000_000}
    for loader in (one, other):
        loader.directory.mkdir()
    with _started(
        one, [schema("it", {"id": INTEGER, "text": TEXT}), record("it", text)]
    ) as process:
        while not list(waiting.glob("*/*.jsonl")):
            assert process.poll() is None
            time.sleep(0.01)
        assert other.run_one_way(_MESSAGES).exit_code == 0
        assert len(list(waiting.glob("*/*.jsonl"))) == 1
        process.communicate(lines([state(2)]), timeout=60)

    assert process.returncode == 0
    assert [row["id"] for row in one.rows("it")] == [1]
    assert not list(waiting.iterdir())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder away")
def test_what_another_user_left_stays(loader: Loader, tmp_path: Path) -> None:
    waiting = tmp_path / "waiting"
    waiting.mkdir()
    left = _killed(loader, waiting)
    os.chown(left, 12345, 12345)
    run = loader.run(_MESSAGES, env={**os.environ, "TMPDIR": str(waiting)})

    assert run.exit_code == 0, run.stderr
    assert list(waiting.iterdir()) == [left]


def test_more_streams_than_a_process_may_have_files(tmp_path: Path) -> None:
    loader = Loader(tmp_path)
    messages = [
        it
        for number in range(80)
        for it in (schema(f"s{number}", {"id": INTEGER}), record(f"s{number}", {"id": number}))
    ]
    run = loader.run_within("RLIMIT_NOFILE", 40, [*messages, state(1)])

    assert run.exit_code == 0, run.stderr
    assert loader.rows("s79") == [{"id": 79}]
