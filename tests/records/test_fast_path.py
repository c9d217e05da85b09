"""However a row of a long list is read, its record is the one that the builder makes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_dagctl import schemas
from tap_dagctl.api.decoding import decode_json
from tap_dagctl.records.builder import RecordBuilder
from tap_dagctl.records.fast_path import RowReader
from tap_dagctl.records.record import as_dict
from tests.support.made_up_rows import FIELDS, TEXT, VALUES

if TYPE_CHECKING:
    from tap_dagctl.records.record import Record
    from tests.support.syncs import Json

CONTEXT = {"project_id": "proj_a"}
TIMES = st.sampled_from(["2026-03-02T05:00:00.5Z", "2026-03-02T05:00:00.123456789Z"])
FITTING: dict[str, st.SearchStrategy[Any]] = {
    "job_name": TEXT | st.none(),
    "duration_seconds": st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    "start_time": TIMES | st.none(),
    "project_id": TEXT,
}
ROWS = st.fixed_dictionaries({"updated_at": TIMES}, optional=FITTING) | st.builds(
    lambda known, unknown, time: {**unknown, **known, "updated_at": time},
    st.fixed_dictionaries({}, optional=FIELDS),
    st.dictionaries(TEXT, VALUES, max_size=2),
    TIMES,
)
# No page it stands in can be read at once.
ODD = {"id": "odd", "updated_at": "2026-03-02T05:00:00Z", "queue": "q"}


READER = RowReader("runs", schemas.RUNS, RecordBuilder("runs", schemas.RUNS).record)


def records_of(page: list[Json]) -> list[Record]:
    """Return what is made of a page as it comes over the wire."""
    body: Any = READER.decode(json.dumps({"runs": page, "total": len(page)}).encode())
    return [record for _, _, record in READER.read(body["runs"], CONTEXT)]


@given(st.lists(ROWS, min_size=1, max_size=3))
def test_a_record_does_not_depend_on_how_it_was_made(rows: list[Json]) -> None:
    page = [{**row, "id": f"run_{number}"} for number, row in enumerate(rows)]
    builder = RecordBuilder("runs", schemas.RUNS)
    expected = [
        builder.record(row, CONTEXT)
        for row in decode_json(json.dumps(page).encode())  # type: ignore[attr-defined]  # a list
    ]
    records, beside_an_odd_one = records_of(page), records_of([*page, ODD])[:-1]

    # As text: 1 and 1.0 are equal, and not the same.
    assert json.dumps(list(map(as_dict, records)), sort_keys=True) == json.dumps(
        expected, sort_keys=True
    )
    assert records == beside_an_odd_one


def test_what_fits_is_a_struct_and_an_unheard_of_field_is_kept() -> None:
    fitting = {"id": "run", "updated_at": "2026-03-02T05:00:00Z", "pod_name": None}
    (alone,) = records_of([fitting])
    (beside, odd) = records_of([fitting, ODD])

    assert alone == beside
    assert not isinstance(alone, dict)
    assert as_dict(odd)["additional_properties"] == {"queue": "q"}


@pytest.mark.parametrize("rows", [[], [{"id": "run", "updated_at": "2026-03-02T05:00:00.5Z"}]])
def test_a_body_has_what_the_tap_looks_at(rows: list[Json]) -> None:
    body = {"runs": rows, "total": 1, "page": "1", "limit": 2.5, "stats": {}, "total_pages": None}
    decoded_body: Any = READER.decode(json.dumps(body).encode())

    assert {**decoded_body, "runs": len(decoded_body["runs"])} == {
        "runs": len(rows),
        "total": 1,
        "page": "1",
        "limit": 2.5,
        "total_pages": None,
    }
