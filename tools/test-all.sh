#!/bin/sh
# What needs no Meltano, and the loader, on every supported Python that is here; pyenv hides those it was
# not told of. The scripts for schedulers run .venv, whichever Python runs their tests.
set -eu
versions=${PYTHONS:-3.10 3.11 3.12 3.13 3.14 3.15}
PYENV_VERSION=$(pyenv versions --bare 2>/dev/null | paste -sd: -)
export PYENV_VERSION
for version in $versions; do
    python=$("$UV" python find --no-python-downloads --no-project "$version" 2>/dev/null) || {
        echo "Python $version is not here"
        continue
    }
    echo "Python $version"
    UV_PROJECT_ENVIRONMENT=.tools/python-$version "$UV" sync --quiet --frozen --python "$python"
    ".tools/python-$version/bin/pytest" -q --numprocesses auto --ignore=packages/orchestrate/tests/test_schedulers.py \
        --ignore=tests/warehouse --ignore=packages/orchestrate/tests/test_dags.py \
        tests packages/orchestrate/tests
    (cd packages/target-duckdb && "../../.tools/python-$version/bin/pytest" -q --numprocesses auto)
done
