"""Runs tests one after the other and tells how each ended; run by path with the interpreter under examination.

    python envdoctor_battery.py CHANNEL ORDER

`CHANNEL` is a file descriptor, or `handle:N` on Windows, for the results: one JSON object a line, whatever torch or a
library writes to the standard streams. `ORDER` is a JSON object: `items`, pairs of a test's name and its device;
`devices`, the GPUs of a test of several; `full`; `seed`; `folder`, an empty one; `stack_after`, seconds after which the
stack of a test that still runs goes to standard error.

Said are `begin` and `end` of each test, `import` first, with what came of it; `begin` names the `mark` that was written
to standard error at that moment, and the `end` of the first test that passed on a device says `about` it. The process
ends without Python's own ending, in which libraries that were fine until then may crash. After an error that took the
CUDA context with it, it ends early, and whoever started it starts another for the tests that are left.
"""

from __future__ import annotations

import os
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))
# Its modules would come before every installed one; they are imported under a name of their own below.
if sys.path and os.path.abspath(sys.path[0]) == FOLDER:
    del sys.path[0]

import faulthandler  # noqa: E402 - after what is above
import importlib.util  # noqa: E402
import json  # noqa: E402

PACKAGE = "envdoctor_smoke"
"""The name under which the modules beside this script are imported: no other module can be of that name by chance."""


def load(folder: str) -> None:
    """Make the modules of a folder importable under `PACKAGE`, without putting the folder on sys.path."""
    place = os.path.join(folder, "__init__.py")
    spec = importlib.util.spec_from_file_location(PACKAGE, place, submodule_search_locations=[folder])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = module
    spec.loader.exec_module(module)


def main() -> None:
    """Run what was ordered."""
    faulthandler.enable(file=2)  # by number: sys.stderr may become anything
    load(FOLDER)
    from importlib import import_module

    channel = import_module(PACKAGE + ".channel").Channel(sys.argv[1])
    import_module(PACKAGE + ".lifetime").settle()
    order = json.loads(sys.argv[2])
    import_module(PACKAGE + ".running").run(order, channel)
    channel.say(event="done")
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # the parent has seen enough of it
            pass
    os._exit(0)


if __name__ == "__main__":
    main()
