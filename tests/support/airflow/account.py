"""A made-up account of many projects."""

from __future__ import annotations

from stand_in.history import History
from stand_in.world import World

_REFERENCES = ("id", "project_id", "run_id", "plan_id")


def account(projects: int, days: int) -> World:
    """Return an account whose projects each have `days` of one of the stand-in's histories."""
    model = World()
    History(model, days=days)
    found = World(now=model.now)
    originals = list(model.projects.values())
    for number in range(projects):
        original = originals[number % len(originals)]
        row = original.row
        key = f"{row['id']}_{number:03}"
        copy = found.add_project(key, f"{row['name']}_{number:03}")
        copy.row |= {name: value for name, value in row.items() if name not in {"id", "name"}}
        for table, rows in original.tables.items():
            for row in rows.values():
                renamed = {name: f"{row[name]}_{number:03}" for name in _REFERENCES if name in row}
                copy.tables[table][renamed["id"]] = {**row, **renamed, "project_id": key}
    return found
