"""The answers in Snowflake, as far as what stands in for it goes: `make snowflake`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.support.adapters import dbt, dialects
from tests.support.answers import assert_answers
from tests.support.awkward import SeededHistory
from tests.support.environments import install
from tests.support.expected_answers import Loaded
from tests.support.loaders import snowflake
from tests.support.loaders.ways import SNOWFLAKE, WAYS, load

_OVERRIDES = {"awkward 1": 2_400, "proj_awkward_02": 0}


def _check(history: SeededHistory, directory: Path) -> None:
    """Print what holds; an assertion fails if something does not."""
    way, warehouse = WAYS[SNOWFLAKE], snowflake.warehouse(directory)
    with way.open(directory) as store:
        load(way, store, history, directory)
        store.read()
    assert warehouse.differences(history.world) == []
    print("loaded: every row and field is the API's", flush=True)
    with snowflake.served(directory) as variables:
        built = dbt.build(
            "dbt-snowflake",
            directory,
            warehouse.environment | variables | {"DBT_TARGET": "snowflake"},
            dagctl_as_of=f"{history.world.now:%Y-%m-%d %H:%M:%S}",
            dagctl_sla_seconds_by_project=_OVERRIDES,
        )
    print(f"built: {built}")
    staged = warehouse.differences(history.world, "dagctl_answers", "stg_dagctl__")
    assert staged == []
    assert_answers(warehouse, Loaded(history.world, slas=_OVERRIDES))
    (settings,) = warehouse.query("select as_of, sla_days from dagctl_answers.settings_used")
    assert settings == {"as_of": history.world.now.replace(tzinfo=None), "sla_days": 7}
    print("compared: every row of every table is the reference's")
    print(f"parsed: {dialects.parse(directory / 'target', 'snowflake')} statements")


if __name__ == "__main__":
    for group in ("fakesnow", SNOWFLAKE, "dbt-snowflake"):
        install(group)
    with tempfile.TemporaryDirectory() as name:
        _check(SeededHistory(), Path(name))
