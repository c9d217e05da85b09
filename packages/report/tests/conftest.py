from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from packages.report.tests.support.findings import build
from tests.support.receivers import Receiver, mail_server, webhook
from tests.support.warehouses import Warehouse, duckdb_at


@pytest.fixture
def answers(tmp_path: Path) -> Warehouse:
    warehouse = duckdb_at(tmp_path / "warehouse.duckdb")
    build(warehouse)
    return warehouse


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with webhook() as receiver:
        yield receiver


@pytest.fixture
def mail() -> Iterator[Receiver]:
    with mail_server() as receiver:
        yield receiver
