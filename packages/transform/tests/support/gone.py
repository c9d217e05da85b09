"""Projects and jobs that will be gone, were long ago, or share a name, beside those that stay."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from stand_in.world import EXECUTIONS, JOBS, RUNS, World, to_text

GONE = "proj_awkward_00"
LONG_AGO = timedelta(days=45)


def add_what_will_be_gone(world: World) -> None:
    """Add jobs and models in every state that once stood on top for ever."""
    world.add_project("proj_old", "long ago")
    world.add_project("proj_jobs", "jobs")
    for key, name in (("renamed", "old name"), ("doomed", "doomed"), ("kept", "kept")):
        world.put(JOBS, "proj_jobs", {"id": f"job_{key}", "name": name, "status": None})
    for days_ago in range(12):
        moment = world.now - timedelta(days=days_ago, hours=2)
        for name in ("old name", "doomed", "kept"):
            _add_run(world, "proj_jobs", name, moment, "success" if days_ago else "failed")
        # Neither is of a job in the list, and neither is gone.
        _add_run(world, "proj_jobs", "by hand", moment, "failed", cronjob_name=None)
        _add_run(world, "proj_jobs", "platform", moment, "failed", job_type="janitor")
        for name in ("old name", "kept"):
            _add_run(world, "proj_jobs", name, moment - timedelta(hours=6), "success")
    for name in ("old name", "kept"):
        _add_run(world, "proj_jobs", name, world.now - timedelta(hours=9), "running")
    # So that the project that will be deleted is in every table of now.
    _add_run(world, GONE, "breaks", world.now - timedelta(hours=1), "failed")
    for number in range(3):
        held = {"model_name": "held", "status": "skipped", "start_time": to_text(world.now)}
        world.put(EXECUTIONS, GONE, {"id": f"exec_held_{number}", **held})
    # What nobody has ended: it is `running` for ever.
    _add_run(world, "proj_jobs", "kept", world.now - LONG_AGO, "running")
    for days_ago in range(3):
        moment = world.now - LONG_AGO - timedelta(days=days_ago)
        _add_run(world, "proj_old", "yearly", moment, "failed")
        fields = {"status": "success", "start_time": to_text(moment), "duration_seconds": 9_000.0}
        row = {"id": f"exec_old_{days_ago}", "model_name": "slowest of all", **fields}
        world.put(EXECUTIONS, "proj_old", row)


def add_projects_of_one_name(world: World) -> None:
    """Add projects that only their ids tell apart, with something to show for each."""
    names = {"a": "twins", "b": "twins", "c": "awkward 0", "d": "", "e": "proj_named_f", "f": " "}
    for key, name in names.items():
        project = f"proj_named_{key}"
        world.add_project(project, name)
        for days_ago in range(14):
            moment = world.now - timedelta(days=days_ago, hours=2)
            _add_run(world, project, "nightly", moment, "failed", seconds=4_000.0)
            fields = {"status": "success", "start_time": to_text(moment)}
            row = {"model_name": "m", "duration_seconds": 300.0 - 10 * days_ago, **fields}
            world.put(EXECUTIONS, project, {"id": f"exec_{key}_{days_ago}", **row})


def remove(world: World) -> World:
    """Delete a project and a job and rename one; return all that was loaded up to then."""
    before = deepcopy(world.projects[GONE])
    world.delete_project(GONE)
    world.delete(JOBS, "proj_jobs", "job_doomed")
    world.change(JOBS, "proj_jobs", "job_renamed", name="new name")
    _add_run(world, "proj_jobs", "new name", world.now, "success")
    return replace(world, projects={**world.projects, GONE: before})


def _add_run(
    world: World,
    project: str,
    job: str,
    moment: datetime,
    status: str,
    *,
    seconds: float = 60.0,
    **fields: Any,
) -> None:
    ended = {"duration_seconds": seconds, "end_time": to_text(moment + timedelta(minutes=1))}
    row = {
        "id": f"run_{project}_{job}_{moment:%Y%m%d%H}",
        "job_name": job,
        "job_type": "run",
        "cronjob_name": f"{project}-{job}",
        "status": status,
        "start_time": to_text(moment),
        **({} if status == "running" else ended),
        **fields,
    }
    world.put(RUNS, project, row)
