"""What pytest calls in a session: the gate before the tests, and the look for those that are marked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from typing import Protocol

    from envdoctor.api import Report, Snapshot

    class Node(Protocol):
        """A worker of pytest-xdist, as its controller sees it."""

        workerinput: dict[str, str]


GPU = "requires_gpu"
CAPABILITY = "requires_compute_capability"
MARKERS = (GPU, CAPABILITY)

INPUT = "envdoctor_folder"
"""What the controller of pytest-xdist tells its workers: the folder that they share a look in."""

LISTING = ("collectonly", "showfixtures", "show_fixtures_per_test")
"""Options under which pytest runs no test."""


def runs_nothing(config: pytest.Config) -> bool:
    """Whether pytest only lists."""
    return any(getattr(config.option, name, False) for name in LISTING)


class MarkedTests:
    """Looks at the machine once where a marked test is to be run, and skips those it is not made for.

    `worker` is whether this is a worker of pytest-xdist, `seen` what the gate saw already.
    """

    def __init__(self, config: pytest.Config) -> None:
        told: dict[str, str] | None = getattr(config, "workerinput", None)
        self.worker = told is not None
        self.seen: Snapshot | None = None
        self._folder = (told or {}).get(INPUT)
        self._misused: dict[str, str] = {}

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Node) -> None:
        """Tell a worker of pytest-xdist where the workers share what one of them saw."""
        if self._folder is None:
            from envdoctor.pytest_plugin.sharing import make_folder

            self._folder = make_folder(self.seen)
        if self._folder is not None:
            node.workerinput[INPUT] = self._folder

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Look, before any fixture changes the process, and mark what the machine is not made for as skipped."""
        if runs_nothing(session.config):
            return
        marked = [(item, mark) for item in session.items for mark in item.iter_markers() if mark.name in MARKERS]
        if not marked:
            return
        from envdoctor.model.machine import Machine
        from envdoctor.pytest_plugin import needs, sharing

        machine = Machine(self.seen or sharing.look(self._folder))
        for item, mark in marked:
            try:
                reason = needs.lacking(mark.name, mark.args, mark.kwargs, machine)
            except needs.Misused as problem:
                self._misused[item.nodeid] = str(problem)
                continue
            if reason is not None:
                item.add_marker(pytest.mark.skip(reason=reason))

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Fail a test whose marker says nothing that could be checked: it is not run blindly."""
        if item.nodeid in self._misused:
            pytest.fail(self._misused[item.nodeid], pytrace=False)

    def pytest_unconfigure(self) -> None:
        """Take the shared folder away."""
        if self._folder is not None and not self.worker:
            from envdoctor.pytest_plugin.sharing import remove_folder

            remove_folder(self._folder)


class Gate:
    """Judges the environment before anything is collected, and ends the session where that fails."""

    def __init__(self, config: pytest.Config, marked: MarkedTests) -> None:
        self._config = config
        self._marked = marked
        self._report: Report | None = None

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Judge. Raises `pytest.UsageError` for a policy or an option that cannot be used."""
        if runs_nothing(session.config):
            return
        from envdoctor.pytest_plugin.judging import judged

        self._report = judged(self._config)
        self._marked.seen = self._report.snapshot

    def pytest_report_header(self) -> str | None:
        """Say in one line what was found."""
        if self._report is None:
            return None
        from envdoctor.pytest_plugin.judging import header

        return header(self._report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> None:
        """End the session where the report fails, with the whole report."""
        if self._report is not None and self._report.exit_code:
            from envdoctor.pytest_plugin.judging import end

            end(self._report, session.config)
