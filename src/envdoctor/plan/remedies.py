"""From findings to a plan: which defect is mended by what.

Errors and warnings decide; a note asks for nothing, save that an environment without torch is told what
would be installed. What no package can mend comes first: a wheel chosen while the driver does not answer
would be a guess.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from envdoctor.model.finding import Severity
from envdoctor.model.machine import MOST_GPUS, Undecidable
from envdoctor.model.plan import Applicability, Plan, Status, Step
from envdoctor.plan.by_hand import AGAIN, AGAIN_ON_CPU, BY_HAND, IMPORT_AGAIN
from envdoctor.plan.by_hand import OF_KERNELS as BY_RUNNING_AGAIN
from envdoctor.plan.partners import COMPILED_PARTNERS

if TYPE_CHECKING:
    from envdoctor.model.finding import Diagnosis, Finding
    from envdoctor.model.machine import Machine
    from envdoctor.plan.files.answer import Answer
    from envdoctor.plan.solve import Solver

ANOTHER_WHEEL = frozenset(
    {
        "driver-too-old",
        "driver-too-old-for-gpu",
        "gpu-arch-dropped",
        "gpu-arch-not-in-wheel",
        "cpu-only-build",
        "glibc-too-old",
    }
)

OF_KERNELS = frozenset({"gpu-arch-dropped", "gpu-arch-not-in-wheel"})

OF_BINARIES = frozenset(
    {
        "abi-undefined-symbol",
        "cuda-libs-shadowed-by-ld-library-path",
        "cudnn-shadowed-by-ld-library-path",
        "cudnn-version-mismatch",
        "ext-arch-missing",
        "glibc-too-old",
        "libstdcxx-too-old",
        "missing-libGL",
        "nccl-version-conflict",
        "shared-library-missing",
        "torch-shadowed-by-local-module",
    }
)
"""Rules that are answered, in part or whole, by `files/answer.py`."""

MOST_NOT_HELPING = 3

NOTHING = Plan(Status.NOTHING_TO_DO)


def nothing_to_mend(diagnosis: Diagnosis, machine: Machine) -> bool:
    """Whether the plan is `NOTHING` without a solver being asked: nothing above a note, and a torch that is known."""
    try:
        return not _causes(diagnosis) and machine.torch is not None
    except Undecidable:
        return False


def plan_for(diagnosis: Diagnosis, solver: Solver) -> Plan:
    """Return the plan that answers a diagnosis, and what would not help."""
    plan = _with_what_would_not_help(_plan_for(diagnosis, solver), solver)
    causes = [finding for finding in _causes(diagnosis) if finding.rule in OF_BINARIES]
    if not causes or plan.would_not_help or not plan.steps:
        return plan
    from envdoctor.plan.files.not_helping import not_helping

    return replace(plan, would_not_help=tuple(not_helping(solver.machine, causes))[:MOST_NOT_HELPING])


def plan_for_wishes(solver: Solver) -> Plan:
    """Return the set that serves the machine within its wishes, whatever its diagnosis, and what would not help."""
    try:
        plan = solver.wheel_set()
    except Undecidable as reason:
        return undecided(reason)
    return _with_what_would_not_help(plan, solver)


def _with_what_would_not_help(plan: Plan, solver: Solver) -> Plan:
    """Add what would not help; it is worked out for wheels, and conda may have other builds of what was asked for."""
    asked = solver.machine.wishes.torch is not None or solver.machine.is_absent("torch.version")
    try:
        by_conda = asked and solver.installing.by_conda
    except Undecidable:  # nor is it known then which build fails
        return plan
    if by_conda:
        return plan
    from envdoctor.plan.not_helping import would_not_help  # a machine with nothing to mend does without it

    return replace(plan, would_not_help=would_not_help(plan, solver.machine, solver.matrix))


def _plan_for(diagnosis: Diagnosis, solver: Solver) -> Plan:
    """Answer the defects, and add what a person has to do for a policy: the one does not hang on the other."""
    from envdoctor.plan import demands  # only where something is to be mended

    causes = _causes(diagnosis)
    machine = solver.machine
    for_a_person = [finding for finding in causes if demands.is_by_hand(finding, machine)]
    steps = tuple(dict.fromkeys(demands.by_hand(finding, machine) for finding in for_a_person))
    others = [finding for finding in causes if finding not in for_a_person]
    if not steps:
        return _plan_of(others, solver)
    plan = _plan_of(others, solver) if others or machine.is_absent("torch.version") else NOTHING
    if _installs_torch(plan):
        brought = {demands.by_hand(one, machine) for one in for_a_person if demands.comes_with_torch(one)}
        steps = tuple(step for step in steps if step not in brought)
    status = Status.SOLVED if plan.status is Status.NOTHING_TO_DO else plan.status
    return replace(plan, status=status, steps=(*plan.steps, *steps), because=plan.because or (causes[0].message,))


def _installs_torch(plan: Plan) -> bool:
    from envdoctor.model.change import Installs  # only where something is to be mended

    changes = [step.change for step in plan.steps if isinstance(step.change, Installs)]
    return any(line.startswith("torch==") for one in changes for line in one.requirements)


def _plan_of(findings: list[Finding], solver: Solver) -> Plan:
    causes = [finding for finding in findings if finding.rule not in BY_RUNNING_AGAIN]
    unexplained = [finding for finding in findings if finding.rule in BY_RUNNING_AGAIN]
    if _worst(unexplained) > _worst(causes):
        return _run_again(unexplained)
    for_a_person = [finding for finding in causes if finding.rule in BY_HAND.keys() - ANOTHER_WHEEL]
    for_packages = [finding for finding in causes if finding not in for_a_person]
    steps = tuple(dict.fromkeys(_by_hand(finding, solver.machine) for finding in for_a_person))
    if steps and (not for_packages or any(finding.severity is Severity.ERROR for finding in for_a_person)):
        return Plan(Status.SOLVED, None, steps, because=tuple(finding.message for finding in causes[:1]))
    try:
        found = _by_binaries(solver, for_packages)
    except Undecidable as reason:  # a fact that says something else than it should
        return undecided(reason)
    before, after = (*steps, *(found.before if found else ())), tuple(found.after if found else ())
    left = [finding for finding in for_packages if found is None or finding not in found.answered]
    try:
        plan = _by_packages(solver, left)
    except Undecidable as reason:
        plan = undecided(reason) if left or not (before or after) else NOTHING
    if not before and not after:
        return plan
    ways = (*(found.ways if found else ()), *plan.alternatives)
    status = Status.SOLVED if plan.status is Status.NOTHING_TO_DO else plan.status
    because = plan.because or (tuple(finding.message for finding in causes[:1]) if not left else ())
    return replace(plan, status=status, steps=(*before, *plan.steps, *after), alternatives=ways, because=because)


def _worst(causes: list[Finding]) -> int:
    return max((finding.severity for finding in causes), default=0)


def _run_again(unexplained: list[Finding]) -> Plan:
    """Return what a person does about kernel tests of whose failure nobody knows the cause."""
    told = dict.fromkeys(_again(finding) for finding in unexplained)
    steps = tuple(Step(kind, Applicability.MANUAL, why) for kind, why in told)
    return Plan(Status.SOLVED, None, steps, because=(unexplained[0].message,))


def _again(finding: Finding) -> tuple[str, str]:
    """Return what a person does about one of them; what fails without a GPU is no matter of its driver."""
    told = BY_RUNNING_AGAIN[finding.rule]
    if told is not AGAIN:
        return told
    if finding.subject == "torch":
        return IMPORT_AGAIN
    return AGAIN_ON_CPU if finding.subject.partition("/")[0] == "cpu" else told


def _by_binaries(solver: Solver, causes: list[Finding]) -> Answer | None:
    """Answer what the binaries tell, where a finding does; an extension is not built for a torch that goes."""
    if not any(finding.rule in OF_BINARIES for finding in causes):
        return None
    from envdoctor.plan.files.answer import answer

    changes = [one for one in causes if _asks_for_another(one, solver.machine)]
    return answer(solver, causes, torch_stays=not changes)


def _is_about_torch(finding: Finding) -> bool:
    """Whether a rule of `ANOTHER_WHEEL` asks for another set: an extension may be too new for a system too."""
    return finding.rule != "glibc-too-old" or finding.subject in ("torch", *COMPILED_PARTNERS)


def _asks_for_another(finding: Finding, machine: Machine) -> bool:
    """Whether a finding is answered by another set of wheels."""
    from envdoctor.plan import demands  # only where something is to be mended

    return demands.is_by_wheels(finding, machine) or (finding.rule in ANOTHER_WHEEL and _is_about_torch(finding))


def _causes(diagnosis: Diagnosis) -> list[Finding]:
    return [one for one in diagnosis.findings if one.severity >= Severity.WARNING and one.caused_by is None]


def undecided(reason: Undecidable) -> Plan:
    """Return the plan of a machine that does not tell what the choice hangs on."""
    fact = f"{reason.fact} is not known: " if reason.fact else ""
    return Plan(Status.IMPOSSIBLE, because=(f"{fact}{reason.reason}",), undecided=True)


def _by_packages(solver: Solver, causes: list[Finding]) -> Plan:
    """Answer what packages can mend; without any such cause, name what to install where there is no torch."""
    rules = {finding.rule for finding in causes}
    if any(_asks_for_another(finding, solver.machine) for finding in causes):
        return _another_wheel(solver, causes)
    try:
        torch = solver.machine.torch
    except Undecidable:
        if "package-files-damaged" not in rules:
            raise
        from envdoctor.plan.repair import put_back

        return put_back(solver)
    if torch is None:
        return solver.wheel_set()
    if not rules:
        return NOTHING
    from envdoctor.plan.repair import repair

    return repair(solver, causes, torch)


def _another_wheel(solver: Solver, causes: list[Finding]) -> Plan:
    """Find the wheel that serves; one GPU without kernels beside a served one asks for no change by itself."""
    errors = [finding for finding in causes if finding.severity is Severity.ERROR]
    plan = _of_its_kind(solver, causes).wheel_set()
    by_hand = tuple(_by_hand(finding, solver.machine) for finding in errors if finding.rule in BY_HAND)
    if plan.status is Status.IMPOSSIBLE and by_hand:
        return replace(plan, status=Status.SOLVED, steps=by_hand, undecided=False)
    torch = solver.machine.torch
    if torch is not None and {one.rule for one in errors} & OF_KERNELS:
        from envdoctor.plan.repair import written_anew

        plan = written_anew(solver, torch, plan)
    if errors or plan.status is Status.SOLVED or torch is None:
        return plan
    return Plan(Status.NOTHING_TO_DO, alternatives=plan.alternatives, because=plan.because)


def _of_its_kind(solver: Solver, causes: list[Finding]) -> Solver:
    """Return the solver for builds with CUDA where torch is one and a policy alone asks for another release.

    An image is put together, and its policy held, where no GPU is.
    """
    from envdoctor.plan import demands  # only where something is to be mended

    machine = solver.machine
    asking = [finding for finding in causes if _asks_for_another(finding, machine)]
    of_policy = all(demands.is_by_wheels(finding, machine) for finding in asking)
    stays = of_policy and machine.snapshot.known("torch.cuda") is not None and not machine.wishes.cpu
    return solver.of_cuda() if stays and not machine.wishes.cuda else solver


def _by_hand(finding: Finding, machine: Machine) -> Step:
    kind, why = BY_HAND[finding.rule]
    if kind != "unset-env":
        return Step(kind, Applicability.MANUAL, why)
    from envdoctor.model.change import ShowsGpus

    count = machine.number("gpu.count") if machine.is_known("gpu.count") else 0
    shows = ShowsGpus(None, tuple(range(min(count or 0, MOST_GPUS))))
    unset = (
        ("set", "CUDA_VISIBLE_DEVICES=")
        if machine.platform.startswith("windows")
        else ("unset", "CUDA_VISIBLE_DEVICES")
    )
    return Step(kind, Applicability.SAFE, why, unset, change=shows)
