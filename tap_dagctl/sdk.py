"""Every private name of the SDK that the tap touches, each with its reason.

`tests/test_sdk_guards.py` fails when the SDK changes one of them.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from singer_sdk import Stream

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if TYPE_CHECKING:
    from singer_sdk.helpers.types import Context, Record


class OwnBookmarkStream(Stream):
    """A stream that writes its bookmark itself, when a walk is complete."""

    @override
    def get_replication_key_signpost(self, context: Context | None = None) -> None:
        """Return None: the SDK's ceiling is this machine's clock, which may be wrong."""

    @override
    def _increment_stream_state(
        self,
        latest_record: Record,
        *,
        context: Context | None = None,
    ) -> None:
        """Leave the bookmark alone.

        The SDK would compare the records' times as strings and, when only rows older than the
        bookmark come (the overlap), move it back (singer_sdk/helpers/_state.py,
        `increment_state` and `finalize_state_progress_markers`). There is no public switch.
        """

    @override
    def compare_start_date(self, value: str, start_date_value: str) -> str:
        """Return the bookmark: `bookmark.updated_after` weighs it against `start_date`.

        The SDK's comparison raises on a bookmark or a `start_date` it cannot parse.
        """
        return value
