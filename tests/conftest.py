"""Fixtures of all rooms: the stand-in driver libraries, and tests that need real wheels."""

from __future__ import annotations

import pickle
import signal
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from envdoctor.matrix import load
from standin.build import CannotCompile, build_standin

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

# The same examples in every run and no clock: a slow machine is not a defect. To search further:
# pytest --hypothesis-profile=search
settings.register_profile("steady", deadline=None, derandomize=True, max_examples=100)
settings.register_profile("search", deadline=None, max_examples=2000, database=None)
settings.load_profile("steady")

NEEDS_REAL = "needs real wheels: give --real"


HERE = Path(__file__).parent

NEEDS_LINUX = {
    "cli": "signals, /proc and a driver that is compiled here",
    "fix": "virtual environments with bin/python, flock, signals and /proc",
    "gallery/test_live_hostile.py": "file names that only Linux allows",
    "host": "signals, /proc and a driver that is compiled here",
    "plan/test_real_conda_specs.py": "py-rattler, which the group test has for Linux",
    "plan/test_real_pip.py": "environments with bin/python",
    "plan/test_real_projects.py": "environments with bin/python",
    "plugs/test_action.py": "environments with bin/python",
    "plugs/test_ci_examples.py": "environments with bin/python and a POSIX shell",
    "plugs/test_pre_commit.py": "tools that make test sets up",
    "probes": "symbolic links, permissions, FIFOs and ELF files",
    "project": "make, git and a POSIX shell",
    "scenarios": "a driver that is compiled here",
    "smoke": "signals, /proc, permissions and process groups",
}
"""Tests by what on Linux alone they stand on; elsewhere they are left out, and the last lines say so."""

ANYWHERE = (
    "probes/test_amd.py",
    "probes/test_windows_runtime.py",
    "project/test_layers.py",
    "project/test_posix_only.py",
)


def pytest_configure() -> None:
    """Let the programs that tests start be interrupted, however the tests were started.

    What a shell puts into the background has SIGINT ignored, what `nohup` starts has SIGHUP: children inherit it.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    _parse_the_matrix_once()


def _parse_the_matrix_once() -> None:
    """Keep the parsed TOML of this checkout, which takes longer to parse than a machine takes to be judged.

    Every call has a copy of its own: an overlay is laid into the document it is given.
    """
    shipped, ours = load._shipped, load._PACKAGE
    once = cache(lambda: pickle.dumps(shipped()))
    load._shipped = lambda: pickle.loads(once()) if ours == load._PACKAGE else shipped()


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out, before they are imported, the tests that can only run on Linux."""
    if sys.platform == "linux" or collection_path.is_dir() or not collection_path.name.startswith("test_"):
        return None
    place = collection_path.relative_to(HERE).as_posix()
    left_out = place in NEEDS_LINUX or place.partition("/")[0] in NEEDS_LINUX
    return True if left_out and place not in ANYWHERE else None


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--real", action="store_true", help="run the tests that need real wheels (make test-real)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--real"):
        return
    for item in items:
        if item.get_closest_marker("real"):
            item.add_marker(pytest.mark.skip(reason=NEEDS_REAL))


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    for place, what in NEEDS_LINUX.items() if sys.platform != "linux" else ():
        terminalreporter.write_line(f"tests/{place} left out on {sys.platform}: they need {what}")
    skipped = terminalreporter.stats.get("skipped", [])
    count = sum(NEEDS_REAL in str(report.longrepr) for report in skipped)
    if count:
        terminalreporter.write_line(f"{count} tests of real wheels skipped: make test-real runs them")


def _built(old: bool) -> Path:
    try:
        return build_standin(old=old)
    except CannotCompile as reason:
        pytest.skip(f"no stand-in driver libraries: {reason}")


@pytest.fixture(scope="session")
def standin() -> Path:
    """Folder with a `libnvidia-ml.so.1` and a `libcuda.so.1` that play a described machine."""
    return _built(old=False)


@pytest.fixture(scope="session")
def standin_old() -> Path:
    """The same, with the functions of a driver of branch 375 only."""
    return _built(old=True)
