"""What holds of every plan, over a grid of machines: drivers x GPUs x Pythons x platforms x what is installed."""

from __future__ import annotations

from itertools import islice, product
from random import Random

import pytest
from change_in_thought import after, requirements

from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.load import load_matrix
from envdoctor.matrix.serving import need_of, obstacle
from envdoctor.matrix.versions import parts
from envdoctor.model.finding import Severity
from envdoctor.model.machine import Machine
from envdoctor.model.plan import Plan, Status
from envdoctor.model.snapshot import Snapshot
from envdoctor.plan.candidates import candidates
from envdoctor.plan.driver_advice import Upgrade, upgrades
from envdoctor.plan.remedies import plan_for
from envdoctor.plan.solve import Solver
from machines import DRIVER_CUDA, machine_snapshot

MATRIX = load_matrix()
DRIVERS = [
    "440.33.01", "450.51.06", "450.80.02", "470.256.02", "520.61.05", "525.60.13", "535.104.05", "550.54.15",
    "560.35.03", "570.86.15", "575.57.08", "580.65.06", "590.44.01", "595.58.03",
]  # fmt: skip
CAPABILITIES = ["3.5", "3.7", "5.2", "6.1", "7.0", "7.5", "8.0", "8.6", "8.9", "9.0", "10.0", "10.3", "12.0", "12.1"]
PYTHONS = ["3.8.18", "3.9.18", "3.10.13", "3.11.7", "3.12.1", "3.13.0", "3.14.0"]
PLATFORMS = ["linux-x86_64", "linux-aarch64", "windows-x86_64", "macos-arm64"]
TORCHES = [
    None,
    "2.1.2+cu121",
    "2.5.1+cu124",
    "2.7.1+cu128",
    "2.9.1+cu128",
    "2.13.0+cpu",
    "2.14.0+cu130",
    "2.15.0+cu132",
]

MACHINES = 3000


def described() -> list[dict[str, object]]:
    """A sample of the whole grid, the same in every run; each value of each axis occurs many times."""
    whole = list(product(DRIVERS, CAPABILITIES, PYTHONS, PLATFORMS, TORCHES))
    Random(20261121).shuffle(whole)
    return [
        {
            "driver": driver, "gpus": [("", capability)], "python": python, "platform": platform, "torch": torch,
            "torchaudio": ("partner" if place % 3 == 0 else None),
        }
        for place, (driver, capability, python, platform, torch) in enumerate(islice(whole, MACHINES))
    ]  # fmt: skip


def machines() -> list[tuple[Snapshot, Machine]]:
    snapshots = [machine_snapshot(**row) for row in described()]
    return [(snapshot, Machine(snapshot)) for snapshot in snapshots]


@pytest.fixture(scope="module")
def solved() -> list[tuple[Snapshot, Machine, Plan]]:
    """Every machine of the grid with its plan; judged once for all tests of this file."""
    return [
        (snapshot, machine, plan_for(diagnose(snapshot, MATRIX), Solver(machine, MATRIX)))
        for snapshot, machine in machines()
    ]


Solved = list[tuple[Snapshot, Machine, Plan]]


def errors(snapshot: Snapshot) -> list[str]:
    return [one.message for one in diagnose(snapshot, MATRIX).findings if one.severity is Severity.ERROR]


def every(plan: Plan) -> list[Plan]:
    return [plan, *(inner for way in plan.alternatives for inner in every(way))]


def test_the_grid_holds_every_kind_of_answer(solved: Solved) -> None:
    statuses = [plan.status for _, _, plan in solved]
    assert len(statuses) == MACHINES
    assert all(statuses.count(status) > 100 for status in Status)


def test_a_target_serves_the_machine_it_is_for(solved: Solved) -> None:
    for _, machine, plan in solved:
        if plan.target is not None and plan.status is Status.SOLVED:
            release = MATRIX.release(plan.target.torch)
            wheel = MATRIX.wheel(plan.target.torch, plan.target.channel, machine.platform)
            assert release is not None
            assert wheel is not None
            need = need_of(machine, MATRIX)
            assert obstacle(MATRIX, release, wheel, need) is None


def test_a_broken_machine_is_never_told_that_nothing_is_to_do(solved: Solved) -> None:
    for snapshot, _, plan in solved:
        if plan.status is Status.NOTHING_TO_DO:
            assert errors(snapshot) == []
            assert plan.steps == ()


def test_the_plan_carried_out_in_thought_leaves_no_error(solved: Solved) -> None:
    for snapshot, machine, plan in solved:
        if plan.status is Status.SOLVED:
            changed = after(snapshot, plan, MATRIX, machine.platform)
            assert errors(changed) == [], (describe(snapshot), plan)


def test_the_plan_carried_out_leaves_nothing_to_do(solved: Solved) -> None:
    for snapshot, machine, plan in solved:
        if plan.status is Status.SOLVED:
            changed = after(snapshot, plan, MATRIX, machine.platform)
            again = plan_for(diagnose(changed, MATRIX), Solver(Machine(changed), MATRIX))
            assert again.status is Status.NOTHING_TO_DO, (describe(snapshot), plan, again)


