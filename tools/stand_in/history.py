"""A seeded, realistic history that moves on as the clock does.

Three projects with scheduled, manual and clean-up runs, dozens of models with skewed durations,
failures that block what is downstream, models skipped because another run claimed them. Two things
are planted to be found: a day on which `finance_marts` took far too long, and a model of
`sales_warehouse` that became slower. What happens in a run depends on the seed and the run alone,
never on when or how often the clock is moved.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from stand_in import lists
from stand_in.world import (
    EXECUTIONS,
    JOBS,
    PLANS,
    RUNS,
    World,
    to_text,
)

SLA_SECONDS = 1_800
SLOW_DAYS_AGO = 3
"""The breach is planted this many days before the history's last day."""
SLOWER_DAYS = 6
"""The slow-down is planted from the Monday that is this many days before the last day, or more."""
SLOW_PROJECT = "finance_marts"
SLOWER_PROJECT = "sales_warehouse"
SLOWER_MODEL = "sales.orders_enriched"


@dataclass(frozen=True)
class Job:
    """A schedule: every so many hours, from a minute past midnight UTC."""

    name: str
    kind: str
    every_hours: int
    minute: int


@dataclass(frozen=True)
class Pipeline:
    """A project's make-up; its models run one after another, each needing the one before."""

    key: str
    name: str
    kind: str
    jobs: tuple[Job, ...]
    models: tuple[str, ...]


_CLEAN_UP = Job("janitor", "janitor", 24, 45)
PIPELINES = (
    Pipeline(
        "proj_7f3a01",
        "sales_warehouse",
        "sqlmesh",
        (Job("refresh", "run", 3, 0), _CLEAN_UP),
        (
            "sales.orders_raw",
            "sales.customers_raw",
            "sales.products_raw",
            "sales.orders_cleaned",
            "sales.customers_cleaned",
            "sales.products_cleaned",
            SLOWER_MODEL,
            "sales.baskets",
            "sales.returns",
            "sales.customer_lifetime_value",
            "sales.daily_revenue",
            "sales.weekly_cohorts",
            "sales.stock_levels",
            "sales.forecast_input",
        ),
    ),
    Pipeline(
        "proj_2c9e44",
        "finance_marts",
        "dbt",
        (Job("nightly", "run", 12, 30), _CLEAN_UP),
        (
            "finance.ledger_staged",
            "finance.invoices_staged",
            "finance.payments_staged",
            "finance.exchange_rates",
            "finance.ledger",
            "finance.receivables",
            "finance.payables",
            "finance.cash_flow",
            "finance.month_end_close",
            "finance.board_report",
        ),
    ),
    Pipeline(
        "proj_b81d0f",
        "marketing_attribution",
        "sqlmesh",
        (Job("attribution", "run", 6, 15),),
        (
            "marketing.touchpoints",
            "marketing.sessions",
            "marketing.campaigns",
            "marketing.spend",
            "marketing.first_touch",
            "marketing.last_touch",
            "marketing.multi_touch",
            "marketing.return_on_spend",
        ),
    ),
)


