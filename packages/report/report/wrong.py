"""The tables of what asks for something to be done: what they hold is counted at the top."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from report.answers import Answers
from report.formatting import change, count, day, duration, moment, window
from report.tables import P95, PROJECT, Column, Table, duration_column, run_column
from report.warehouse import Row


def what_is_wrong(answers: Answers) -> Iterator[Table]:
    """Yield the tables, the most urgent first."""
    if answers.has_syncs:
        yield _unread(answers)
    yield _broken(answers)
    yield _overdue(answers)
    yield _breaches(answers)
    yield _regressions(answers)
    yield _held_back(answers)


def _unread(answers: Answers) -> Table:
    return Table(
        "unread",
        "Streams that cannot be read",
        answers.unread,
        (
            Column("Project", PROJECT.say, nothing="the organization", leads_to="project"),
            Column("Stream", lambda row: row["stream"]),
            Column("Since", lambda row: moment(row["failing_since"]), "whole"),
            Column("Last read", lambda row: moment(row["last_read_at"]), "whole", "never"),
            Column("Error", lambda row: row["error"], "long", "none was given"),
        ),
        held_in="unread_streams",
        empty="None: the newest sync read all that it asked for.",
        note="The newest sync that asked for them got an error, so the rest of this page may not "
        "show what is newest in these projects.",
        short="unread streams",
        levels=(2, 3),
        say=lambda row: (
            f"{row['stream']} of {row['project_name'] or 'the organization'}, "
            f"since {moment(row['failing_since'])}"
        ),
    )


def _broken(answers: Answers) -> Table:
    days = f"{answers.settings['current_days']} days"
    return Table(
        "broken",
        "Jobs broken now",
        answers.broken_jobs,
        (
            Column("Job", lambda row: row["job_name"]),
            PROJECT,
            Column(
                "Newest run",
                lambda row: f"{row['status']}, {moment(row['ended_at'])}, {row['run_id']}",
                "bad",
                leads_to="run",
            ),
            Column("In a row", lambda row: count(row["broken_runs"]), "n"),
            Column("Since", lambda row: moment(row["broken_since"]), "whole"),
            Column("Error", lambda row: row["error_message"], "long", "none was given"),
        ),
        held_in="broken_jobs",
        empty=f"The newest run of every job that ran in the last {days} succeeded.",
        note=f"Jobs that ran in the last {days}, and whose newest run did not succeed.",
        short="broken jobs",
        levels=(2, 3),
        say=lambda row: f"{_job(row)}, since {moment(row['broken_since'])}",
    )


def _overdue(answers: Answers) -> Table:
    factor = f"{answers.settings['overdue_factor']:g}"
    return Table(
        "overdue",
        "Runs that take too long",
        answers.overdue_runs,
        (
            Column("Job", lambda row: row["job_name"]),
            PROJECT,
            Column("Run", lambda row: row["run_id"], leads_to="run"),
            Column("Started", lambda row: moment(row["start_time"]), "whole"),
            duration_column("Running for", "running_seconds", "n bad"),
            duration_column("Usual p95", "usual_p95_duration_seconds"),
        ),
        held_in="overdue_runs",
        empty=f"No run has been going on for {factor} times its usual time.",
        note=f"Going on for more than {factor} times the usual p95 of the job: what 95 % of its "
        "successful runs took at most.",
        short="overdue runs",
        say=lambda row: f"{_job(row)}, running for {duration(row['running_seconds'])}",
    )


def _breaches(answers: Answers) -> Table:
    days = f"{answers.settings['sla_days']} days"
    return Table(
        "breaches",
        "Days over the SLA",
        answers.breaches,
        (
            Column("Day", lambda row: day(row["date"]), "whole"),
            PROJECT,
            duration_column("p95", "p95_duration_seconds", "n late"),
            duration_column("SLA", "sla_seconds"),
            duration_column("Longest", "max_duration_seconds"),
            Column("Runs", lambda row: count(row["total_runs"]), "n"),
            run_column("Longest run"),
            Column("Now", _sla_now, "short"),
        ),
        held_in="sla_breaches",
        empty=f"None in the last {days}.",
        note=f"In the last {days}: the p95 of the day's runs was above the project's SLA. {P95}"
        + _why_not_told(
            answers.breaches, _is_late_now, "Days after which a whole day kept the SLA"
        ),
        short="late days",
        is_now=_is_late_now,
        ended="the SLA was kept again since",
        say=lambda row: (
            f"{row['project_name']}, {day(row['date'])}: p95 "
            f"{duration(row['p95_duration_seconds'])}, SLA {duration(row['sla_seconds'])}"
        ),
    )


def _regressions(answers: Answers) -> Table:
    rise = f"{answers.settings['regression_percent']:g} %"
    return Table(
        "regressions",
        "Models that got slower",
        answers.regressions,
        (
            Column("Model", lambda row: row["model_name"]),
            PROJECT,
            Column("Change", lambda row: change(row["change_percent"]), "n bad"),
            duration_column("p95", "p95_duration_seconds"),
            duration_column("Before", "previous_p95_duration_seconds"),
            Column("Window", lambda row: window(row) + (", still open" if row["is_open"] else "")),
            run_column("Slowest in"),
        ),
        held_in="model_regressions",
        empty=f"No p95 rose by more than {rise} in the last two windows.",
        note=f"The p95 of the model's executions rose by more than {rise} from the window before, "
        f"in the last two windows. {P95}",
        short="slower models",
        levels=(1, 2),
        say=lambda row: (
            f"{row['model_name']} ({row['project_name']}): p95 {change(row['change_percent'])} "
            "against the window before"
        ),
    )


def _held_back(answers: Answers) -> Table:
    used = answers.settings
    often = f"{used['held_back_times']} times or more in {used['held_back_days']} days"
    return Table(
        "held-back",
        "Models held back",
        answers.held_back_models,
        (
            Column("Model", lambda row: row["model_name"]),
            PROJECT,
            Column("Skipped", lambda row: count(row["skipped_executions"]), "n"),
            Column("Blocked", lambda row: count(row["blocked_executions"]), "n"),
            Column("Of", lambda row: count(row["executions"]), "n"),
            run_column("Newest such run"),
            Column("Now", _held_back_now, "short"),
        ),
        held_in="held_back_models",
        empty=f"No model was skipped or blocked {often}.",
        note=f"Held back {often}: skipped, because another run was building the model, or blocked, "
        "because a model that it reads failed."
        + _why_not_told(
            answers.held_back_models, _is_held_back_now, "Models that have run again since"
        ),
        short="models held back",
        levels=(1, 2),
        is_now=_is_held_back_now,
        ended="they ran again since",
        say=lambda row: (
            f"{row['model_name']} ({row['project_name']}): "
            f"{count(row['held_back_in_a_row'])} times in a row"
        ),
    )


def _job(row: Row) -> str:
    return f"{row['job_name']} ({row['project_name']})"


def _is_late_now(row: Row) -> bool:
    return row["kept_again_on"] is None


def _sla_now(row: Row) -> str:
    return "over the SLA" if _is_late_now(row) else f"kept again on {day(row['kept_again_on'])}"


def _is_held_back_now(row: Row) -> bool:
    return bool(row["held_back_in_a_row"])


def _held_back_now(row: Row) -> str:
    if _is_held_back_now(row):
        return f"held back {count(row['held_back_in_a_row'])} times in a row"
    return f"ran again on {moment(row['last_ran_at'])}"


def _why_not_told(rows: list[Row], is_now: Callable[[Row], bool], those: str) -> str:
    """Say why the first message to an address does not tell some of the rows."""
    if all(map(is_now, rows)):
        return ""
    return (
        f" {those} are no longer wrong: they are not counted at the top, and the first message to "
        "an address leaves them out."
    )