def describe(snapshot: Snapshot) -> list[object]:
    names = ("driver.version", "gpu.0.compute_capability", "python.tag", "host.platform", "torch.version")
    return [getattr(snapshot[name], "value", None) for name in (*names, "torchvision.version", "torchaudio.version")]


def test_impossible_means_that_no_wheel_serves(solved: Solved) -> None:
    for _, machine, plan in solved:
        if plan.status is Status.IMPOSSIBLE:
            found = candidates(MATRIX, need_of(machine, MATRIX))
            assert [one.version for one in found if one.obstacle is None] == []
            assert plan.target is None
            assert plan.because


def test_a_driver_is_offered_only_where_it_gains_something(solved: Solved) -> None:
    for snapshot, machine, plan in solved:
        for way in every(plan):
            if any(step.kind == "upgrade-driver" for step in way.steps):
                assert way is not plan
                newer = _upgrade_behind(machine, way)
                assert parts(newer.driver) > parts(str(getattr(snapshot["driver.version"], "value", "0")))
                branch = newer.driver.partition(".")[0]
                facts = machine_snapshot(driver=newer.driver, cuda=MATRIX.driver_cuda(newer.driver), gpus=[]).facts
                raised = after(snapshot, way, MATRIX, machine.platform).having(
                    {name: facts[name] for name in facts if name.startswith("driver.")}
                )
                assert errors(raised) == [], (describe(snapshot), branch, way)


def _upgrade_behind(machine: Machine, way: Plan) -> Upgrade:
    torch = machine.torch
    found = upgrades(
        MATRIX,
        need_of(machine, MATRIX),
        torch.release if torch else None,
        machine,
        Solver(machine, MATRIX).installing.partners,
    )
    return next(one for one in found if one.gain == way.because[0])


def test_nothing_is_offered_beyond_the_last_branch_that_runs_the_gpu(solved: Solved) -> None:
    for _, machine, plan in solved:
        for way in every(plan):
            if any(step.kind == "upgrade-driver" for step in way.steps):
                last = MATRIX.last_driver_branch(machine.visible_gpus[0].capability or (0, 0))
                assert last is None or parts(_upgrade_behind(machine, way).driver)[0] <= last


def test_argv_pins_the_local_version_and_the_partners_of_the_matrix(solved: Solved) -> None:
    for _, machine, plan in solved:
        for way in every(plan):
            for step in way.steps:
                if step.kind == "install-wheels" and way.target is not None:
                    _check_argv(machine, way, step.argv)


def _check_argv(machine: Machine, way: Plan, argv: tuple[str, ...]) -> None:
    target = way.target
    assert target is not None
    named = {word.partition("==")[0]: word.partition("==")[2] for word in requirements(argv)}
    release = MATRIX.release(target.torch)
    assert release is not None
    assert (target.torchvision, target.torchaudio) == (release.torchvision, release.torchaudio)
    local = "" if machine.platform.startswith("macos") else f"+{target.channel}"
    if machine.platform == "linux-aarch64" and target.channel == "cpu" and parts(target.torch) < (2, 6):
        local = ""
    if "torch" in named:
        assert named["torch"] == target.torch + local
    for name in ("torchvision", "torchaudio"):
        if name in named:
            # torchaudio ended with 2.11.0, which pins no torch and goes with every later one.
            assert named[name] == f"{getattr(release, name) or '2.11.0'}{local}"
    assert set(named) <= {"torch", "torchvision", "torchaudio", "triton"}
    assert (target.index_url is None) == machine.platform.startswith("macos")
    if target.index_url:
        assert argv[argv.index("--index-url") + 1] == target.index_url


def test_pairs_of_gpus_are_served_together_or_told_apart() -> None:
    for first, second in product(CAPABILITIES, CAPABILITIES):
        snapshot = machine_snapshot(gpus=[("", first), ("", second)], torch=None, driver="580.65.06")
        machine = Machine(snapshot)
        plan = Solver(machine, MATRIX).wheel_set()
        if plan.status is Status.SOLVED:
            assert errors(after(snapshot, plan, MATRIX)) == []
        else:
            alone = [Solver(Machine(machine_snapshot(gpus=[("", one)], torch=None, driver="580.65.06")), MATRIX)
                     for one in (first, second)]  # fmt: skip
            possible = [one.wheel_set().status is Status.SOLVED for one in alone]
            hiding = [way for way in plan.alternatives if way.steps[0].kind == "set-env"]
            better = max(range(2), key=lambda place: parts((first, second)[place]))
            assert bool(hiding) == (possible[better] and first != second), (first, second)


def test_the_api_of_every_driver_in_the_grid_is_that_of_the_matrix() -> None:
    for driver in DRIVERS:
        assert MATRIX.driver_cuda(driver) == DRIVER_CUDA[driver.partition(".")[0]]
