"""An account of many projects as a tap from the SDK's template has it: what most would write.

Run with `--config FILE`; reads `api_url`. The projects are the parent stream, and every child asks
from its bookmark on.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import requests
from singer_sdk import RESTStream, Stream, Tap
from singer_sdk import typing as th
from singer_sdk.helpers.types import Context
from singer_sdk.pagination import BaseAPIPaginator, BasePageNumberPaginator, SinglePagePaginator
from typing_extensions import override

TEXT, TIME, DAY, NUMBER = th.StringType, th.DateTimeType, th.DateType, th.NumberType


def fields(**types: type[th.JSONTypeHelper[Any]]) -> dict[str, Any]:
    """Return a schema."""
    return th.PropertiesList(*(th.Property(name, of) for name, of in types.items())).to_dict()


CHANGING = fields(id=TEXT, project_id=TEXT, status=TEXT, created_at=TIME, updated_at=TIME)


class PageNumbers(BasePageNumberPaginator):
    """Pages from 1 to `total_pages`."""

    @override
    def has_more(self, response: Any) -> bool:
        return bool(self.current_value < response.json()["total_pages"])


class Weeks(BaseAPIPaginator[Any]):
    """A request for each week, up to the one of today."""

    @override
    def get_next(self, response: Any) -> date | None:
        end = date.fromisoformat(window_of(response)["end_date"])
        return end + timedelta(days=1) if end < today() else None


def today() -> date:
    """Return today's day."""
    return datetime.now(tz=timezone.utc).date()


def window_of(response: requests.Response) -> dict[str, str]:
    """Return the days that were asked for."""
    query = parse_qs(urlsplit(str(response.request.url)).query)
    return {name: query[name][0] for name in ("start_date", "end_date")}


class AccountStream(RESTStream[Any]):
    """What all streams share."""

    @override
    @property
    def url_base(self) -> str:
        return str(self.config["api_url"])

    @override
    def get_new_paginator(self) -> BaseAPIPaginator[Any]:
        return SinglePagePaginator()


class Projects(AccountStream):
    """A project."""

    name = "projects"
    path = "/projects"
    primary_keys = ("id",)
    records_jsonpath = "$.projects[*]"
    schema = fields(id=TEXT, name=TEXT, updated_at=TIME)

    @override
    def get_child_context(self, record: dict[str, Any], context: Any) -> dict[str, Any]:
        return {"project_id": record["id"]}


class Paged(AccountStream):
    """Rows of a project, in pages."""

    parent_stream_type = Projects
    primary_keys = ("id",)
    schema = CHANGING

    @override
    def get_new_paginator(self) -> BaseAPIPaginator[Any]:
        return PageNumbers(1)

    @override
    def get_url_params(self, context: Any, next_page_token: Any) -> dict[str, Any]:
        params: dict[str, Any] = {"limit": 500, "page": next_page_token or 1}
        if self.replication_key and (start := self.get_starting_timestamp(context)):
            params["updated_after"] = f"{start:%Y-%m-%dT%H:%M:%SZ}"
        return params


class Runs(Paged):
    """A run of a job."""

    name = "runs"
    path = "/projects/{project_id}/runs"
    replication_key = "updated_at"
    records_jsonpath = "$.runs[*]"


class ModelExecutions(Paged):
    """An execution of a model."""

    name = "model_executions"
    path = "/projects/{project_id}/model-executions"
    replication_key = "updated_at"
    records_jsonpath = "$.executions[*]"


class Plans(Paged):
    """A plan."""

    name = "plans"
    path = "/projects/{project_id}/plans"
    records_jsonpath = "$.plans[*]"


class Jobs(AccountStream):
    """A job."""

    name = "jobs"
    parent_stream_type = Projects
    path = "/projects/{project_id}/jobs"
    primary_keys = ("id",)
    records_jsonpath = "$.jobs[*]"
    schema = CHANGING


class Statistics(AccountStream):
    """Statistics of a project."""

    parent_stream_type = Projects
    first_days: ClassVar[int] = 30
    lookback: ClassVar[int] = 2

    def first_day(self, context: Context | None) -> date:
        """Return the day to read from."""
        value = self.get_starting_replication_key_value(context)
        if value is None:
            return today() - timedelta(days=self.first_days - 1)
        return min(date.fromisoformat(value), today()) - timedelta(days=self.lookback)


class DailyStats(Statistics):
    """A day of a project."""

    name = "daily_stats"
    path = "/projects/{project_id}/runs/daily-stats"
    primary_keys = ("project_id", "date")
    replication_key = "date"
    records_jsonpath = "$.daily_stats[*]"
    schema = fields(project_id=TEXT, date=DAY, total_runs=th.IntegerType)

    @override
    def get_url_params(self, context: Any, next_page_token: Any) -> dict[str, Any]:
        return {"days": (today() - self.first_day(context)).days + 1}


class ModelStats(Statistics):
    """A model over a week."""

    name = "model_stats"
    path = "/projects/{project_id}/model-executions/stats"
    primary_keys = ("project_id", "model_name", "start_date", "end_date")
    replication_key = "end_date"
    records_jsonpath = "$.stats[*]"
    schema = fields(project_id=TEXT, model_name=TEXT, start_date=DAY, end_date=DAY, p95=NUMBER)

    @override
    def get_new_paginator(self) -> BaseAPIPaginator[Any]:
        return Weeks(None)

    @override
    def get_url_params(self, context: Any, next_page_token: Any) -> dict[str, Any]:
        first = self.first_day(context)
        start = next_page_token or first - timedelta(days=first.weekday())
        return {"start_date": str(start), "end_date": str(start + timedelta(days=6))}

    @override
    def parse_response(self, response: Any) -> Iterator[dict[str, Any]]:
        for row in super().parse_response(response):
            yield {**row, **window_of(response)}


class IdiomaticTap(Tap):
    """The streams of an account."""

    name = "tap-idiomatic"
    config_jsonschema = th.PropertiesList(th.Property("api_url", th.StringType)).to_dict()

    @override
    def discover_streams(self) -> list[Stream]:
        streams = (Projects, Runs, ModelExecutions, DailyStats, ModelStats, Jobs, Plans)
        return [stream(self) for stream in streams]


if __name__ == "__main__":
    IdiomaticTap.cli()
