"""What a rule is, and the one place where the rules are collected."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from enum import IntEnum
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, TypeAlias

from envdoctor.model.finding import Confidence, Finding, Severity
from envdoctor.rules.severity_table import ALWAYS, DECLARED, SAID, SEVERITIES, SHOWN, TEXTS
from envdoctor.rules.smoke_causes import DEVICES, FACT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.fact import Value
    from envdoctor.model.machine import Machine, Wishes

    Judge: TypeAlias = Callable[[Machine, Matrix], Iterator[Finding]]


class Stage(IntEnum):
    """Where on the way from the hardware to a running kernel a defect lies: earlier ones come first.

    KERNELS stands before RUNTIME on purpose: a newer driver gives no wheel its missing kernels, while the
    wheel that has them mostly runs on the present driver too.
    """

    REACH = 1
    """The driver cannot be asked at all."""
    SUPPORT = 2
    """The driver does not support the GPU."""
    KERNELS = 3
    """The wheel holds no code for the GPU."""
    RUNTIME = 4
    """The driver does not run the CUDA of the wheel."""
    PACKAGES = 5
    """The packages do not fit one another."""
    LIBRARIES = 6
    """The loader does not find or takes the wrong library."""
    SETTING = 7
    """A setting keeps something working from being used."""
    RUN = 8
    """Kernels ran, and not as they should."""


@dataclass(frozen=True, slots=True)
class Example:
    """A machine in which a rule fires or stays quiet: facts that differ from `tests/machines.py`'s default.

    A value None stands for an absent fact. `severity` is what a firing example yields, and `says` words of
    its message. `require_gpu` and `wish_torch` are what the user asked for, `demands` what a policy demands: key to
    specifier, as `Demand` has them; `wish_cpu` where it says that torch is to compute on the CPU.
    """

    title: str
    facts: Mapping[str, Value]
    severity: Severity = Severity.ERROR
    says: str = ""
    require_gpu: bool = False
    wish_torch: str | None = None
    demands: Mapping[str, str] = field(default_factory=dict)
    wish_cpu: bool = False

    @property
    def wishes(self) -> Wishes:
        """What was asked for, as the judge takes it."""
        from envdoctor.model.demand import Demand
        from envdoctor.model.machine import Wishes

        demands = tuple(Demand(key, specifier, specifier) for key, specifier in self.demands.items())
        return Wishes(require_gpu=self.require_gpu, torch=self.wish_torch, demands=demands, cpu=self.wish_cpu)


ON_WINDOWS: dict[str, Value] = {
    "host.os": "windows",
    "host.platform": "windows-x86_64",
    "host.kind": "windows",
    "host.libc": None,
    "torch.wheel_tags": ["cp311-cp311-win_amd64"],
}
"""The facts by which the machine of an example is one of Windows."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One defect. `judge` yields its findings and may raise `Undecidable`.

    `needs` are the facts it may read; `explains` the rules whose findings are consequences of this one.
    `severities` are those of `severity_table.py`. `in_turn` where its findings stay in the order in which it tells
    them.
    """

    judge: Judge
    stage: Stage
    needs: tuple[str, ...]
    fires: tuple[Example, ...]
    quiet: tuple[Example, ...]
    explains: tuple[str, ...] = ()
    severities: Mapping[str, Severity] = field(default_factory=dict)
    in_turn: bool = False
    name: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.judge.__module__.rpartition(".")[2].replace("_", "-"))
        if not self.severities:
            object.__setattr__(self, "severities", SEVERITIES[self.name])
        if SHOWN in self.severities:
            object.__setattr__(self, "needs", tuple(dict.fromkeys((*self.needs, FACT, DEVICES))))

    def judged(self, machine: Machine, matrix: Matrix) -> Iterator[Finding]:
        """Yield what `judge` finds, and what the software said of this defect itself when kernels ran.

        This is what is asked of a rule. Raises `Undecidable` as `judge` does, after what was said was told.
        """
        if SAID in self.severities and TEXTS in machine.snapshot.facts:
            from envdoctor.rules.said.shown import judged_with_words  # a live machine says nothing of that kind

            return judged_with_words(self, machine, matrix)
        if SHOWN not in self.severities or not machine.looked_at(FACT):
            return self.judge(machine, matrix)
        from envdoctor.rules.smoke_shown import judged_with_kernels  # which a machine without them does without

        return judged_with_kernels(self, machine, matrix)

    @property
    def worst(self) -> Severity:
        """The severity it has at worst."""
        return max(self.severities.values())

    @property
    def worst_by_facts(self) -> Severity:
        """The severity it has at worst by the facts of a machine, no kernel having run: what may be missed."""
        said = (SHOWN, SAID, DECLARED)
        return max((severity for when, severity in self.severities.items() if when not in said), default=Severity.NOTE)

    @property
    def of_files_alone(self) -> bool:
        """Whether no machine shows its defect: its judge stands in `rules/declared`, and it needs no fact."""
        return not self.needs

    @property
    def page(self) -> str:
        """The docstring of the rule's file: what it means, why it happens, how to be sure, how to fix."""
        return (sys.modules[self.judge.__module__].__doc__ or "").strip()

    @property
    def summary(self) -> str:
        """The first line of its page: what a list of rules shows."""
        return self.page.partition("\n")[0]

    def finding(  # the one constructor of findings, so that none can carry a foreign name
        self,
        machine: Machine,
        subject: str,
        message: str,
        *facts: str,
        when: str = ALWAYS,
        confidence: Confidence = Confidence.INFERRED,
    ) -> Finding:
        """Make a finding of this rule.

        `facts` name its evidence, `when` the circumstance by which `severity_table.py` says what it is worth.
        """
        return Finding(
            rule=self.name,
            severity=self.severities[when],
            confidence=confidence,
            subject=subject,
            message=message,
            evidence=machine.evidence(*facts),
        )


def all_rules() -> tuple[Rule, ...]:
    """Return every rule of this package, by name; a new rule is a new file and nothing else."""
    import envdoctor.rules as package

    found = []
    for module in iter_modules(package.__path__):
        if module.ispkg:  # what judges texts, which a look at a machine does without
            continue
        rule = getattr(import_module(f"{package.__name__}.{module.name}"), "RULE", None)
        if isinstance(rule, Rule):
            found.append(rule)
    return tuple(sorted(found, key=lambda rule: rule.name))
