# Everything is installed inside the checkout: .venv (the tap, packages/, the linters), .tools (uv, Meltano), .meltano.
# It needs make, and a Python of 3.10 to 3.15; where there is none, uv brings one, if any Python or uv is there.

NAMES := python3 python3.15 python3.14 python3.13 python3.12 python3.11 python3.10
# The first of the Pythons $(1) that runs $(2) without an error.
first = $(shell for python in $(1); do $$python -c '$(2)' >/dev/null 2>&1 && { command -v $$python; break; }; done)

FIT := import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 15))
PYTHON ?= $(call first,$(NAMES),$(FIT))
ifeq ($(PYTHON),)
PYTHON := 3.13
export UV_PYTHON_INSTALL_DIR := $(CURDIR)/.tools/python
endif
export PYTHON
UV_VERSION := 0.13.9
UV := .tools/uv/bin/uv
# Named itself: for a script that stands for it, as pyenv has, uv would make each environment anew.
INTERPRETER = $(or $(shell $(PYTHON) -c 'import sys; print(sys.executable)' 2>/dev/null),$(PYTHON))
SYNC = $(UV) sync --quiet --frozen --python "$(INTERPRETER)"
unexport VIRTUAL_ENV
# Once, not at every start where Python may not write beside its modules: dbt starts in 2 s then, instead of 6.
export UV_COMPILE_BYTECODE := 1

# Long targets say what they do before they begin.
.SILENT:
$(foreach it,$(filter demo test check,$(MAKECMDGOALS)),$(info $(shell sed -n 's/ | .*//; s/^$(it)[ :].*## /make $(it): /p' $(firstword $(MAKEFILE_LIST)))))

help: ## show this list
	awk -F ':.*## ' '/^[a-z -]+:.*## /{printf "%-17s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: .venv/ready .meltano/ready ## install everything that a user needs

# Debian has venv and pip in packages of their own.
WITH_VENV = $(call first,$(PYTHON) $(NAMES),import ensurepip; import venv)
WITH_PIP = $(call first,$(PYTHON) $(NAMES),import pip)
INSTALL_UV := pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
$(UV):
	$(if $(WITH_VENV),$(WITH_VENV) -m venv .tools/uv && .tools/uv/bin/python -m $(INSTALL_UV),\
	$(if $(WITH_PIP),$(WITH_PIP) -m $(INSTALL_UV) --target .tools/uv,\
	$(if $(shell command -v uv 2>/dev/null),uv venv --quiet --python "$(PYTHON)" .tools/uv && uv $(INSTALL_UV) --python .tools/uv,\
	echo "make: no Python with venv or pip found, and no uv; install one (Debian: python3-venv), or name a Python: make PYTHON=/path/to/python3" >&2; exit 1)))

