"""A torch of a few lines whose tests are pieces of code, run by the real child through the real battery."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from envdoctor.smoke.battery import Limits, Order, Progress, Ran, run_battery
from envdoctor.smoke.child.case import Case

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from envdoctor.model.smoke import TestResult

MARK = "ENVDOCTOR_TEST_MARK"
"""A variable by which a process and all its descendants are known."""

SOURCE = """
import json, os, sys
__version__ = "9.9.9+stub"

class cuda:
    set_device = staticmethod(lambda device: None)


class Generator:
    def manual_seed(self, seed):
        pass

def _run(name, code):
    def run(torch, bench):
        exec(compile(code, "<%s>" % name, "exec"), {"torch": torch, "bench": bench, "os": os, "sys": sys})
    return run

_case = sys.modules["envdoctor_smoke.case"].Case
_tests = json.loads(os.environ["STUB_TESTS"])
_running = sys.modules["envdoctor_smoke.running"]
_running.all_cases = lambda: [_case(name, "", "stub", _run(name, code)) for name, code in _tests.items()]
exec(os.environ.get("STUB_IMPORT", ""), {"os": os, "sys": sys})
"""

LIMITS = Limits(importing=30.0, test=30.0, battery=60.0)
"""Nets, not measures: no test that passes comes near them."""


def write(folder: Path, source: str = SOURCE) -> Path:
    """Lay a stub torch, and return the folder that is to stand on PYTHONPATH."""
    package = folder / "stub" / "torch"
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").write_text(source)
    return package.parent


def environ(folder: Path, tests: Mapping[str, str], importing: str = "", source: str = SOURCE) -> dict[str, str]:
    stub = {"PYTHONPATH": str(write(folder, source)), "STUB_TESTS": json.dumps(tests), "STUB_IMPORT": importing}
    return {**os.environ, **stub, MARK: str(folder), "TMPDIR": str(folder)}


def no_run(torch: object, bench: object) -> None:
    raise AssertionError("cases of the stub are run by the child alone")


def battery(
    folder: Path,
    tests: Mapping[str, str],
    *,
    importing: str = "",
    limits: Limits = LIMITS,
    python: str = sys.executable,
    devices: Sequence[str] = ("cpu",),
    tell: Callable[[Progress], None] = lambda _: None,
    patience: float = 1.0,
    source: str = SOURCE,
) -> Ran:
    """Run tests, by name the code of each, on every device."""
    cases = [Case(name, "", "stub", no_run, patience=patience) for name in tests]
    items = tuple((case, device) for device in devices for case in cases)
    gpus = tuple(device for device in devices if device != "cpu")
    return run_battery(Order(python, items, gpus, "quick", 1, limits, environ(folder, tests, importing, source)), tell)


def by_name(ran: Ran) -> dict[str, TestResult]:
    return {result.name: result for result in ran.tests}


def alive(folder: Path) -> list[int]:
    """The processes that were started by a battery of this folder and are still there, zombies left out."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            marked = f"{MARK}={folder}".encode() in (place / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if marked:
            found.append(int(place.name))
    return found
