"""Running kernels from the command line: which devices, the battery, and what it gave as facts of the snapshot."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.commands.failure import Unusable
from envdoctor.model.fact import Absent, Known
from envdoctor.model.finding import Severity
from envdoctor.model.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from envdoctor.model.fact import Value
    from envdoctor.model.finding import Finding
    from envdoctor.model.snapshot import Snapshot
    from envdoctor.smoke.battery import Limits
    from envdoctor.smoke.child.case import Case
    from envdoctor.smoke.manners import Chosen, LeftOut

NO_TORCH = "torch is not installed; `envdoctor plan` says which one fits this machine and what to type to have it"
NO_INTERPRETER = "there is no interpreter to run them"
NO_FOLDER = "the current folder has been removed, and some builds of torch cannot be imported there; change to another"

UNSERVED = ("gpu-arch-not-in-wheel", "gpu-arch-dropped", "driver-too-old-for-gpu", "gpu-lost")
"""Rules that find a GPU on which the torch at hand cannot run; a warning where another GPU is served."""

SECONDS, SECONDS_EACH, TIMES_FULL = 120.0, 60.0, 5.0
"""Longest time of a battery: for one device, for each further one, and what `--full` multiplies it by."""
TEST, TEST_FULL, IMPORT = 20.0, 40.0, 100.0
"""Seconds for one test, for one in its large size, and for the import of torch, which may come over a network."""
LEAST_TEST, MOST_OF_IT = 5.0, 0.25
"""Seconds that one test has of a short battery at least, and the share of the battery that it has at most."""
UNASKED_EACH, UNASKED_TEST = 15.0, 14.0
"""Seconds that a check takes by itself for a GPU once torch is imported, and for one test of it.

