"""A DuckDB file that was built, then copied, renamed or attached: all of it can still be read."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from tests.support import troubleshooting
from tests.support.base_time import NOW
from tests.support.reports import report
from tests.support.warehouses import duckdb_at

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.dbt_server import Dbt

Relations = dict[str, list[tuple[Any, ...]]]


def everything(connection: duckdb.DuckDBPyConnection, database: str) -> Relations:
    """Return all rows of every table and view in both schemas, by a name with its schema."""
    names = connection.execute(
        "select table_schema, table_name from information_schema.tables where table_catalog = ?",
        [database],
    ).fetchall()
    return {
        f"{schema}.{name}": sorted(
            connection.sql(f'from "{database}"."{schema}"."{name}"').fetchall(), key=repr
        )
        for schema, name in names
    }


def everything_in(file: Path) -> Relations:
    with duckdb.connect(str(file), read_only=True) as connection:
        return everything(connection, file.stem)


def test_every_relation_of_a_file_with_another_name(built: Path, tmp_path: Path) -> None:
    expected = everything_in(built)
    assert {name.partition(".")[0] for name in expected} == {"dagctl", "dagctl_answers"}
    assert expected["dagctl_answers.stg_dagctl__runs"]
    # The second name is that of a schema.
    for name in ("Before upgrade 1", "dagctl_answers"):
        copied = tmp_path / f"{name}.duckdb"
        shutil.copy(built, copied)
        assert everything_in(copied) == expected
        renamed = copied.rename(tmp_path / "sub.folder.duckdb")
        assert everything_in_attached(renamed, "warehouse") == expected


def everything_in_attached(file: Path, alias: str) -> Relations:
    """Return all rows, as somebody with a database of his own finds them, with names like ours."""
    with duckdb.connect() as connection:
        connection.execute("create schema dagctl")
        connection.execute("create table dagctl.runs as select 1 as another")
        connection.execute(f"attach '{file}' as {alias} (read_only)")
        return everything(connection, alias)


# A name with a quote, one of the schema that holds the answers, one of the schema of the loader.
@pytest.mark.parametrize("name", ["it's mine", "dagctl_answers", "dagctl"])
def test_the_report_of_a_file_with_another_name(name: str, built: Path, tmp_path: Path) -> None:
    shutil.copy(built, tmp_path / f"{name}.duckdb")
    pages = []
    for file in (built, tmp_path / f"{name}.duckdb"):
        done = report(duckdb_at(file), tmp_path / "report.html")
        assert done.returncode == 0, done.stderr
        page = (tmp_path / "report.html").read_text()
        pages.append(page.replace(f"{name.replace(chr(39), '&#39;')}.duckdb", built.name))
    assert pages[0] == pages[1]


@pytest.mark.parametrize("name", ["copy", "dagctl"])
def test_a_build_mends_a_copy_of_a_file_that_names_itself(
    name: str, dbt: Dbt, built: Path, tmp_path: Path
) -> None:
    """As the staging views did once; in a file of the schema's name they have to."""
    expected = staged_in(built)
    old = tmp_path / "old.duckdb"
    shutil.copy(built, old)
    copied = old.rename(tmp_path / f"{name}.duckdb")
    with duckdb.connect() as connection:
        # DuckDB 2 leaves out the name of the view's own file, so this one is another's.
        connection.execute(f"attach '{copied}' as copied")
        connection.execute("""
            attach ':memory:' as old;
            create schema old.dagctl;
            create table old.dagctl.runs as from copied.dagctl.runs;
            create or replace view copied.dagctl_answers.stg_dagctl__runs as
            select * from old.dagctl.runs
        """)
    with pytest.raises((duckdb.BinderException, duckdb.CatalogException)) as caught:
        everything_in(copied)
    troubleshooting.check([str(caught.value)])

    staging = ("run", "--select", "path:models/staging")
    dbt.build(duckdb_at(copied), *staging, now=NOW, parse=True)
    assert staged_in(copied) == expected


def staged_in(file: Path) -> Relations:
    return {name: rows for name, rows in everything_in(file).items() if ".stg_" in name}
