"""When most tests look at the made-up account."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

# A run of sales_warehouse is going on then.
NOW = datetime(2026, 3, 4, 12, 1, 40, tzinfo=timezone.utc)


def first_day(now: datetime) -> date:
    """Return the first day of statistics that a sync without `start_date` brings."""
    return now.date() - timedelta(days=29)


FIRST_DAY = first_day(NOW)
