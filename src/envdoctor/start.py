"""The first lines that run. Ctrl-C during the imports that follow ends with one line, not with a traceback.

Until `envdoctor.cli` can tidy up there is nothing to tidy, so the process ends where it stands.
"""

from __future__ import annotations

import gc
import os

INTERRUPTED = b"envdoctor: interrupted\n"

try:
    import signal
except KeyboardInterrupt:  # Python's own handler still stands: this import is the longest moment without ours
    os.write(2, INTERRUPTED)
    os._exit(130)


def script() -> None:
    """Run the `envdoctor` script."""
    run(None)


def run(prog_name: str | None) -> None:
    """Run the command line; `prog_name` as for `envdoctor.cli.main`, which handles signals from then on."""
    try:
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # a job in the background keeps ignoring it
            signal.signal(signal.SIGINT, leave)
    except KeyboardInterrupt:
        leave(signal.SIGINT)
    # Modules and parsed tables are what a run makes, and next to none of it is garbage: collecting it at Python's own
    # pace takes a twentieth of a check.
    gc.set_threshold(50_000, 20, 50)
    from envdoctor.cli import main

    main(prog_name=prog_name)


def leave(number: int, frame: object = None) -> None:  # noqa: ARG001 - the signature of a signal handler
    """End the process at once with one line and 128 + the signal's number, as shells count."""
    try:
        os.write(2, INTERRUPTED)
    except OSError:  # standard error is closed
        pass
    os._exit(128 + number)
