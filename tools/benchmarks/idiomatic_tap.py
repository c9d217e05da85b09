"""The same stream as a tap from the SDK's template has it: what most authors would write.

Run with `--config FILE`; reads `api_url`, and the whole of one project's model executions.
"""

from __future__ import annotations

from typing import Any

from singer_sdk import RESTStream, Tap
from singer_sdk import typing as th
from singer_sdk.pagination import BasePageNumberPaginator
from typing_extensions import override


class PageNumbers(BasePageNumberPaginator):
    """Pages from 1 to `total_pages`."""

    @override
    def has_more(self, response: Any) -> bool:
        return bool(self.current_value < response.json()["total_pages"])


class ModelExecutions(RESTStream[int]):
    """An execution of a model."""

    name = "model_executions"
    path = "/projects/proj_bench/model-executions"
    primary_keys = ("id",)
    replication_key = "updated_at"
    records_jsonpath = "$.executions[*]"
    schema = th.PropertiesList(
        th.Property("id", th.StringType),
        th.Property("project_id", th.StringType),
        th.Property("run_id", th.StringType),
        th.Property("model_name", th.StringType),
        th.Property("status", th.StringType),
        th.Property("start_time", th.DateTimeType),
        th.Property("end_time", th.DateTimeType),
        th.Property("duration_seconds", th.NumberType),
        th.Property("error_message", th.StringType),
        th.Property("created_at", th.DateTimeType),
        th.Property("updated_at", th.DateTimeType),
    ).to_dict()

    @override
    @property
    def url_base(self) -> str:
        return str(self.config["api_url"])

    @override
    def get_new_paginator(self) -> PageNumbers:
        return PageNumbers(1)

    @override
    def get_url_params(self, context: Any, next_page_token: int | None) -> dict[str, Any]:
        params: dict[str, Any] = {"limit": 500, "page": next_page_token or 1}
        if start := self.get_starting_replication_key_value(context):
            params["updated_after"] = start
        return params


class IdiomaticTap(Tap):
    """One stream."""

    name = "tap-idiomatic"
    config_jsonschema = th.PropertiesList(th.Property("api_url", th.StringType)).to_dict()

    @override
    def discover_streams(self) -> list[ModelExecutions]:
        return [ModelExecutions(self)]


if __name__ == "__main__":
    IdiomaticTap.cli()
