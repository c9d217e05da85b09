"""The program: its settings, its file, its signals, and what it says when something cannot be."""

from __future__ import annotations

import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from target_duckdb.warehouse import Warehouse
from tests.support.program import Loader, Run, lines, record, schema, state
from tests.support.types import INTEGER, TEXT

_DECLARED = schema("it", {"id": INTEGER})
_MESSAGES = [_DECLARED, record("it", {"id": 1}), state(1)]
_LARGE = [schema("it", {"id": INTEGER, "text": TEXT}), record("it", {"id": 1, "text": "x" * 2**21})]


def test_a_setting_without_a_value_is_as_good_as_unset(tmp_path: Path) -> None:
    Loader(tmp_path, batch_size_rows=None, validate_records=None).load(_MESSAGES)


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"batch_size_rows": 0}, "0 is less than the minimum of 1"),
        ({"filepath": None}, "'filepath' is a required property"),
        ({"filepath": ""}, "should be non-empty"),
        ({"flattening_enabled": True}, "flattening_max_depth is required"),
        ({"stream_maps": {"it": {"id": "1 +"}}}, "Failed to parse expression"),
        ({"stream_maps": {"it": {"id": "no_such_name"}}}, "Failed to evaluate"),
        ({"filepath": "/no/folder/it"}, "/no/folder/it cannot be used: there is no folder /no/f"),
        ({"filepath": "/" + "x" * 300}, f"/{'x' * 300} cannot be used"),
    ],
)
def test_a_setting_that_cannot_be_is_an_error(
    tmp_path: Path, settings: dict[str, object], error: str
) -> None:
    found = Loader(tmp_path, **settings).run_one_way(_MESSAGES).error
    assert error in found
    assert ".target-duckdb-" not in found


def test_a_configuration_that_cannot_be_read_is_an_error(loader: Loader) -> None:
    *command, config = loader.command()
    for content in (b"", b"{'filepath': 1}", b"[1]", b"\xff", None):
        Path(config).unlink()
        if content is not None:
            Path(config).write_bytes(content)
        done = subprocess.run([*command, config], capture_output=True, check=False)
        error = "config.json' was not found" if content is None else "--config is no JSON object"
        assert error in Run(done.returncode, "", done.stderr.decode()).error


def test_each_unknown_setting_is_told_once_and_nothing_that_meltano_adds(tmp_path: Path) -> None:
    storage = {"root": "x"}
    unknown: dict[str, Any] = {"hard_delet": True, "load_method": "upsert", "qqq": 1}
    loader = Loader(tmp_path, batch_config={"storage": storage}, **unknown)
    environ = {
        "TARGET_DUCKDB_BATCHSIZE": "7",
        "TARGET_DUCKDB_LOGLEVEL": "info",
        # Of a plugin that inherits, of another, of an extra, and of what is in an object.
        "MELTANO_LOADER_NAME": "target-duckdb-heir",
        "TARGET_DUCKDB_HEIR_HARD_DELETE": "false",
        "TARGET_DUCKDB_OTHER_HARD_DELETE": "true",
        "TARGET_DUCKDB__DIALECT": "target_duckdb",
        "TARGET_DUCKDB_HEIR__LOG_PARSER": "singer-sdk",
        "TARGET_DUCKDB_BATCH_CONFIG_STORAGE_ROOT": "x",
    }
    done = loader.run_program([], env={**os.environ, **environ})

    assert done.exit_code == 0, done.stderr
    ignored = "is no setting of this target and is ignored"
    told = [line.split("| ")[-1] for line in done.stderr.splitlines() if ignored in line]
    assert sorted(told) == [
        f"TARGET_DUCKDB_BATCHSIZE {ignored}: did you mean batch_size_rows?",
        f"hard_delet {ignored}: did you mean hard_delete?",
        # The SDK offers it for every target.
        f"load_method {ignored}",
        f"qqq {ignored}",
    ]


def test_a_locked_file_is_an_error(loader: Loader) -> None:
    with duckdb.connect(str(loader.file)):
        run = loader.run_one_way(_MESSAGES)

    assert "warehouse.duckdb cannot be used: IO Error: Could not set lock on file" in run.error
    assert not run.states


def test_a_file_that_is_no_database_is_an_error_without_a_network(tmp_path: Path) -> None:
    file = tmp_path / "sqlite:warehouse.db"
    with closing(sqlite3.connect(str(file))) as connection:
        connection.execute("CREATE TABLE it (id)")
    before = file.read_bytes()
    # DuckDB would put there what it fetches, and look there for what it has.
    home = tmp_path / "home"
    home.mkdir()
    loader = Loader(tmp_path, filepath=str(file))
    run = loader.run_program(_MESSAGES, env={**os.environ, "HOME": str(home)})

    assert run.error == f"{file} cannot be used: it is not a valid DuckDB database file"
    assert file.read_bytes() == before
    assert not list(home.iterdir())