# The loaders do not make the folder `output` themselves.
.venv/ready: $(UV) uv.lock pyproject.toml $(wildcard packages/*/pyproject.toml)
	$(info Installing the tap and what its tests need…)$(SYNC)
	mkdir -p output && touch $@

.tools/meltano/ready: $(UV) uv.lock
	$(info Installing Meltano…)UV_PROJECT_ENVIRONMENT=.tools/meltano $(SYNC) --only-group meltano
	touch $@

# What needs a service of its own, such as Snowflake, Meltano installs when it is first run.
PLUGINS := tap-dagctl $(addprefix tap-dagctl-,runs statistics) $(addprefix target-,duckdb jsonl postgres) dbt dbt-duckdb dbt-postgres
.meltano/ready: .tools/meltano/ready meltano.yml packages/transform/overrides.txt pyproject.toml packages/target-duckdb/pyproject.toml
	$(info Installing its plugins…).tools/meltano/bin/meltano install $(PLUGINS) > .tools/meltano-install.log 2>&1 || { cat .tools/meltano-install.log >&2; exit 1; }
	touch $@

# An environment for each dependency group of tests/environments.
.tools/%/ready: $(UV) uv.lock
	$(info Installing $*…)UV_PROJECT_ENVIRONMENT=.tools/$* $(SYNC) --package dagctl-environments --only-group $*
	touch $@

demo sandbox: setup ## load a made-up account twice, and answer both questions; a minute, and one for the set-up | serve it until Ctrl-C, to try the tap on
	.venv/bin/python -m $@

report: setup ## write the page of the answers; REPORT="--warehouse postgres" reads PostgreSQL
	.venv/bin/python -m report $(REPORT)
info notify: setup ## print how the account stands; INFO=sales: a project | send what is new; NOTIFY=--dry-run: print it
	.venv/bin/python -m report $@ $(if $(filter info,$@),$(INFO),$(NOTIFY))

# -rs names what could not run: the tests of the page in a browser, where there is none. Many tests wait for a program.
test: setup lint test-loader ## run everything: lint, types and all tests; seven minutes on two cores
	.venv/bin/pytest -q -rs --numprocesses 3 --dist worksteal

check: .venv/ready ## run what needs no other program: lint, types, most tests of the tap; a minute and a half
	.venv/bin/ruff check && .venv/bin/ruff format --check && .venv/bin/mypy && .venv/bin/lint-imports --no-cache
	.venv/bin/pytest -q -m "not programs" --numprocesses 4 --dist worksteal --ignore=tests/warehouse tests packages/orchestrate/tests

test-loader: .venv/ready ## run the tests of the loader alone
	cd packages/target-duckdb && ../../.venv/bin/pytest -q --numprocesses auto

test-all test-sdk: $(UV) ## run the tests without Meltano, on every Python here | with the oldest and newest SDK and libraries
	UV="$(UV)" tools/$@.sh

lint: .venv/ready .tools/sqlfluff/ready ## run ruff, mypy, import-linter, and sqlfluff for the SQL
	.venv/bin/ruff check && .venv/bin/ruff format --check && .venv/bin/mypy && .venv/bin/lint-imports --no-cache
	cd packages/target-duckdb && ../../.venv/bin/mypy
	$(UV) lock --quiet --check --offline --python "$(INTERPRETER)"
	tools/lint-sql.sh
lint-dags: .venv/ready .tools/airflow/ready
	MYPYPATH=packages/orchestrate/dags .venv/bin/mypy --explicit-package-bases --python-executable .tools/airflow/bin/python packages/orchestrate/dags/*.py

format: .venv/ready ## fix what ruff finds
	.venv/bin/ruff check --fix && .venv/bin/ruff format

docs: .venv/ready ## write what is generated, after a setting, a stream or an answer has changed
	.venv/bin/python -m scripts.write

# SEED=7 runs only that seed, and shortens what fails; SEEDS=400 runs more of them.
SEEDED = SEED=$(or $(SEED),$(shell date +%s)) SEEDS=$(if $(SEED),1,$(or $(SEEDS),$1)) .venv/bin/pytest -q --numprocesses auto
exactness: .venv/ready ## try to break the tap with thousands of made-up histories
	$(call SEEDED,120) tests/pagination/test_exactness.py tests/state/test_histories.py -k made_up
storm: .venv/ready ## try to break it with servers that fail
	$(call SEEDED,200) tests/api/test_faults.py -k storm
# Those without a file of their own are tests of answers.py.
SWEEPS := memory loaders snowflake adapters sqlmesh container orchestrators airflow
$(SWEEPS): setup
	.venv/bin/$(if $(filter memory,$@),python -m tests.sweeps.memory,pytest -q $(if $(LOADERS),-k "$(LOADERS)") \
		$(or $(wildcard tests/sweeps/$@.py),-k test_$@ tests/sweeps/answers.py))
orchestrators: .tools/dagster/ready .tools/prefect/ready
airflow: .tools/airflow/ready lint-dags
benchmark: setup .tools/dlt/ready .tools/target-duckdb/ready ## measure the tap beside what else there is: an hour
	.venv/bin/python -m benchmarks.run $(BENCHMARK)

dist: $(UV)
	rm -rf dist
	for it in . packages/target-duckdb; do $(UV) build --quiet --python "$(PYTHON)" --out-dir dist $$it || exit 1; done

clean: ## remove everything that was installed or loaded
	rm -rf .venv .tools .meltano output dist

.PHONY: help setup demo sandbox report info notify test check test-loader test-all test-sdk lint lint-dags format docs \
	exactness storm $(SWEEPS) benchmark dist clean
