from __future__ import annotations

from typing import Any

import pytest

from tests.support import troubleshooting


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
