"""The program `tap-dagctl`, also run by `python -m tap_dagctl`."""

from __future__ import annotations

import gc
import signal
import sys


def main() -> None:
    """Run the command line."""
    # Until the tap is made nothing has been read: a signal ends the program as it ends others.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    # Imported modules are never garbage. Not to search them takes a quarter off a small sync.
    gc.disable()
    from tap_dagctl.errors import ConfigurationError  # noqa: PLC0415 - see above
    from tap_dagctl.singer.output import wait_for_readers  # noqa: PLC0415 - see above
    from tap_dagctl.tap import TapDagctl  # noqa: PLC0415 - see above

    gc.freeze()
    gc.enable()
    wait_for_readers()
    try:
        command = TapDagctl.cli
    except ConfigurationError as error:
        sys.exit(f"tap-dagctl: {error}")  # there is no log yet
    command()


if __name__ == "__main__":
    main()
