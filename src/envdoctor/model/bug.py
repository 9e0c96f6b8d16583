"""Where a bug of ours lies: enough for a report, and no traceback for the user."""

from __future__ import annotations

import sys


def place(bug: BaseException) -> str:
    """Return module and line where an exception was raised, and the Python that ran."""
    trace = bug.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "place unknown"
    module = trace.tb_frame.f_globals.get("__name__", "?")
    return f"{module}:{trace.tb_lineno}, Python {sys.version_info.major}.{sys.version_info.minor}"
