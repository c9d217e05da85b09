"""A history that is awkward to load, and what a loader is to hold of it.

The id of a row says what is awkward in it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from stand_in.history import History
from stand_in.world import EXECUTIONS, JOBS, PLANS, RUNS, Row, World
from tests.support.base_time import FIRST_DAY, NOW
from tests.support.truth import KEYS, Table, tables

# So many executions that a loader which takes 10,000 rows at a time takes more than once.
DAYS = 65
PROJECT = "proj_awkward"
HUGE = 2**63
TEXTS = {
    "empty": "",
    "line_breaks": "a\nb\r\nc\rd\u2028e\u2029f\x85g\x0bh",
    "quotes": """a "b" 'c' `d` \\ \\n \\N , ; | \t %s {e} $1 :f --""",
    "spaces": "  a  ",
    "unicode": "é e\u0301 \u202e \ufeff \U0001d4b3 🦆",
    "control": "a\x01b\x1b[0m\x7f",
    "nul": "a\0b",
    "copy_null": "\\N",
    "word_null": "null",
    "word_true": "true",
    "digits": "007",
    "exponent": "1e5",
    "json": '{"a": [1, null]}',
    "time": "2026-01-01T00:00:00Z",
    "formula": "=1+1",
    "long": "ä" * 70_000,
}
NUMBERS = {
    "sum": 0.1 + 0.2,
    "tiny": 1e-7,
    "large": 1e300,
    "many_digits": 12345678.123456789,
    "negative": -0.001,
    "whole": 2.0,
    # As a double it would be another: the tap sends it in `additional_properties`.
    "2_53_and_1": 2**53 + 1,
}
INTEGERS = {
    "2_53_and_1": 2**53 + 1,
    "64_bits": 2**63 - 1,
    "64_bits_negative": -(2**63),
    # No loader can take it: the tap sends it as text in `additional_properties`.
    "beyond_64_bits": HUGE,
}
TIMES = {
    "year_1": "0001-01-01T00:00:00Z",
    "year_9999": "9999-12-31T12:00:00.999999Z",
    "offset": "2026-02-01T00:00:00.5+05:30",
    "microsecond": "2026-02-01T00:00:00.000001Z",
    "half_past": "2026-02-01T12:30:00Z",
    "repeated_hour": "2025-10-26T00:30:00Z",
}


def _deep(depth: int) -> Row:
    inner: Row = {"end": ""}
    for _ in range(depth):
        inner = {"in": [inner]}
    return inner


OBJECTS: dict[str, Row] = {
    "empty_object": {},
    "deep": _deep(40),
    "cases": {"A": 1, "a": 2, "": 3, "b.c": 4, "d e": {"f": []}},
    "integers_inside": {"a": [2**53 + 1, 2**63 - 1]},
    "numbers_inside": {"a": [0.1, 1e300, 2.0, True, False, "1"]},
    "text_inside": {"a": TEXTS["quotes"] + TEXTS["line_breaks"] + TEXTS["unicode"]},
}
UNKNOWN = {"queue": {"name": "", "length": 3, "of": [{"a": "b"}]}, "Status": "new"}


class AwkwardHistory:
    """The made-up account, with a project in which every row is awkward."""

    def __init__(self, days: int = DAYS) -> None:
        """Fill it up to the moment of the first load."""
        self.world = World(now=NOW)
        self._history = History(self.world, days=days)
        project = self.world.add_project(PROJECT, 'Größe "x", y\n')
        project.row |= {"description": "", "commits_behind": 2**53 + 1, "suspended": False}
        for name, text in TEXTS.items():
            self._put(RUNS, name, error_message=text, job_name=text)
            model = text if name in {"line_breaks", "quotes", "unicode", "nul", "digits"} else "m"
            self._put(EXECUTIONS, name, error_message=text, model_name=model, duration_seconds=1)
            self._put(JOBS, name, status=None, description=text, resources={"cpu": text})
            self._put(PLANS, name, commit_message=text)
        for name, number in NUMBERS.items():
            self._put(RUNS, name, duration_seconds=number)
        for name, integer in INTEGERS.items():
            self._put(PLANS, name, commits_behind=integer)
        for name, time in TIMES.items():
            self._put(RUNS, name, start_time=time, end_time=time)
        for name, value in OBJECTS.items():
            self._put(PLANS, name, plan_output=value)
            self._put(JOBS, name, status=None, resources=value)
        self._put(RUNS, "unknown", **UNKNOWN)
        self._put(RUNS, "cleared", error_message="it broke", duration_seconds=1, **UNKNOWN)
        self._put(PLANS, "cleared", plan_output={"a": 1}, commits_behind=1)

    def _put(self, table: str, name: str, **fields: Any) -> None:
        self.world.put(table, PROJECT, {"id": f"{table}_{name}", **fields})

    def go_on(self) -> None:
        """Let 30 hours pass; what is awkward changes, too."""
        self._history.advance(timedelta(hours=30))
        change = self.world.change
        gone = dict.fromkeys(("error_message", "duration_seconds", *UNKNOWN))
        change(RUNS, PROJECT, "runs_cleared", **gone, status="running")
        change(PLANS, PROJECT, "plans_cleared", plan_output=None, commits_behind=None)
        change(RUNS, PROJECT, "runs_word_null", error_message="", **UNKNOWN)
        change(RUNS, PROJECT, "runs_empty", error_message="no longer empty")
        change(PLANS, PROJECT, "plans_empty_object", plan_output=OBJECTS["cases"])

    def expected(self) -> dict[str, Table]:
        """Return what a loader is to hold now, as `tests.support.truth` writes it."""
        found = {}
        for name, table in tables(self.world, FIRST_DAY).items():
            rows = [as_sent(name, row) for row in table.values()]
            found[name] = {tuple(row[key] for key in KEYS[name]): row for row in rows}
        return found


def as_sent(stream: str, row: Row) -> Row:
    """Return what the tap promises of a row of the API.

    No text has a NUL, no integer has more than 64 bits, and no number is one that a double rounds.
    """
    sent: Row = _as_json_may_hold(row)
    unknown = {name: sent.pop(name) for name in UNKNOWN if name in sent}
    if stream == "plans" and sent.get("commits_behind") == HUGE:
        unknown["commits_behind"] = str(sent.pop("commits_behind"))
    if stream == "runs" and sent.get("duration_seconds") == NUMBERS["2_53_and_1"]:
        unknown["duration_seconds"] = sent.pop("duration_seconds")
    return sent | ({"additional_properties": unknown} if unknown else {})


def _as_json_may_hold(value: Any, depth: int = 0) -> Any:
    """Return a value without a NUL, and below the fields without an integer beyond 64 bits."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    if isinstance(value, dict):
        return {
            _as_json_may_hold(key): _as_json_may_hold(it, depth + 1) for key, it in value.items()
        }
    if isinstance(value, list):
        return [_as_json_may_hold(it, depth + 1) for it in value]
    is_huge = isinstance(value, int) and not -HUGE <= value < HUGE
    return str(value) if is_huge and depth > 1 else value