One that begins late is skipped for want of time before it is said to hang: the first to need a library of CUDA reads
it from the disk, and a slow disk is no defect.
"""


class Wanted(NamedTuple):
    """What is to be run: `devices` as torch names them (None: what is free), `names` of tests (empty: all).

    `seconds` are for the whole battery, None for as many as its size takes. `by_itself` where nobody asked for kernels,
    so that a machine without a free GPU runs none. `baseline` are rows of the fact `smoke.baseline`. Nobody is told how
    far it is where it is not `watched`.
    """

    size: str
    seed: int
    devices: Sequence[str] | None = None
    names: Collection[str] = ()
    seconds: float | None = None
    by_itself: bool = False
    baseline: Sequence[Mapping[str, Value]] = ()
    watched: bool = True


class Smoked(NamedTuple):
    """The snapshot with what the battery gave, the devices it ran on, and why it could not start ("": it did)."""

    snapshot: Snapshot
    devices: tuple[str, ...]
    trouble: str


def new_seed() -> int:
    """Return a seed nobody chose: inputs are fresh in every run."""
    return int.from_bytes(os.urandom(4), "big") >> 1


def smoke(seen: Snapshot, findings: Sequence[Finding], wanted: Wanted, *, plain: bool) -> Smoked:
    """Run the battery in the interpreter that was looked at.

    `findings` are those of the look, which tell of GPUs that the torch at hand does not serve. `plain` asks for lines
    of progress where standard error is no terminal. Raises `Unusable` where what was asked for is not there.
    """
    from envdoctor.commands import smoke_progress
    from envdoctor.smoke.battery import Order, run_battery
    from envdoctor.smoke.child.catalogue import all_cases
    from envdoctor.smoke.conditions import Watch
    from envdoctor.smoke.facts import facts_of
    from envdoctor.smoke.order import plan_items

    machine = Machine(seen)
    if isinstance(seen["torch.version"], Absent):
        return Smoked(seen, (), NO_TORCH)
    python = machine.told("python.executable")
    if python is None:
        return Smoked(seen, (), NO_INTERPRETER)
    if not _is_somewhere():
        return Smoked(seen, (), NO_FOLDER)
    chosen = _devices(machine, findings, wanted)
    if not chosen.devices:
        return Smoked(_left_out(seen, chosen.left_out), (), chosen.nothing_because or "no device was chosen")
    items = plan_items(all_cases(), chosen.devices, wanted.size, wanted.names)
    if not items:
        raise Unusable(
            f"--test: nothing of it runs on {', '.join(chosen.devices)} alone; `envdoctor smoke --list` says where: on "
            "the CPU, a GPU, or several GPUs"
        )
    limits = _limits(wanted, len(chosen.devices))
    order = Order(python, items, chosen.devices, wanted.size, wanted.seed, limits)
    watch = Watch(chosen.devices)
    try:
        ran = run_battery(order, smoke_progress.teller(plain=plain, watched=wanted.watched))
    finally:
        smoke_progress.clear()
        watch.stop()
    conditions = watch.seen(ran.windows, ran.devices, machine)
    facts = facts_of(ran, wanted.size, chosen.left_out, conditions, wanted.baseline, machine)
    return Smoked(seen.having(facts), chosen.devices, "" if ran.started else ran.trouble)


def _is_somewhere() -> bool:
    """Whether the current folder is still there: MKL, which looks at it when it is loaded, ends the process if not."""
    try:
        os.getcwd()
    except OSError:
        return False
    return True


def smoke_for_check(seen: Snapshot, findings: Sequence[Finding], *, asked: bool, watched: bool = True) -> Snapshot:
    """Return the snapshot with what the battery of a check gave; `asked` where the user wants it (--smoke)."""
    wanted = Wanted("quick" if asked else "check", new_seed(), by_itself=not asked, watched=watched)
    smoked = smoke(seen, findings, wanted, plain=asked)
    if smoked.trouble and asked and "smoke.tests" not in smoked.snapshot.facts:
        from envdoctor.smoke.manners import LeftOut

        return _left_out(seen, [LeftOut("any device", smoked.trouble)])
    return smoked.snapshot


def _devices(machine: Machine, findings: Sequence[Finding], wanted: Wanted) -> Chosen:
    from envdoctor.smoke.manners import cuda_order, devices_for

    order = cuda_order(machine)
    if order is None and machine.is_absent("gpu.count"):
        order = ()
    for device in wanted.devices or ():
        if order is not None and device != "cpu" and int(device.partition(":")[2]) >= len(order):
            there = ["cpu", *(f"cuda:{number}" for number in range(len(order)))]
            raise Unusable(
                f"--device {device}: not there; here {'is' if len(there) == 1 else 'are'} {', '.join(there)}"
                f"{'' if order else ', and no GPU that CUDA sees (`envdoctor check` says why)'}"
            )
    return devices_for(machine, wanted.devices, wanted.by_itself, _unserved(findings))


def _unserved(findings: Sequence[Finding]) -> dict[int, str]:
    """Return the GPUs that are left out because torch does not run on them, while it runs on others."""
    found = {}
    for finding in findings:
        subject = re.fullmatch(r"gpu:(\d{1,4})", finding.subject)
        if subject and finding.rule in UNSERVED and finding.severity is Severity.WARNING:
            found[int(subject[1])] = f"torch does not run on it ({finding.rule})"
    return found


def _left_out(seen: Snapshot, devices: Sequence[LeftOut]) -> Snapshot:
    """Return the snapshot with the reasons for which nothing was run."""
    rows: list[Value] = [{"device": one.device, "reason": one.reason} for one in devices]
    return seen.having({"smoke.left_out": Known(rows, "smoke")}) if rows else seen


def _limits(wanted: Wanted, devices: int) -> Limits:
    from envdoctor.smoke.battery import Limits

    if wanted.by_itself:
        return Limits(IMPORT, UNASKED_TEST, UNASKED_EACH * devices, importing_counts=False)
    full = wanted.size == "full"
    usual = (SECONDS + SECONDS_EACH * (devices - 1)) * (TIMES_FULL if full else 1.0)
    seconds = wanted.seconds or usual
    # A test that hangs shall leave time for those after it.
    test = max(min(seconds, LEAST_TEST), seconds * MOST_OF_IT)
    return Limits(min(IMPORT, seconds), min(TEST_FULL if full else TEST, test), seconds)


def baseline_of(path: str) -> list[dict[str, Value]]:
    """Return what an earlier run reached, as rows of `smoke.baseline`. Raises `Unusable`."""
    from envdoctor.smoke.baseline import read_baseline

    try:
        return read_baseline(path)
    except ValueError as problem:
        raise Unusable(f"--baseline {problem}") from None


def chosen_tests(cases: Sequence[Case], asked: Sequence[str], *, full: bool) -> frozenset[str]:
    """Return the names of the tests that were asked for: by name, or by what several names begin with.

    Raises `Unusable` for one that does not exist, or that belongs to `--full` alone.
    """
    from envdoctor.commands.options import near_names

    chosen: set[str] = set()
    for name in asked:
        meant = [case for case in cases if case.name == name or case.name.startswith(f"{name}-")]
        if not meant:
            named = dict.fromkeys(part for case in cases for part in (case.name.rpartition("-")[0], case.name) if part)
            near = near_names(name, [*named])
            hint = f"did you mean {' or '.join(near)}?" if near else "`envdoctor smoke --list` names them"
            raise Unusable(f"--test {name}: no such test; {hint}")
        belong = [case.name for case in meant if case.belongs_to("full" if full else "quick")]
        if not belong:
            raise Unusable(f"--test {name}: runs only with --full")
        chosen.update(belong)
    return frozenset(chosen)
