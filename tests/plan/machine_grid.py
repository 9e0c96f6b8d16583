"""The grid of machines that every invariant of the planner is held over, and those invariants.

`tests/plan/test_plan_grid.py` takes a sample of it in every run, `benchmarks/plan_grid.py` all of it.
"""

from __future__ import annotations

from itertools import product
from random import Random
from typing import TYPE_CHECKING

from change_in_thought import requirements
from packaging.version import Version
from plan_oracle import MATRIX, Described, allowed, branch, installed, last_branch, proven

from envdoctor.diagnose.judge import diagnose
from envdoctor.model.machine import Machine, Wishes
from envdoctor.model.plan import Plan, Status
from envdoctor.plan.remedies import plan_for
from envdoctor.plan.solve import Solver
from machines import machine_snapshot

if TYPE_CHECKING:
    from envdoctor.matrix.tables import Release, Wheel
    from envdoctor.model.plan import Step

DRIVERS = (
    "440.33.01", "450.51.06", "450.80.02", "460.32.03", "470.256.02", "510.47.03", "520.61.05", "525.60.11",
    "525.60.13", "535.104.05", "545.23.08", "550.54.15", "560.35.03", "570.86.15", "575.57.08", "580.65.06",
    "590.44.01", "595.58.03",
)  # fmt: skip
CAPABILITIES = tuple(
    tuple(text.split())
    for text in (
        "3.5", "3.7", "5.2", "6.1", "7.0", "7.5", "8.0", "8.6", "8.9", "9.0", "10.0", "10.3", "12.0", "12.1",
        "7.0 9.0", "6.1 8.6", "3.7 12.0", "8.9 12.0", "7.5 10.3", "5.2 8.0",
    )
)  # fmt: skip
PYTHONS = ("3.8.18", "3.9.18", "3.10.13", "3.11.7", "3.12.1", "3.13.0", "3.14.0", "3.15.0")
PLATFORMS = ("linux-x86_64", "linux-aarch64", "windows-x86_64")
SITUATIONS = (
    # what is wished for, what is installed
    (None, None),
    ("==2.15.*", None),
    ("==2.14.1", None),
    (None, "2.9.1+cu128"),
)

TAGGED_ON_ARM = {"torch": Version("2.6"), "torchvision": Version("0.25")}
"""From which release on the Linux wheels for Arm carry their channel in the version."""


def whole() -> list[Described]:
    """Every machine; those that differ in wish and torch alone stand together."""
    return [machine for alike in hardware() for machine in alike]


