"""The streams: one short class each, with its path, its keys and what is special about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any, ClassVar

from typing_extensions import override

from tap_dagctl import schemas
from tap_dagctl.api.request import Answer, KeyedRows
from tap_dagctl.errors import AnswerError
from tap_dagctl.state.statistics import Days
from tap_dagctl.streams.kinds import ChangingRows, OrganizationList, ProjectList, Statistics
from tap_dagctl.streams.projects import Projects
from tap_dagctl.streams.syncs import Syncs


class Runs(ChangingRows):
    """A run of a job."""

    name = "runs"
    path = "/projects/{project_id}/runs"
    rows_key = "runs"
    schema = schemas.RUNS
    # Spares the server an aggregate query nobody reads (API page).
    params: ClassVar[Mapping[str, object]] = {"include_stats": "false"}


class ModelExecutions(ChangingRows):
    """An execution of a model within a run."""

    name = "model_executions"
    path = "/projects/{project_id}/model-executions"
    rows_key = "executions"
    schema = schemas.MODEL_EXECUTIONS


class Plans(ChangingRows):
    """A plan: what a commit would change or has changed, and whether it was approved."""

    name = "plans"
    path = "/projects/{project_id}/plans"
    rows_key = "plans"
    schema = schemas.PLANS
    # The API cannot filter plans (API page).
    is_filtered: ClassVar[bool] = False


class Jobs(ProjectList):
    """A job of a project: what it runs, when, and whom it notifies."""

    name = "jobs"
    path = "/projects/{project_id}/jobs"
    rows_key = "jobs"
    schema = schemas.JOBS
    # Whoever wrote a secret into a job's environment did not mean the warehouse to have it.
    sensitive_fields = ("environment",)


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


class _Days(KeyedRows):
    """Rows that are each of a day."""

    @override
    def read(self, answer: Answer) -> list[dict[str, Any]]:
        rows = super().read(answer)
        if not all(_is_day(row[self.key]) for row in rows):
            raise AnswerError(f"a row's {self.key} is not written YYYY-MM-DD; report it to dagctl")
        return rows


class DailyStats(Statistics):
    """A day of a project: its runs and how long they took."""

    name = "daily_stats"
    path = "/projects/{project_id}/runs/daily-stats"
    rows_key = "daily_stats"
    schema = schemas.DAILY_STATS
    primary_keys = ("project_id", "date")
    replication_key = "date"

    @override
    def requests(self, days: Days, path: str) -> Iterator[KeyedRows]:
        params = {"days": (days.today - days.first).days + 1}
        yield _Days(path, self.rows_key, "date", params=params)

    @override
    def rows_of(self, days: Days, path: str) -> Iterator[list[dict[str, Any]]]:
        rows = [*super().rows_of(days, path)]
        while days.today < (today := self._sync.client.today()):
            # The server counts back from its today: at midnight the first day fell off.
            days = replace(days, today=today)
            rows = [*super().rows_of(days, path)]
        yield from rows


class _Window(KeyedRows):
    """Rows that are each over the window that was asked for."""

    @override
    def read(self, answer: Answer) -> list[dict[str, Any]]:
        return [{**row, **self.params} for row in super().read(answer)]


class ModelStats(Statistics):
    """A model over a window of days: its executions and how long they took."""

    name = "model_stats"
    path = "/projects/{project_id}/model-executions/stats"
    rows_key = "stats"
    schema = schemas.MODEL_STATS
    primary_keys = ("project_id", "model_name", "start_date", "end_date")
    replication_key = "end_date"

    @property
    @override
    def window_days(self) -> int:
        return self._sync.settings.model_stats_window_days

    @override
    def requests(self, days: Days, path: str) -> Iterator[KeyedRows]:
        for start, end in days.windows(self.window_days):
            params = {"start_date": f"{start}", "end_date": f"{end}"}
            yield _Window(path, self.rows_key, "model_name", params=params)


class EnvironmentProtections(OrganizationList):
    """An environment that only some members may change; needs the permission `manage_secrets`."""

    name = "environment_protections"
    path = "/environment-protections"
    rows_key = "protections"
    schema = schemas.ENVIRONMENT_PROTECTIONS
    permission = "the permission manage_secrets"


class EnvironmentVariables(OrganizationList):
    """An environment variable of the organization, without its value."""

    name = "environment_variables"
    path = "/environment-variables"
    rows_key = "environment_variables"
    schema = schemas.ENVIRONMENT_VARIABLES
    primary_keys = ("name",)
    # A value configures the user's other systems. Not all that are secret are marked so.
    never_loaded = ("value",)


class Members(OrganizationList):
    """A member of the organization; personal data."""

    name = "members"
    path = "/organizations/members"
    rows_key = "members"
    schema = schemas.MEMBERS


class Invitations(OrganizationList):
    """A pending invitation to the organization; personal data."""

    name = "invitations"
    path = "/organizations/invitations"
    rows_key = "invitations"
    schema = schemas.INVITATIONS


STREAMS = (
    Projects,
    Runs,
    ModelExecutions,
    DailyStats,
    ModelStats,
    Jobs,
    Plans,
    EnvironmentProtections,
    EnvironmentVariables,
    Members,
    Invitations,
    Syncs,
)
BY_NAME = {stream.name: stream for stream in STREAMS}