class History:
    """Fills a world, and moves it on."""

    def __init__(self, world: World, *, seed: int = 7, days: int = 90) -> None:
        """Fill `world` with `days` of history up to its clock."""
        self.world = world
        self._seed = seed
        self._end = world.now
        self._events: list[tuple[datetime, int, str, str, str, dict[str, Any]]] = []
        self._order = itertools.count()
        self._planned = world.now - timedelta(days=days)
        world.now = self._planned
        for pipeline in PIPELINES:
            world.add_project(
                pipeline.key,
                pipeline.name,
                project_type=pipeline.kind,
                created_at=to_text(world.now),
                description=f"The {pipeline.name.replace('_', ' ')} pipeline",
                repository_url=f"https://git.example.com/data/{pipeline.name}",
                branch="main",
                git_auth_method="deploy_key",
                sqlmesh_environment="prod" if pipeline.kind == "sqlmesh" else None,
                sqlmesh_version="0.228.1" if pipeline.kind == "sqlmesh" else None,
                use_managed_state_database=pipeline.kind == "sqlmesh",
                auto_apply=False,
                run_tests=True,
                deployed=True,
                suspended=False,
                status="ready",
                commits_behind=0,
                current_commit_sha="9f2c1d7",
                latest_commit_sha="9f2c1d7",
                latest_commit_message="Mend the models",
                cpu_request="500m",
                cpu_limit="2",
                memory_request="1Gi",
                memory_limit="4Gi",
                concurrency_policy="Forbid",
                successful_runs_history_limit=3,
                failed_runs_history_limit=3,
            )
            for job in pipeline.jobs:
                world.put(JOBS, pipeline.key, _job(pipeline, job))
        for table, rows in lists.OF_ORGANIZATION.items():
            for row in rows:
                world.put_in_organization(table, row)
        self.advance(timedelta(days=days))

    def advance(self, by: timedelta) -> None:
        """Move the clock on, with everything that happens meanwhile, in its order."""
        world = self.world
        with world.lock:
            until = world.now + by
            for pipeline in PIPELINES:
                for job, slot in _slots(pipeline, self._planned, until, self._seed):
                    self._plan(pipeline, job, slot)
                for moment in _mondays(self._planned, until):
                    self._deploy(pipeline, moment)
            self._planned = until
            while self._events and self._events[0][0] <= until:
                moment, _, table, project_id, key, fields = heapq.heappop(self._events)
                world.now = moment
                if key in world.projects[project_id].tables[table]:
                    world.change(table, project_id, key, **fields)
                else:
                    world.put(table, project_id, {"id": key, **fields})
            world.now = until

    def _plan(self, pipeline: Pipeline, job: Job, slot: datetime) -> None:
        """Decide everything that will ever happen in the run that is due at `slot`."""
        number = f"{pipeline.key[5:]}_{job.name}_{slot:%Y%m%d%H%M}"
        luck = random.Random(f"{self._seed} {number}")
        manual = job.name == "manual"

        def record(moment: datetime, table: str, key: str, **fields: Any) -> None:
            entry = (moment, next(self._order), table, pipeline.key, key, fields)
            heapq.heappush(self._events, entry)

        key = f"run_{number}"
        # Some pods are slow to start: an error that is gone again once the run begins.
        stuck = luck.random() < 0.05
        record(
            slot,
            RUNS,
            key,
            job_name=job.name,
            cronjob_name=None if manual else f"{pipeline.name.replace('_', '-')}-{job.name}",
            job_type=job.kind,
            status="pending",
            triggered_by="manual" if manual else "scheduled",
            error_message="waiting for the image to be pulled" if stuck else None,
        )
        began = slot + timedelta(seconds=luck.uniform(20, 90) if stuck else luck.uniform(1, 8))
        record(
            began,
            RUNS,
            key,
            status="running",
            start_time=to_text(began),
            pod_name=f"{job.name}-{luck.randrange(16**6):06x}",
            error_message=None,
        )
        ended, status, message = self._run_models(pipeline, job, began, luck, (key, record))
        record(
            ended,
            RUNS,
            key,
            status=status,
            end_time=to_text(ended),
            duration_seconds=round((ended - began).total_seconds(), 3),
            error_message=message,
        )

    def _deploy(self, pipeline: Pipeline, moment: datetime) -> None:
        """Decide how a commit is explained, approved and executed, or rejected."""
        number = f"{pipeline.key[5:]}_{moment:%Y%m%d}"
        luck = random.Random(f"{self._seed} deploy {number}")
        common = {
            "plan_id": f"group_{number}",
            "from_commit_sha": f"{luck.randrange(16**7):07x}",
            "to_commit_sha": f"{luck.randrange(16**7):07x}",
            "commit_message": "Mend the models",
            "commits_behind": luck.randrange(1, 9),
            "triggered_by": "push",
        }

        def record(seconds: float, kind: str, status: str, **fields: Any) -> None:
            at = moment + timedelta(seconds=seconds)
            entry = {"plan_type": kind, **common, "status": status, **fields}
            key = f"plan_{number}_{kind}"
            heapq.heappush(self._events, (at, next(self._order), PLANS, pipeline.key, key, entry))

        record(0, "explain", "running")
        record(40, "explain", "pending", plan_output={"models": {"changed": 3, "names": ["a"]}})
        if luck.random() < 0.3:
            record(4_000, "explain", "rejected", plan_output={"auto_discarded": True})
            return
        record(4_000, "explain", "completed")
        record(4_001, "execute", "running")
        record(4_200, "execute", "failed" if luck.random() < 0.2 else "completed")

    def _run_models(
        self,
        pipeline: Pipeline,
        job: Job,
        began: datetime,
        luck: random.Random,
        run: tuple[str, Any],
    ) -> tuple[datetime, str, str | None]:
        key, record = run
        if job.kind == "janitor":
            return began + timedelta(seconds=luck.uniform(4, 9)), "success", None
        if luck.random() < 0.015:
            ended = began + timedelta(seconds=luck.uniform(5, 20))
            return ended, "error", "the node went away"
        fails_at = luck.randrange(len(pipeline.models)) if luck.random() < 0.05 else None
        moment = began + timedelta(seconds=luck.uniform(1, 3))
        status, message = "success", None
        for position, model in enumerate(pipeline.models):
            execution = f"exec_{key[4:]}_{position:02}"
            common = {"run_id": key, "model_name": model}
            if fails_at is not None and position > fails_at:
                record(moment, EXECUTIONS, execution, **common, status="blocked")
                continue
            if luck.random() < 0.01:
                record(moment, EXECUTIONS, execution, **common, status="skipped")
                continue
            started = moment
            seconds = self._seconds(model, started, luck)
            moment += timedelta(seconds=seconds)
            record(
                started,
                EXECUTIONS,
                execution,
                **common,
                status="running",
                start_time=to_text(started),
            )
            failed = position == fails_at
            if failed:
                message = f"{model}: division by zero"
                status = "failed" if position == 0 else "partial"
            record(
                moment,
                EXECUTIONS,
                execution,
                status="failed" if failed else "success",
                end_time=to_text(moment),
                duration_seconds=round(seconds, 3),
                error_message="division by zero" if failed else None,
            )
        moment += timedelta(seconds=self._after_the_models(pipeline, moment, luck))
        return moment, status, message

    def _seconds(self, model: str, moment: datetime, luck: random.Random) -> float:
        """How long a model takes: models differ widely, one model's executions little."""
        usual = min(random.Random(f"{self._seed} {model}").lognormvariate(2.2, 0.9), 120.0)
        seconds = usual * luck.lognormvariate(0, 0.03)
        day = self._end.date() - timedelta(days=SLOWER_DAYS)
        monday = day - timedelta(days=day.weekday())
        return seconds * 1.8 if model == SLOWER_MODEL and moment.date() >= monday else seconds

    def _after_the_models(self, pipeline: Pipeline, moment: datetime, luck: random.Random) -> float:
        """How long a run goes on after its last model; on the planted day, far beyond the SLA."""
        slow_day = self._end.date() - timedelta(days=SLOW_DAYS_AGO)
        planted = pipeline.name == SLOW_PROJECT and moment.date() == slow_day
        return luck.uniform(1, 2) + (2 * SLA_SECONDS if planted else 0)


