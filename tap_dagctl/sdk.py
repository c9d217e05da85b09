"""Every private name of the SDK that the tap touches, each with its reason.

`tests/test_sdk_guards.py` fails when the SDK changes one of them.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from singer_sdk import Stream, Tap

from tap_dagctl.errors import Stopped
from tap_dagctl.output import Output, abandon

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if TYPE_CHECKING:
    from types import FrameType

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


class InterruptibleTap(Tap):
    """A tap that ends at a signal with a last state, and an exit code that says so."""

    message_writer_class = Output
    _interrupted = False

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """End with an exit code that tells the signal.

        The SDK registers this for SIGINT and SIGTERM before the tap is whole, ends with 0, and
        writes the state even into a line that is only half written.

        Raises:
            Stopped: at once, or when the line that is being written is whole.
        """
        if self._interrupted:
            # Whoever asks twice does not want to wait for a target that reads no more.
            abandon()
            raise Stopped(signum)
        self._interrupted = True
        writer = getattr(self, "message_writer", None)
        stop = partial(self._stop, signum)
        if isinstance(writer, Output):
            writer.between_lines(stop)
        else:
            stop()

    def _stop(self, signum: int) -> NoReturn:
        # There is none in discovery, nor while the tap is set up.
        if state := getattr(self, "state", None):
            self.state_writer.write_state(state)
        raise Stopped(signum)
