"""Whether the kernel tests passed that a policy demands: by name, or by the beginning of several names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.machine import Undecidable
from envdoctor.model.smoke import GOOD, IMPORT, TIME_OVER, Status
from envdoctor.rules.demanded.answer import NO_TORCH, Unmet
from envdoctor.rules.smoke_causes import FACT, results
from envdoctor.rules.smoke_words import device_in_words, evidence, quoted, some

if TYPE_CHECKING:
    from envdoctor.model.demand import Demand
    from envdoctor.model.machine import Machine
    from envdoctor.model.smoke import TestResult


def is_meant(name: str, test: str) -> bool:
    """Whether the name in a policy means a test: it is its name or, up to a hyphen, its beginning."""
    return test == name or test.startswith(f"{name}-")


def unpassed(machine: Machine, demand: Demand) -> Unmet | None:
    """Return why the tests that a demand names count as not passed; None where at least one passed and none failed.

    Raises `Undecidable` where they were not run, or not all of them for want of time.
    """
    if machine.is_absent("torch.version"):
        return Unmet(demand.subject, "torch is not installed", machine.evidence("torch.version"), NO_TORCH)
    every = results(machine)
    tests = [one for one in every if is_meant(demand.specifier, one.name)]
    # Where torch cannot be imported nothing could be run: that is no want of knowledge.
    bad = [one for one in (*tests, *(one for one in every if one.name == IMPORT)) if one.status not in GOOD]
    if bad:
        return Unmet(demand.subject, _how(machine, bad), evidence(machine, bad), f"smoke-{bad[0].status.value}")
    if not tests:
        raise Undecidable("that test was not run" if every else "no kernel was run", FACT)
    if any(one.status is Status.SKIPPED and one.message.startswith(TIME_OVER) for one in tests):
        raise Undecidable(TIME_OVER, FACT)
    if any(one.status is Status.PASSED for one in tests):
        return None
    why = quoted(tests[0].message) or "it does not apply here"
    return Unmet(demand.subject, f"it was skipped{_where(machine, tests[0])}: {why}", evidence(machine, tests))


def _how(machine: Machine, bad: list[TestResult]) -> str:
    first = bad[0]
    if first.name == IMPORT:
        return "torch cannot be imported"
    ended = {Status.WRONG_NUMBERS: "computed wrong numbers", Status.SLOW: "was too slow"}
    how = ended.get(first.status, first.status.value.replace("-", " "))
    return f"{some(one.name for one in bad)} {how}{_where(machine, first)}"


def _where(machine: Machine, test: TestResult) -> str:
    return f" on {device_in_words(machine, test.device)}"
