"""A state split by project and put together is the same state, whatever is in it."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orchestrate.states import NO_PROJECT, part_name, put_together, split

TEXTS = st.text(st.characters(exclude_categories=()), max_size=8)
IDS = st.sampled_from(["proj_a", "proj_b", "PROJ_A", "a/b", "..", "", NO_PROJECT, "%", "ü", "\x00"])
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
CONTEXTS = JSON | st.fixed_dictionaries(
    {"project_id": IDS | TEXTS}, optional={"job": st.integers(0, 3)}
)
PARTITIONS = JSON | st.fixed_dictionaries({}, optional={"context": CONTEXTS, "walk": JSON})
STREAMS = JSON | st.fixed_dictionaries(
    {}, optional={"partitions": st.lists(PARTITIONS, max_size=6), "starting": JSON}
)
BOOKMARKS = JSON | st.dictionaries(st.sampled_from(["runs", "jobs", "x"]), STREAMS)
STATES = st.fixed_dictionaries({}, optional={"bookmarks": BOOKMARKS, "more": JSON})


def project_of(partition: Any) -> str:
    """Return what partitions are sorted by; those that belong to no project come first."""
    context = partition.get("context") if isinstance(partition, dict) else None
    project_id = context.get("project_id") if isinstance(context, dict) else None
    return json.dumps(project_id) if isinstance(project_id, str) else ""


def sorted_by_project(state: dict[str, Any]) -> dict[str, Any]:
    """Return a state in which only the order within a project says anything."""
    state = json.loads(json.dumps(state))
    streams = state.get("bookmarks")
    for value in streams.values() if isinstance(streams, dict) else ():
        if isinstance(value, dict) and isinstance(value.get("partitions"), list):
            value["partitions"].sort(key=project_of)
    return state


@given(STATES, st.randoms())
def test_each_part_is_of_one_project_and_nothing_is_lost(
    state: dict[str, Any], random: Any
) -> None:
    before = json.dumps(state)
    parts = split(state)
    for name, part in parts.items():
        again = split(part)
        again.pop(NO_PROJECT) if name != NO_PROJECT else None
        assert again == {name: part}

    # Those of projects come in any order.
    rest, *projects = parts.values()
    random.shuffle(projects)
    assert sorted_by_project(put_together([rest, *projects])) == sorted_by_project(state)
    assert json.dumps(state) == before


@given(st.lists(IDS | TEXTS | st.text("aé/", min_size=40, max_size=300), unique=True, max_size=20))
def test_a_name_is_one_project_and_fits_a_file(ids: list[str]) -> None:
    names = [part_name(project_id) for project_id in ids]

    assert len({*names, NO_PROJECT}) == len(ids) + 1
    for name in names:
        file = f"{name}.json"
        assert file.isascii()
        assert len(file) <= 240
        assert PurePosixPath(file).name == file


def test_usual_ids_are_their_own_names() -> None:
    names = [part_name(it) for it in ("proj_7f3a01", "a b/c", "..")]
    assert names == ["proj_7f3a01", "a%20b%2Fc", "%2E%2E"]
