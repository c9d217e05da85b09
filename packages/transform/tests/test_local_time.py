"""Which rows the staging models refuse, whatever the zone and the moment they were loaded in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from functools import cache
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from packages.transform.tests.support import macros as support
from tests.support.warehouses import Warehouse

Session = psycopg.Connection[Any]

# Nothing that dagctl records is older.
OLDEST = datetime(2015, 1, 1, tzinfo=timezone.utc)
MOMENTS = st.integers(0, 23 * 366 * 86_400).map(lambda seconds: OLDEST + timedelta(seconds=seconds))
# From here on every zone is whole quarter hours from UTC.
LOADED = MOMENTS.map(lambda moment: max(moment, datetime(2020, 1, 1, tzinfo=timezone.utc)))
WINTER = datetime(2026, 1, 15, 12, tzinfo=timezone.utc)
SUMMER = datetime(2026, 7, 15, 12, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def session(server: Warehouse) -> Iterator[Session]:
    server.empty()
    with server.connect(read_only=False) as session:
        session.execute("""
            create schema dagctl;
            set search_path = dagctl;
            create table loaded (
                updated_at timestamp, start_time timestamp, _sdc_received_at timestamp,
                _sdc_sequence bigint
            )
        """)
        yield session


@pytest.fixture(scope="module")
def zones(session: Session) -> list[str]:
    names = session.execute("select name from pg_timezone_names order by name").fetchall()
    return [name for (name,) in names if name not in {"localtime", "posixrules", "Factory"}]


@cache
def macros(session: Session) -> Any:
    """Return the macros, as dbt would run them in this session."""

    def run_query(query: str) -> SimpleNamespace:
        cursor = session.execute(query.encode())
        columns = [column.name for column in cursor.description or ()]
        return SimpleNamespace(rows=[dict(zip(columns, row, strict=True)) for row in cursor])

    return support.macros("postgres", run_query)


def judged(
    session: Session, zone: str, stored_in: str, moment: datetime, stamps: tuple[Any, Any] | None
) -> tuple[bool, bool, bool]:
    """Store a row as a loader does; return whether it is refused, not known, and really wrong."""
    session.execute("truncate loaded")
    session.execute("select set_config('timezone', %s, false)", [stored_in])
    row = [moment, *(stamps or (None, None))]
    session.execute("insert into loaded values (%s, null, %s, %s)", row)
    ((stored,),) = session.execute("select updated_at from loaded").fetchall()
    times = ["updated_at", "start_time"]
    query = macros(session).rows_in_local_time("loaded", times, stamps is not None, zone)
    ((refused, not_known),) = session.execute(query.encode()).fetchall()
    return refused == 1, not_known == 1, stored != moment.replace(tzinfo=None)


def at(loaded: datetime) -> tuple[datetime, int]:
    """Return the stamps that the loader makes then."""
    return loaded, round(loaded.timestamp() * 1000)


@given(data=st.data(), moment=MOMENTS, loaded=LOADED, stamped=st.booleans())
def test_no_time_that_is_wrong_passes_unnoticed_and_none_in_utc_is_refused(
    data: st.DataObject,
    moment: datetime,
    loaded: datetime,
    stamped: bool,
    session: Session,
    zones: list[str],
) -> None:
    zone, stamps = data.draw(st.sampled_from(zones)), at(loaded) if stamped else None
    refused, not_known, is_wrong = judged(session, zone, zone, moment, stamps)
    assert not is_wrong or refused or not_known
    refused, _, is_wrong = judged(session, zone, "UTC", moment, stamps)
    assert not refused
    assert not is_wrong


@pytest.mark.parametrize(
    ("zone", "moment", "stamps", "expected"),
    [
        # New York is never at UTC's own time, so the stamps tell.
        ("America/New_York", "2025-11-02T05:30Z", at(WINTER), "refused"),
        ("America/New_York", "2025-11-02T05:30Z", None, "not known"),
        # London is, in winter: what was loaded then is not known to be right where it is of summer.
        ("Europe/London", "2025-07-01T12:00Z", at(WINTER), "not known"),
        # Within hours of the days on which its clocks are moved, too.
        ("Europe/London", "2025-10-26T00:30Z", at(WINTER), "not known"),
        ("Atlantic/Azores", "2025-10-26T01:30Z", at(SUMMER), "not known"),
        ("Europe/London", "2025-12-01T12:00Z", at(WINTER), "right"),
        ("Europe/London", "2025-12-01T12:00Z", at(SUMMER), "refused"),
        ("Africa/Abidjan", "2025-07-01T12:00Z", None, "right"),
        # A name that is an abbreviation as well, and then means another thing.
        ("WET", "2025-07-01T12:00Z", None, "not known"),
        # Rows from before the loader made stamps, or from one that means something else by them.
        ("America/New_York", "2025-07-01T12:00Z", (SUMMER, None), "not known"),
        ("America/New_York", "2025-07-01T12:00Z", (SUMMER, 7), "not known"),
    ],
)
def test_what_is_said_of_a_row(
    zone: str, moment: str, stamps: tuple[Any, Any] | None, expected: str, session: Session
) -> None:
    stored = datetime.fromisoformat(moment.replace("Z", "+00:00"))
    refused, not_known, _ = judged(session, zone, zone, stored, stamps)
    assert (refused, not_known) == (expected == "refused", expected == "not known")


def test_the_zone_that_a_loader_meets_is_the_one_that_postgres_gives_its_role(
    session: Session,
) -> None:
    """Whatever dbt's own session was told, and whatever another role has."""
    loaded = SimpleNamespace(include=lambda database: "loaded")  # noqa: ARG005 - as dbt calls it
    with session.transaction(force_rollback=True):
        session.execute("create role another")
        session.execute("create role loader")
        session.execute("alter table loaded owner to loader")
        session.execute("set local timezone = 'Asia/Tokyo'")
        (server,) = session.execute(
            "select reset_val from pg_settings where name = 'TimeZone'"
        ).fetchone() or ("",)
        for statement, expected in (
            ("alter role another set timezone to 'Asia/Dhaka'", server),
            ("alter role all set timezone to 'Asia/Dubai'", "Asia/Dubai"),
            ("alter database postgres set timezone to 'America/New_York'", "America/New_York"),
            ("alter role loader set TimeZone to 'Asia/Kolkata'", "Asia/Kolkata"),
            ("alter role loader in database postgres set timezone to 'Asia/Baku'", "Asia/Baku"),
        ):
            session.execute(statement.encode())
            assert macros(session).zone_of(loaded).strip() == expected