def _job(pipeline: Pipeline, job: Job) -> dict[str, Any]:
    return {
        "id": f"job_{pipeline.key[5:]}_{job.name}",
        "name": job.name,
        "description": f"The {job.name} job",
        "command": f"{pipeline.kind} {job.kind}",
        "schedule": f"{job.minute} */{job.every_hours} * * *",
        "status": None,
        "enabled": True,
        "resources": {"cpu": "500m", "memory": "1Gi"},
        "environment": {"TARGET": "prod"},
        "slack_channel": "#data" if pipeline.name == SLOW_PROJECT else None,
        "slack_alerts_enabled": pipeline.name == SLOW_PROJECT,
        "slack_alert_on_success": False,
        "webhook_enabled": False,
    }


def _mondays(after: datetime, until: datetime) -> Iterator[datetime]:
    """Yield the Mondays at 9:10 after one moment and not after another."""
    day = after.replace(hour=9, minute=10, second=0, microsecond=0)
    day -= timedelta(days=day.weekday())
    while day <= until:
        if day > after:
            yield day
        day += timedelta(days=7)


def _slots(
    pipeline: Pipeline, after: datetime, until: datetime, seed: int
) -> Iterator[tuple[Job, datetime]]:
    """Yield what is due after one moment and not after another: the schedules, and a person."""
    manual = Job("manual", "run", 1, 0)
    day = after.replace(hour=0, minute=0, second=0, microsecond=0)
    while day <= until:
        due = [
            (job, day + timedelta(hours=hour, minutes=job.minute))
            for job in pipeline.jobs
            for hour in range(0, 24, job.every_hours)
        ]
        luck = random.Random(f"{seed} {pipeline.key} {day:%Y%m%d}")
        if luck.random() < 0.3:
            due.append((manual, day + timedelta(seconds=luck.randrange(7 * 3600, 18 * 3600))))
        yield from ((job, slot) for job, slot in due if after < slot <= until)
        day += timedelta(days=1)
