"""A DuckDB file that was built, then copied, renamed or attached: all of it can still be read."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.support import troubleshooting
from tests.support.base_time import NOW
from tests.support.dbt_server import Dbt
from tests.support.reports import page_of
from tests.support.warehouses import duckdb_at


def everything(file: Path, alias: str | None = None) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of every table and view in both schemas, by a name with its schema.

    With an alias, as somebody with a database of his own finds them, with names like ours.
    """
    with duckdb.connect(":memory:" if alias else str(file), read_only=not alias) as connection:
        if alias:
            connection.execute("create schema dagctl; create table dagctl.runs as select 1 as it")
            connection.execute(f"attach '{file}' as {alias} (read_only)")
        database = alias or file.stem
        names = connection.execute(
            "select table_schema, table_name from information_schema.tables "
            "where table_catalog = ?",
            [database],
        ).fetchall()
        return {
            f"{schema}.{name}": sorted(
                connection.sql(f'from "{database}"."{schema}"."{name}"').fetchall(), key=repr
            )
            for schema, name in names
        }


# A name with a quote, one of the schema that holds the answers.
@pytest.mark.parametrize("name", ["it's mine", "dagctl_answers"])
def test_every_relation_and_the_report_of_a_file_with_another_name(
    built: Path, tmp_path: Path, name: str
) -> None:
    copied = tmp_path / f"{name}.duckdb"
    shutil.copy(built, copied)
    pages = [page_of(duckdb_at(it), tmp_path / "report.html") for it in (copied, built)]
    assert pages[0].replace(copied.name.replace("'", "&#39;"), built.name) == pages[1]
    expected = everything(built)
    assert expected["dagctl_answers.stg_dagctl__runs"]
    assert everything(copied) == expected
    renamed = copied.rename(tmp_path / "sub.folder.duckdb")
    assert everything(renamed, "warehouse") == expected


@pytest.mark.parametrize("name", ["copy", "dagctl"])
def test_a_build_mends_a_copy_of_a_file_that_names_itself(
    name: str, dbt: Dbt, built: Path, tmp_path: Path
) -> None:
    """As the staging views did once; in a file of the schema's name they have to."""
    copied = tmp_path / f"{name}.duckdb"
    shutil.copy(built, copied)
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
        everything(copied)
    troubleshooting.check([str(caught.value)])

    staging = ("run", "--select", "path:models/staging")
    dbt.build(duckdb_at(copied), *staging, now=NOW, parse=True)
    mended, expected = everything(copied), everything(built)
    staged = [relation for relation in expected if ".stg_" in relation]
    assert [mended[it] for it in staged] == [expected[it] for it in staged]
