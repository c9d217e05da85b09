#!/bin/sh
# What needs no Meltano, with the oldest and the newest of what pyproject.toml allows.
set -eu
for resolution in lowest-direct highest; do
    environment=.tools/sdk-$resolution
    UV_PROJECT_ENVIRONMENT=$environment "$UV" sync --quiet --frozen --python "$PYTHON"
    "$UV" pip install --quiet --python "$environment" --upgrade \
        --resolution "$resolution" --editable .
    "$UV" pip list --quiet --python "$environment" | grep singer-sdk
    "$environment/bin/pytest" -q --numprocesses auto \
        --ignore=tests/warehouse --ignore=packages/orchestrate/tests/test_dags.py \
        tests packages/orchestrate/tests
done
