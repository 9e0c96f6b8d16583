"""One whole look at a machine: every probe in order, each costing its own facts at most."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from envdoctor import __version__
from envdoctor.model.fact import Unknown
from envdoctor.model.snapshot import NOT_ASKED, Snapshot
from envdoctor.probes import (
    amd,
    compiled_objects,
    compiler,
    conda_records,
    container,
    cpu,
    dependents,
    distributions,
    driver,
    duplicates,
    environment,
    environment_kind,
    extensions,
    host_kind,
    host_system,
    index_settings,
    interpreter,
    kernels,
    layers,
    limits,
    loader,
    local_modules,
    nvidia_packages,
    package_files,
    partners,
    pci,
    project,
    symbols,
    toolkits,
    torch_build,
    windows_runtime,
)
from envdoctor.probes.apart import begin_apart
from envdoctor.probes.begin import begin
from envdoctor.probes.looking import OutOfTime

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from envdoctor.host.host import Host
    from envdoctor.model.fact import Fact
    from envdoctor.probes.apart import Apart
    from envdoctor.probes.looking import Looking
    from envdoctor.probes.target import Target

PROBES: tuple[ModuleType, ...] = (
    container,
    host_system,
    limits,
    environment,
    interpreter,
    cpu,
    environment_kind,
    project,
    layers,
    distributions,
    duplicates,
    conda_records,
    torch_build,
    partners,
    dependents,
    nvidia_packages,
    extensions,
    compiled_objects,
    amd,
    windows_runtime,
    loader,
    symbols,
    kernels,
    package_files,
    local_modules,
    index_settings,
    toolkits,
    compiler,
    pci,
    driver,
    host_kind,
)
"""In the order they run: each may read the facts of those before it. The driver comes late because
its children answer meanwhile, and the kind of host last because a vGPU shows in what the driver told."""

APART = (loader, symbols)
"""Probes that may run in a copy of this process meanwhile: they map the most files, and take the longest."""


def finish(at: Looking, meanwhile: Callable[[], object] = bool) -> Snapshot:
    """Run every probe and return what was seen; `meanwhile` is called once, where there is something to wait for.

    Raises `interpreter.NotPython` when the target is no Python; everything else that fails costs the facts of
    its probe, which become Unknown with the reason.
    """
    apart: Apart | None = None
    try:
        for probe in PROBES:
            if probe is APART[0]:
                apart = begin_apart(at, APART, _ask)
            if apart is None or probe not in APART:
                _ask(probe, at)
        meanwhile()
        if apart is not None:
            apart.join()
            if at.unreadable or at.rows("packages.damaged"):
                _ask(package_files, at)  # it came before what the others could not read, and what they lack
    finally:
        if apart is not None:
            apart.stop()
        for child in (*(at.driver_children or ()), at.interpreter_child):
            if child is not None:
                child.stop()
    taken = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return Snapshot(at.facts, taken=taken, envdoctor=__version__)


def look(host: Host, target: Target, *, timeout: float = 10.0) -> Snapshot:
    """Look at `host` with the eyes of `target`, from beginning to end."""
    return finish(begin(host, target, timeout=timeout))


def _ask(probe: ModuleType, at: Looking) -> None:
    """Add the facts of one probe; names with `.N.` stand for one fact a GPU and are no facts themselves."""
    if probe.__name__.rpartition(".")[2] in at.without:
        at.facts.update(_untold(probe, at, NOT_ASKED))
        return
    try:
        at.facts.update(probe.look(at))
    except interpreter.NotPython:
        raise
    except OutOfTime:
        at.facts.update(_untold(probe, at, "the time was over before all was looked at (--timeout)"))
    # The one place where a probe may fail in a way nobody foresaw: it costs its facts, not the look.
    except Exception as bug:
        reason = f"probe {probe.__name__.rpartition('.')[2]} failed: {type(bug).__name__}: {bug}"
        at.facts.update(_untold(probe, at, reason))


def _untold(probe: ModuleType, at: Looking, reason: str) -> dict[str, Fact]:
    """The facts of a probe that it did not come to tell."""
    names = (name for name in probe.FACTS if ".N." not in name and name not in at.facts)
    return dict.fromkeys(names, Unknown(reason))
