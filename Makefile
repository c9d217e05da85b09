# Everything is installed inside the checkout: .venv (the tap and what tests it), .tools (uv, Meltano).
# Needed beforehand: make, and a Python of 3.10 to 3.14. Where there is none, uv brings one; for that a
# Python of any version will do, or uv itself.

NAMES := python3 python3.14 python3.13 python3.12 python3.11 python3.10
# The first of the Pythons $(1) that runs $(2) without an error.
first = $(shell for python in $(1); do $$python -c '$(2)' >/dev/null 2>&1 && { command -v $$python; break; }; done)

FIT := import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 14))
PYTHON ?= $(call first,$(NAMES),$(FIT))
ifeq ($(PYTHON),)
PYTHON := 3.13
export UV_PYTHON_INSTALL_DIR := $(CURDIR)/.tools/python
endif

UV_VERSION := 0.13.9
UV := .tools/uv/bin/uv
MELTANO := .tools/meltano/bin/meltano
unexport VIRTUAL_ENV
# Once, instead of at every start of a program wherever Python may not write beside its modules: dbt
# takes 2 s to start then, and not 6.
export UV_COMPILE_BYTECODE := 1

.PHONY: setup demo report info notify test test-loader loader-histories test-tap test-all test-sdk exactness storm memory month \
	loaders snowflake adapters sqlmesh benchmark orchestrators container airflow lint lint-dags lint-sql format \
	docs dist clean

setup: .venv/ready .meltano/ready

# Debian has venv and pip in packages of their own: one of them is enough.
WITH_VENV = $(call first,$(PYTHON) $(NAMES),import ensurepip; import venv)
WITH_PIP = $(call first,$(PYTHON) $(NAMES),import pip)
INSTALL_UV := pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
$(UV):
	$(if $(WITH_VENV),$(WITH_VENV) -m venv .tools/uv && .tools/uv/bin/python -m $(INSTALL_UV),\
	$(if $(WITH_PIP),$(WITH_PIP) -m $(INSTALL_UV) --target .tools/uv,\
	$(if $(shell command -v uv 2>/dev/null),uv venv --quiet --python "$(PYTHON)" .tools/uv && uv $(INSTALL_UV) --python .tools/uv,\
	@echo "make: no Python with venv or pip found, and no uv; install one (Debian: python3-venv), or name a Python: make PYTHON=/path/to/python3" >&2; exit 1)))

.venv/ready: $(UV) pyproject.toml target_duckdb/pyproject.toml uv.lock
	$(UV) sync --quiet --frozen --python "$(PYTHON)"
	touch $@

.tools/meltano/ready: $(UV) uv.lock
	UV_PROJECT_ENVIRONMENT=.tools/meltano $(UV) sync --quiet --frozen --only-group meltano --python "$(PYTHON)"
	touch $@

# What needs a service of its own, such as Snowflake, Meltano installs when it is first run.
PLUGINS := tap-dagctl tap-dagctl-runs tap-dagctl-statistics target-duckdb target-jsonl target-postgres \
	dbt dbt-duckdb dbt-postgres
.meltano/ready: .tools/meltano/ready meltano.yml transform/overrides.txt pyproject.toml target_duckdb/pyproject.toml
	$(MELTANO) install $(PLUGINS) > .tools/meltano-install.log 2>&1 || { cat .tools/meltano-install.log >&2; exit 1; }
	touch $@

.tools/airflow/ready: $(UV) orchestrate/airflow/uv.lock
	UV_PROJECT_ENVIRONMENT=$(CURDIR)/.tools/airflow $(UV) sync --quiet --frozen --project orchestrate/airflow --python "$(PYTHON)"
	touch $@

# The table is what a staging model asks for before it is compiled.
.tools/sqlfluff/ready: $(UV) tests/support/sqlfluff/uv.lock
	UV_PROJECT_ENVIRONMENT=$(CURDIR)/.tools/sqlfluff $(UV) sync --quiet --frozen --project tests/support/sqlfluff --python "$(PYTHON)"
	rm -f $(@D)/empty.duckdb
	$(@D)/bin/python -c "import duckdb; duckdb.connect('$(@D)/empty.duckdb').execute( \
		'create schema dagctl; create table dagctl.projects (id text)')"
	touch $@

