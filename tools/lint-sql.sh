#!/bin/sh
# The models and tests as dbt compiles them; of macros, what can be seen of them as they are.
set -eu
cd packages/transform
environment=../../.tools/sqlfluff
export TARGET_DUCKDB_FILEPATH=$environment/empty.duckdb
export TARGET_DUCKDB_DEFAULT_TARGET_SCHEMA=dagctl
export DBT_TARGET_PATH=../../.tools/lint-sql
# The table is what a staging model asks for before it is compiled.
"$environment/bin/python" -c "import duckdb; duckdb.connect('$TARGET_DUCKDB_FILEPATH').execute(
    'create schema if not exists dagctl; create table if not exists dagctl.projects (id text)')"
status=0
"$environment/bin/sqlfluff" lint --templater jinja --rules JJ01,LT05,LT12,LT15 macros tests/generic || status=1
"$environment/bin/sqlfluff" lint models tests || status=1
exit $status
