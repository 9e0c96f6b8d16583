"""The first lines that run. Ctrl-C during the imports that follow ends quietly, not with a traceback."""

from __future__ import annotations

import signal


def script() -> None:
    """Run the `envdoctor` script."""
    run(None)


def run(prog_name: str | None) -> None:
    """Run the command line; `prog_name` as for `envdoctor.cli.main`, which handles signals from then on."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # a job in the background keeps ignoring it
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from envdoctor.cli import main

    main(prog_name=prog_name)
