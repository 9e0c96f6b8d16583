"""What is verified in a repaired copy before it takes the environment's place."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.model.finding import Severity
from envdoctor.model.fix import Proof
from envdoctor.model.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from envdoctor.cli import Invocation
    from envdoctor.commands.fix_case import Case
    from envdoctor.model.finding import Diagnosis, Finding
    from envdoctor.model.snapshot import Snapshot

IMPORT_SECONDS = 300.0
"""An import of torch may come over a network, and no compiled Python file of it is there yet."""
CHECK_SECONDS = 120.0
ON_CPU = ("elementwise", "matmul-fp32", "convolution", "nms")
"""Kernels that every build has, and the one that a torchvision of another torch lacks."""
BAD = ("failed", "wrong-numbers", "crashed", "timed-out")
LONGEST = 300
PARTNERS = ("torch", "torchvision", "torchaudio")


class Verification(NamedTuple):
    """How a copy is verified: by what was found in the environment as it is, whose interpreter is `python`.

    `timeout` is for the look, and `kernels` is false where no smoke was asked for.
    """

    invocation: Invocation
    case: Case
    python: str
    timeout: float
    kernels: bool

    def proofs(self, python: str, tell: Callable[[str, int | None, int | None], None]) -> tuple[Proof, ...]:
        """Return what held in the environment of `python`, in the order in which it was asked.

        Nothing more is asked where torch cannot be imported.
        """
        from envdoctor.commands import examine

        tell("verifying: looking at the copy", None, None)
        seen = examine.examine(self.invocation, python, self.timeout)()
        tell("verifying: importing torch", None, None)
        names = [name for name in PARTNERS if Machine(seen).is_known(f"{name}.version")]
        imported = _imports(python, names, f"{' and '.join(names) or 'torch'} can be imported")
        if not imported.held:
            return (imported,)
        tell("verifying: pip check", None, None)
        return (imported, *self._requirements(python), *self._judged(seen), *self._smoked(seen, tell))

    def stands(self) -> Proof:
        """Return whether the environment, in its own place again, still imports torch."""
        return _imports(self.python, ("torch",), "in its place torch can be imported")

    def _requirements(self, python: str) -> tuple[Proof, ...]:
        what = "no requirement is broken that held before"
        after = _complaints(python)
        if after is None:
            return ()
        new = sorted(after - (_complaints(self.python) or set()))
        return (Proof(what, not new, "; ".join(new[:3])[:LONGEST]),)

    def _judged(self, seen: Snapshot) -> tuple[Proof, ...]:
        after = self.case.judging(seen)
        errors, had = _found(after, Severity.ERROR), _found(self.case.diagnosis, Severity.ERROR)
        new = [finding for key, finding in errors.items() if key not in had]
        proofs = [Proof("no error is new", not new, new[0].message if new else "")]
        all_gone = bool(had) and self.case.plan.proved is True
        wrong = had or _found(self.case.diagnosis, Severity.WARNING)
        if wrong:
            left = [finding for key, finding in _found(after, Severity.WARNING).items() if key in wrong]
            held = not left if all_gone else len(left) < len(wrong)
            proofs.append(Proof("what was wrong is gone", held, left[0].message if left else ""))
        target, torch = self.case.plan.target, Machine(seen).torch
        if target is not None:
            held = torch is not None and torch.release == target.torch
            there = torch.text if torch else "none"
            proofs.append(Proof(f"torch is {target.torch}", held, "" if held else f"it is {there}"))
        return tuple(proofs)

    def _smoked(self, seen: Snapshot, tell: Callable[[str, int | None, int | None], None]) -> tuple[Proof, ...]:
        if not self.kernels:
            return ()
        from envdoctor.commands import smoking
        from envdoctor.commands.unasked import proves_something

        tell("verifying: kernels", None, None)
        diagnosis = self.case.judging(seen)
        wanted = [smoking.Wanted("quick", smoking.new_seed(), ("cpu",), ON_CPU)]
        if proves_something(Machine(seen), diagnosis):
            wanted.append(smoking.Wanted("check", smoking.new_seed(), by_itself=True))
        proofs = []
        for one in wanted:
            smoked = smoking.smoke(seen, diagnosis.findings, one, plain=False)
            where = " and ".join(smoked.devices)
            if smoked.trouble:
                if where:
                    proofs.append(Proof(f"kernels are right on {where}", False, smoked.trouble))
                continue
            bad = [row for row in smoked.snapshot.known_rows("smoke.tests") if row.get("status") in BAD]
            told = f"{bad[0].get('name')} {bad[0].get('status')}: {bad[0].get('message')}"[:LONGEST] if bad else ""
            proofs.append(Proof(f"kernels are right on {where}", not bad, told))
        return tuple(proofs)


def _imports(python: str, names: Sequence[str], what: str) -> Proof:
    """Import packages alone: nothing of this process's variables and folder counts."""
    from envdoctor.host.host import Host

    if "torch" not in names:
        return Proof(what, False, "torch is not there")
    # -B: the environment is to hold what the installer put there, and no more.
    argv = [python, "-I", "-B", "-c", f"import {', '.join(names)}"]
    answer = Host().start("import", argv).answer(time.monotonic() + IMPORT_SECONDS)
    if answer.exit == 0:
        return Proof(what, True)
    said = (answer.error.strip().splitlines() or [f"ended with {answer.exit}"])[-1]
    return Proof(what, False, (answer.trouble or said)[:LONGEST])


def _complaints(python: str) -> set[str] | None:
    """Return what the environment's own pip, else uv, says of requirements that are not met; None without either."""
    from envdoctor.fix.installing import program_of
    from envdoctor.host.host import Host

    uv = program_of("uv", os.environ)
    ways = [[python, "-I", "-B", "-m", "pip", "--disable-pip-version-check", "check"]]
    if uv:
        ways.append([uv, "pip", "check", "--python", python])
    for argv in ways:
        answer = Host().start("pip check", argv).answer(time.monotonic() + CHECK_SECONDS)
        if answer.exit == 0:
            return set()
        if answer.exit == 1 and "No module named pip" not in answer.error:
            lines = (answer.out if argv is ways[0] else answer.error).splitlines()
            return {line.strip() for line in lines if " requires " in line or " has requirement " in line}
    return None


def _found(diagnosis: Diagnosis, least: Severity) -> dict[tuple[str, str], Finding]:
    return {(finding.rule, finding.subject): finding for finding in diagnosis.findings if finding.severity >= least}
