"""An account of which one list is refused; the rest must be loaded, built and told nevertheless."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from report.notify.settings import ADDRESSES
from stand_in.server import Api, serving
from stand_in.world import RUNS, World, to_text
from tests.support.at_request import refuse
from tests.support.orchestrated import Place, put
from tests.support.receivers import SECRET, Receiver, webhook
from tests.support.warehouses import Warehouse

_REFUSED = "proj_3"


@dataclass(frozen=True)
class PartlyRefused:
    """The account, where it is loaded, and who is told."""

    api: Api
    warehouse: Warehouse
    hook: Receiver

    @property
    def variables(self) -> dict[str, str]:
        """What the programs read, with the states in the warehouse, too."""
        uri = self.warehouse.environment["TARGET_POSTGRES_SQLALCHEMY_URL"]
        place = Place.of(self.api, uri, Path())
        return {
            **{name: it for name, it in place.variables.items() if "DUCKDB" not in name},
            **self.warehouse.environment,
            "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": "dagctl",
            "DAGCTL_SLA_SECONDS": "77",
            ADDRESSES: self.hook.address,
        }

    def refuse(self, *, is_on: bool = True) -> None:
        """Refuse the runs of one project from now on, or no longer."""
        refuse(self.api, {f"/{_REFUSED}/runs": 403} if is_on else {})

    def check(self, said: str) -> None:
        """Check the tables, and what was said and told when the run of a job had failed."""
        world = self.api.world
        assert self.warehouse.differences(world) == []
        assert "| Synced " in said
        for secret in (world.token, SECRET):
            assert secret not in said
        used = self.warehouse.query("select sla_seconds from dagctl_answers.settings_used")
        assert used == [{"sla_seconds": 77}]
        (message,) = self.hook.take()
        assert message.sections.keys() == {"Streams that cannot be read", "Jobs broken"}


@contextmanager
def partly_refused(warehouse: Warehouse) -> Iterator[PartlyRefused]:
    """Run the servers; dbt counts back from this machine's clock, so it is that of the account."""
    world = World(now=datetime.now(tz=timezone.utc))
    failed = {"status": "failed", "job_name": "nightly", "end_time": to_text(world.now)}
    for number in range(4):
        world.add_project(f"proj_{number}", f"name of proj_{number}")
    put(world, "first", *world.projects)
    world.delete(RUNS, _REFUSED, f"run first of {_REFUSED}")
    world.put(RUNS, "proj_0", {"id": "failed run", **failed})
    with serving(world) as api, webhook() as hook:
        yield PartlyRefused(api, warehouse, hook)