def test_nothing_is_fetched_while_a_file_is_open(loader: Loader) -> None:
    warehouse = Warehouse(str(loader.file), "main")
    for name in ("autoinstall_known_extensions", "autoload_known_extensions"):
        assert warehouse.row(f"SELECT current_setting('{name}')") == (False,)
    warehouse.connection.close()


def test_of_several_that_make_the_same_file_each_loads_or_says_why_not(tmp_path: Path) -> None:
    file = tmp_path / "warehouse.duckdb"

    def load(number: int) -> Run:
        folder = tmp_path / str(number)
        folder.mkdir()
        loader = Loader(folder, filepath=str(file))
        return loader.run_program([_DECLARED, record("it", {"id": number})])

    with ThreadPoolExecutor(6) as pool:
        runs = list(pool.map(load, range(6)))
    loaded = {number for number, run in enumerate(runs) if run.exit_code == 0}

    assert {row["id"] for row in Loader(tmp_path).rows("it")} == loaded != set()
    assert all(f"{file} cannot be used" in it.error for it in runs if it.exit_code)
    assert not list(tmp_path.glob(".target-duckdb-*"))


# A tilde is the home folder, and what DuckDB takes for something else than a file is one.
@pytest.mark.parametrize("path", ["~/it.duckdb", "sqlite:it.db"])
def test_a_path_is_that_of_a_file(tmp_path: Path, path: str) -> None:
    loader = Loader(tmp_path, filepath=path)
    for _ in range(2):
        run = loader.run_program(_MESSAGES, env={**os.environ, "HOME": str(tmp_path)}, cwd=tmp_path)
        assert run.exit_code == 0, run.stderr

    with duckdb.connect(str(tmp_path / path.rpartition("/")[2]), read_only=True) as connection:
        assert connection.execute("FROM raw.it").fetchall() == [(1,)]


def test_duckdb_draws_no_progress_into_the_states(tmp_path: Path) -> None:
    # In a program without a file, as somebody may embed the loader.
    script = (
        "import sys\n"
        "from target_duckdb.warehouse import Warehouse\n"
        "warehouse = Warehouse(sys.argv[1], 'main')\n"
        "print(*warehouse.row(\"SELECT current_setting('enable_progress_bar')\"))"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "warehouse.duckdb")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "False\n"