demo: setup
	.venv/bin/python -m demo.demo

# One page of the answers, from the warehouse; REPORT="--warehouse postgres" reads PostgreSQL.
report: setup
	.venv/bin/python -m report $(REPORT)

# The last sync, and how each project stands; INFO=sales lists the streams of a project.
info: setup
	.venv/bin/python -m report info $(INFO)

# What is new in the answers, to the addresses in DAGCTL_NOTIFY_ADDRESSES; NOTIFY=--dry-run prints it.
notify: setup
	.venv/bin/python -m report notify $(NOTIFY)

# -rs names what could not run: the tests of the page in a browser, where there is none.
test: setup .tools/airflow/ready lint lint-dags test-loader
	.venv/bin/pytest -q -rs --numprocesses auto

# The loader in target_duckdb/ is a project of its own, with tests of its own.
test-loader: .venv/ready
	cd target_duckdb && ../.venv/bin/pytest -q --numprocesses auto

# Hundreds of made-up histories through the loader, killed at any moment.
loader-histories: .venv/ready
	cd target_duckdb && EXAMPLES=$(EXAMPLES) ../.venv/bin/pytest -q --numprocesses auto tests/test_histories.py tests/test_both_ways.py
loader-histories: EXAMPLES ?= 1000

NO_MELTANO := $(addprefix --ignore=tests/,warehouse transform report airflow)
# What needs no Meltano.
test-tap: .venv/ready
	.venv/bin/pytest -q --numprocesses auto $(NO_MELTANO)

# What needs no Meltano, and the loader, on every supported Python that is here; pyenv hides those it was
# not told of. The scripts for schedulers run .venv, whichever Python runs their tests.
PYTHONS ?= 3.10 3.11 3.12 3.13 3.14
test-all: $(UV)
	@export PYENV_VERSION=$$(pyenv versions --bare 2>/dev/null | paste -sd: -); \
	for version in $(PYTHONS); do \
		python=$$($(UV) python find --no-python-downloads --no-project $$version 2>/dev/null) \
			|| { echo "Python $$version is not here"; continue; }; \
		echo "Python $$version"; \
		UV_PROJECT_ENVIRONMENT=.tools/python-$$version $(UV) sync --quiet --frozen --python $$python \
			&& .tools/python-$$version/bin/pytest -q --numprocesses auto $(NO_MELTANO) \
				--ignore=tests/orchestrate/test_schedulers.py \
			&& (cd target_duckdb && ../.tools/python-$$version/bin/pytest -q --numprocesses auto) || exit 1; \
	done

# What needs no Meltano with the oldest and the newest SDK that the range in pyproject.toml allows.
test-sdk: $(UV)
	@for resolution in lowest-direct highest; do \
		environment=.tools/sdk-$$resolution; \
		UV_PROJECT_ENVIRONMENT=$$environment $(UV) sync --quiet --frozen --python "$(PYTHON)" \
			&& $(UV) pip install --quiet --python $$environment --upgrade-package singer-sdk \
				--resolution $$resolution --editable . \
			&& $(UV) pip list --quiet --python $$environment | grep singer-sdk \
			&& $$environment/bin/pytest -q --numprocesses auto $(NO_MELTANO) || exit 1; \
	done

# Thousands of made-up histories; SEED=… runs those of one seed again and looks for the shortest.
HISTORIES ?= 3000
exactness: .venv/ready
	.venv/bin/python -m tests.sweeps.exactness $(if $(SEED),--seed $(SEED),--histories $(HISTORIES))
	.venv/bin/python -m tests.sweeps.statistics_histories $(if $(SEED),--seed $(SEED),--histories $(HISTORIES))

# Syncs in which every fifth request meets a fault; SEED=… runs one of them again.
STORMS ?= 200
storm: .venv/ready
	.venv/bin/python -m tests.sweeps.storm $(if $(SEED),--seed $(SEED),--storms $(STORMS))

# A million rows against ten thousand; takes minutes.
memory: .venv/ready
	.venv/bin/python -m tests.sweeps.memory