def sample(machines: int) -> list[Described]:
    """Machines from all over the grid, the same in every run; each value of each axis occurs many times."""
    some = Random(20261121).sample(hardware(), machines // len(SITUATIONS))
    return [machine for alike in some for machine in alike]


def hardware() -> list[list[Described]]:
    """The machines by all but wish and torch."""
    return [
        [Described(driver, capabilities, python, platform, wish, torch) for wish, torch in SITUATIONS]
        for driver, capabilities, python, platform in product(DRIVERS, CAPABILITIES, PYTHONS, PLATFORMS)
    ]


def machine_of(row: Described) -> Machine:
    """The described machine with the user's wish; partners of an installed torch are its own."""
    snapshot = machine_snapshot(
        driver=row.driver,
        gpus=[("", capability) for capability in row.capabilities],
        python=row.python,
        platform=row.platform,
        torch=row.torch,
    )
    return Machine(snapshot, Wishes(torch=row.wish))


def solve(machine: Machine) -> Plan:
    """The set for a machine, as `envdoctor plan` looks for it."""
    return Solver(machine, MATRIX).wheel_set()


def judged(machine: Machine) -> Plan:
    """What a diagnosis of the machine asks for."""
    return plan_for(diagnose(machine.snapshot, MATRIX, machine.wishes), Solver(machine, MATRIX))


def broken_invariants(row: Described, plan: Plan) -> list[str]:
    """Return what of the planner's promises a plan breaks, in words; empty is right."""
    possible = allowed(row)
    found = []
    if (plan.status is Status.SOLVED) != bool(possible):
        found.append(f"{plan.status} where {len(possible)} builds fit")
    if plan.status is Status.SOLVED:
        found += _wrong_choice(row, plan, possible)
    elif plan.target is not None or not plan.because or plan.conflict is None or not plan.conflict.constraints:
        found.append("impossible without its reason, or with a target")
    for way in (plan, *plan.alternatives):
        for step in way.steps:
            if step.kind == "install-wheels":
                found += _wrong_packages(row, way, step)
    found += _wrong_driver_advice(row, plan)
    if plan.target and not _is_proven(row, plan):
        others = [way for way in plan.alternatives if way.target and _is_proven(row, way)]
        if not others and any(proven(wheel) for _, wheel in allowed(row._replace(wish=None))):
            found.append("an uncertain build is the only answer")
    return found


def _wrong_choice(row: Described, plan: Plan, possible: list[tuple[Release, Wheel]]) -> list[str]:
    target = plan.target
    if target is None or (target.torch, target.channel) not in {(one.torch, one.channel) for _, one in possible}:
        return [f"{target} is not among what fits"]
    known = [one for one in possible if proven(one[1])] or possible
    whole = [one for one in known if _vision(one[0], row)] or known
    kept = [release.version for release, _ in whole if release.version == (row.torch or "").partition("+")[0]]
    named = [release.version for release, wheel in whole if wheel.standing != "unadvertised"]
    first = (kept or [max(named or [release.version for release, _ in whole], key=Version)])[0]
    return [] if target.torch == first else [f"{target.torch} where {first} {'is installed and ' if kept else ''}fits"]


def _vision(release: Release, row: Described) -> str | None:
    """The torchvision beside a release, where it has a wheel for this Python."""
    partner = MATRIX.partner("torchvision", release.torchvision or "")
    return partner.version if partner is not None and {row.tag, "py3"} & set(partner.pythons) else None


def _is_proven(row: Described, plan: Plan) -> bool:
    target = plan.target
    assert target is not None
    wheel = MATRIX.wheel(target.torch, target.channel, row.platform)
    return wheel is not None and proven(wheel)


def _wrong_packages(row: Described, plan: Plan, step: Step) -> list[str]:
    """The packages of a command against the row of its target: versions, local parts, index."""
    target = plan.target
    release = MATRIX.release(target.torch) if target else None
    if target is None or release is None:
        return ["a command without a target"]
    named = {word.partition("==")[0]: word.partition("==")[2] for word in requirements(step.argv)}
    right = {"torch": release.version}
    vision = _vision(release, row)
    if vision is not None:
        right["torchvision"] = vision
    for name, version in right.items():
        tagged = row.platform != "linux-aarch64" or Version(version) >= TAGGED_ON_ARM[name]
        right[name] = f"{version}+{target.channel}" if tagged else version
    index = f"https://download.pytorch.org/whl/{target.channel}"
    if named != right or target.index_url != index or index not in step.argv:
        return [f"{step.argv} where {right} belongs there"]
    return []


def _wrong_driver_advice(row: Described, plan: Plan) -> list[str]:
    """A newer driver is offered where it opens something or keeps the installed build, and nowhere else."""
    kinds = {step.kind for way in plan.alternatives for step in way.steps}
    last = _last(row)
    if _beyond(row):
        former = next((one for one in reversed(DRIVERS) if branch(one) <= last), None)
        opens = former is not None and bool(allowed(row, former))
        wanted = {"downgrade-driver"} if opens and not allowed(row) else set()
    else:
        newer = [one for one in DRIVERS if Version(one) > Version(row.driver) and branch(one) <= last]
        present = installed(row)
        opens = not allowed(row) and any(allowed(row, one) for one in newer)
        keeps = present not in allowed(row) and any(present in allowed(row, one) for one in newer)
        wanted = {"upgrade-driver"} if opens or (present is not None and keeps) else set()
    offered = kinds & {"upgrade-driver", "downgrade-driver"}
    return [] if offered == wanted else [f"offered {sorted(offered)}, gains something {sorted(wanted)}"]


def _last(row: Described) -> int:
    """The last driver branch that runs every GPU."""
    gpus = [(int(major), int(minor)) for major, minor in (text.split(".") for text in row.capabilities)]
    return min(map(last_branch, gpus))


def _beyond(row: Described) -> bool:
    return branch(row.driver) > _last(row)


def broken_when_judged(row: Described, plan: Plan) -> list[str]:
    """Return what is wrong with the plan for an installed torch: none is to be made exactly where it works.

    Left out are machines that cannot be: a wheel under a Python that it is not for, and a GPU that answers a driver
    which dropped it. One GPU of two that is not served asks for no change by itself.
    """
    present, works = installed(row), installed(row) in allowed(row)
    if present is None or row.tag not in present[0].pythons[row.platform] or _beyond(row):
        return []
    if len(row.capabilities) == 1 and (plan.status is Status.NOTHING_TO_DO) != works:
        return [f"{plan.status} where the installed torch {'works' if works else 'does not work'}"]
    return []