@contextmanager
def _started(
    loader: Loader, messages: list[dict[str, Any]], **more: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the program with its input still open."""
    pipe = subprocess.PIPE
    environ = {**os.environ, **more}
    with subprocess.Popen(
        loader.command(), stdin=pipe, stdout=pipe, stderr=pipe, env=environ
    ) as process:
        assert process.stdin
        process.stdin.write(lines(messages))
        process.stdin.flush()
        try:
            yield process
        finally:
            process.kill()


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


def test_an_interrupt_between_two_statements_of_a_batch_leaves_none_of_it(loader: Loader) -> None:
    loader.load(_MESSAGES)
    warehouse = Warehouse(str(loader.file), "raw")

    def delete_and_stop() -> None:
        warehouse.connection.execute("DELETE FROM raw.it")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        warehouse.run_atomically(delete_and_stop)
    warehouse.connection.close()
    assert loader.rows("it") == [{"id": 1}]


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_a_state_that_cannot_be_handed_on_is_an_error(loader: Loader, unbuffered: str) -> None:
    reader, pipe = os.pipe()
    os.close(reader)
    outputs = {pipe: "Broken pipe"}
    if Path("/dev/full").exists():
        outputs[os.open("/dev/full", os.O_WRONLY)] = "No space left"
    for stdout, error in outputs.items():
        environ = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
        assert error in loader.run_program(_MESSAGES, stdout=stdout, env=environ).error
        os.close(stdout)


@pytest.mark.parametrize(
    ("size", "error"), [(1000, "Records cannot be put aside in /"), (200, "File too large")]
)
def test_no_room_for_a_batch_or_a_commit_is_an_error(tmp_path: Path, size: int, error: str) -> None:
    loader = Loader(tmp_path, batch_size_rows=size)
    texts = [record("it", {"id": id_, "text": f"{id_}" * 1000}) for id_ in range(1000, 1400)]
    run = loader.run_within(resource.RLIMIT_FSIZE, 2**20, [_LARGE[0], *texts, state("end")])

    assert error in run.error
    assert len(loader.rows("it")) in {0, 200}
    assert not run.states


# The name of the file, one of another catalog, and one that DuckDB has.
@pytest.mark.parametrize("name", ["warehouse", "temp", "main"])
def test_a_schema_may_have_the_name_of_a_catalog(tmp_path: Path, name: str) -> None:
    loader = Loader(tmp_path, default_target_schema=name)
    loader.load([_DECLARED, *(record("it", {"id": number}) for number in (1, 2))])
    loader.load([schema("it", {"id": INTEGER, "new": TEXT}), record("it", {"id": 2, "new": "x"})])

    assert loader.query(f"FROM warehouse.{name}.it ORDER BY id") == [(1, None), (2, "x")]


def test_a_stream_that_is_closed_is_an_error(loader: Loader) -> None:
    loader.load(_MESSAGES[:1])
    for closed, rows in ((">&-", []), ("<&-", []), ("<&- >&- 2>&-", []), ("2>&-", [{"id": 1}])):
        run = loader.run_program(_MESSAGES, "/bin/sh", "-c", f'"$@" {closed}', "sh")

        assert "2>&-" in closed or " is closed" in run.error
        assert bool(run.exit_code) != bool(rows)
        assert loader.rows("it") == rows


@contextmanager
def _waiting(loader: Loader, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the program until a record waits in `folder`."""
    with _started(loader, _LARGE, TMPDIR=str(folder)) as process:
        while not list(folder.glob("*/*.jsonl")):
            assert process.poll() is None
            time.sleep(0.01)
        yield process


def test_what_a_kill_leaves_the_next_run_removes_and_nothing_else(
    loader: Loader, tmp_path: Path
) -> None:
    folder = tmp_path / "waiting"
    folder.mkdir()
    with _waiting(loader, folder):
        pass
    assert list(folder.glob("*/*.jsonl"))
    # Of others, and of a user who named a folder so.
    (folder / "target-duckdb-projects").mkdir()
    (folder / "target-duckdb-projects" / "notes").touch()
    (folder / "target-duckdb-file").touch()
    (folder / "target-duckdb-link").symlink_to(tmp_path)
    (tmp_path / "other").mkdir()
    other = Loader(tmp_path / "other")
    with _waiting(loader, folder) as process:
        messages = [*_MESSAGES, record("it", {"id": "x"})]
        assert other.run_program(messages, env={**os.environ, "TMPDIR": str(folder)}).error
        # One that runs at the same time still has its own.
        assert len(list(folder.glob("*/*.jsonl"))) == 1
        process.communicate(lines([state(2)]), timeout=120)

    assert process.returncode == 0
    assert [row["id"] for row in loader.rows("it")] == [1]
    left = {it.name.removeprefix("target-duckdb-") for it in folder.rglob("*")}
    assert left == {"projects", "notes", "file", "link"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder away")
def test_what_another_user_left_stays(loader: Loader, tmp_path: Path) -> None:
    left = tmp_path / "target-duckdb-theirs"
    left.mkdir()
    (left / "target-duckdb.lock").touch()
    os.chown(left, 12345, 12345)
    run = loader.run_program(_MESSAGES, env={**os.environ, "TMPDIR": str(tmp_path)})

    assert (run.exit_code, left.exists()) == (0, True)


def test_more_streams_than_a_process_may_have_files(loader: Loader) -> None:
    messages: list[Any] = [schema(f"s{number}", {"id": INTEGER}) for number in range(80)]
    messages += [record(f"s{number}", {"id": number}) for number in range(80)]
    run = loader.run_within(resource.RLIMIT_NOFILE, 40, messages)

    assert run.exit_code == 0, run.stderr
    assert loader.rows("s79") == [{"id": 79}]


_SPILL = """
import duckdb, os, signal, sys
connection = duckdb.connect(sys.argv[1], config={"memory_limit": "30MiB", "threads": 1})
rows = "SELECT md5(i::VARCHAR) || md5((i + 1)::VARCHAR) FROM range(1000000) AS it(i)"
connection.execute(f"CREATE TEMP TABLE it AS {rows}")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_duckdb_put_aside_for_a_killed_run_is_removed(loader: Loader) -> None:
    subprocess.run([sys.executable, "-c", _SPILL, str(loader.file)], check=False)
    spilled = loader.directory / "warehouse.duckdb.tmp"
    assert list(spilled.iterdir())
    assert loader.run_one_way(_MESSAGES).exit_code == 0

    assert not spilled.exists()
