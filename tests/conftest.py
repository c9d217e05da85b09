from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from stand_in.server import Api, serving
from stand_in.world import World
from tests.support import troubleshooting

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def world() -> World:
    """Two projects without a run."""
    world = World()
    world.add_project("proj_a", "sales")
    world.add_project("proj_b", "finance", project_type="dbt")
    return world


@pytest.fixture
def api(world: World) -> Iterator[Api]:
    with serving(world) as api:
        yield api


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail a whole run in which docs/troubleshooting.md quotes a message that no program said."""
    config = session.config
    if hasattr(config, "workeroutput"):
        config.workeroutput["seen"] = sorted(troubleshooting.SEEN)
    elif exitstatus == pytest.ExitCode.OK and _is_whole(config):
        for quote in troubleshooting.unseen():
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
            print(f"docs/troubleshooting.md: no test provokes: {quote}")  # noqa: T201


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a worker saw."""
    troubleshooting.SEEN.update(getattr(node, "workeroutput", {}).get("seen", ()))


def _is_whole(config: pytest.Config) -> bool:
    partial = ("keyword", "markexpr", "ignore", "ignore_glob", "deselect", "lf", "collectonly")
    return config.args_source is pytest.Config.ArgsSource.TESTPATHS and not any(
        config.getoption(name, None) for name in partial
    )