# A month of made-up days through everything, looked at every day; takes about ten minutes.
month: setup
	.venv/bin/python -m tests.sweeps.month

# Loaders that people use, compared row by row; needs a Python of 3.11 to 3.13. LOADERS=snowflake runs those
# that have it in their names, LOADERS=--record writes what is found as what is expected.
loaders: .venv/ready
	.venv/bin/python -m tests.sweeps.loaders $(LOADERS)

# The answers in what stands in for Snowflake, row by row; needs a Python of 3.11 to 3.13, as do the next two.
snowflake: .venv/ready
	.venv/bin/python -m tests.sweeps.snowflake

# The answers' SQL, compiled by the adapters of other warehouses and parsed; and built with the oldest dbt.
adapters: setup
	.venv/bin/python -m tests.sweeps.adapters

# The answers built by SQLMesh, beside those that dbt builds, row by row.
sqlmesh: setup
	.venv/bin/python -m tests.sweeps.sqlmesh

# Beside what a user would pick instead; takes about an hour, and wants a machine that is idle.
# BENCHMARK="--parts list", chains or projects measures only that part of benchmarks/RESULTS.md.
benchmark: setup
	UV_PROJECT_ENVIRONMENT=.tools/dlt $(UV) sync --quiet --frozen --only-group benchmark --python "$(PYTHON)"
	$(UV) venv --quiet --clear --python "$(PYTHON)" .tools/loaders/target-duckdb-0.8.0
	$(UV) pip install --quiet --python .tools/loaders/target-duckdb-0.8.0 target-duckdb==0.8.0 duckdb==1.2.2
	.venv/bin/python -m benchmarks.run $(BENCHMARK)

# Dagster and Prefect run a sync for each shard, on the stand-in.
orchestrators: setup .tools/dagster/ready .tools/prefect/ready
	.venv/bin/python -m tests.sweeps.orchestrators

DAGSTER := dagster==1.13.28
PREFECT := prefect==3.9.1
.tools/dagster/ready: ORCHESTRATOR := $(DAGSTER)
.tools/prefect/ready: ORCHESTRATOR := $(PREFECT)
.tools/dagster/ready .tools/prefect/ready: $(UV) Makefile
	$(UV) venv --quiet --clear --python "$(PYTHON)" $(@D)
	$(UV) pip install --quiet --python $(@D) $(ORCHESTRATOR)
	touch $@

# What the Containerfile says, done without a container engine, and what comes out run on the stand-in.
container: setup
	.venv/bin/python -m tests.sweeps.container

# A whole Airflow with two workers, one of which is lost; takes about eight minutes.
airflow: setup .tools/airflow/ready
	.venv/bin/python -m orchestrate.airflow.show

lint: .venv/ready lint-sql
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	cd target_duckdb && ../.venv/bin/mypy

# The DAGs beside the Airflow that they are for, which is not where the tap is.
lint-dags: .venv/ready .tools/airflow/ready
	MYPYPATH=orchestrate/dags .venv/bin/mypy --explicit-package-bases \
		--python-executable .tools/airflow/bin/python orchestrate/dags/*.py

# The models and tests as dbt compiles them; of macros, what can be seen of them as they are.
lint-sql: export TARGET_DUCKDB_FILEPATH := ../.tools/sqlfluff/empty.duckdb
lint-sql: export TARGET_DUCKDB_DEFAULT_TARGET_SCHEMA := dagctl
lint-sql: export DBT_TARGET_PATH := ../.tools/lint-sql
lint-sql: .tools/sqlfluff/ready
	cd transform && ../.tools/sqlfluff/bin/sqlfluff lint --templater jinja --rules JJ01,LT05,LT12,LT15 macros tests/generic
	cd transform && ../.tools/sqlfluff/bin/sqlfluff lint models tests

docs: .venv/ready
	.venv/bin/python -m scripts.write

format: .venv/ready
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

dist: $(UV)
	rm -rf dist
	$(UV) build --quiet --python "$(PYTHON)"
	$(UV) build --quiet --python "$(PYTHON)" --out-dir dist target_duckdb

clean:
	rm -rf .venv .tools .meltano output/* dist
