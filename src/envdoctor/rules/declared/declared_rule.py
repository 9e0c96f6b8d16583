"""What judges a declaration, and the one place where such judges are collected.

A file here carries the name of a rule, whose page, severities and name it shares; it is loaded by `lint` and `triage`
alone, so that a look at a machine pays nothing for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from envdoctor.model.declared import Flaw
from envdoctor.model.finding import Confidence, Finding
from envdoctor.rules.severity_table import DECLARED, SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.declared import Case
    from envdoctor.model.declared_container import ContainerSpec
    from envdoctor.model.place import Amendment, Place

    Judge: TypeAlias = Callable[[Case, Matrix], Iterator[Flaw]]
    ContainerJudge: TypeAlias = Callable[[ContainerSpec, Matrix], Iterator[Flaw]]


class FileExample(NamedTuple):
    """A file in which a rule fires or stays quiet: what is particular about it, its name, and all of its text."""

    title: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class DeclaredRule:
    """A rule that judges declarations: cases by `judge`, stages and services by `of_container`, or both.

    Each yields flaws, and nothing where the matrix or the declaration leaves it open. `explains` are the rules whose
    findings of the same line are consequences of this one. One that judges no machine shows both sides on files, by
    `fires` and `quiet`; the pages of the others show machines.
    """

    judge: Judge | None = None
    of_container: ContainerJudge | None = None
    explains: tuple[str, ...] = ()
    fires: tuple[FileExample, ...] = ()
    quiet: tuple[FileExample, ...] = ()
    name: str = field(init=False)

    def __post_init__(self) -> None:
        own = self.judge or self.of_container
        if own is None:
            raise TypeError("a rule that judges nothing")
        object.__setattr__(self, "name", own.__module__.rpartition(".")[2].replace("_", "-"))

    def flaw(  # the one constructor, so that none can carry a foreign name
        self,
        subject: str,
        message: str,
        place: Place,
        *amendments: Amendment,
        when: str = DECLARED,
        confidence: Confidence = Confidence.INFERRED,
    ) -> Flaw:
        """Make a finding of this rule at a place of a file; `when` is the circumstance `severity_table.py` knows."""
        found = Finding(
            rule=self.name,
            severity=SEVERITIES[self.name][when],
            confidence=confidence,
            subject=subject,
            message=message,
            location=place,
        )
        return Flaw(found, amendments)


def all_declared() -> tuple[DeclaredRule, ...]:
    """Return every rule of this folder, by name; a new one is a new file and nothing else."""
    import envdoctor.rules.declared as package

    found = []
    for module in iter_modules(package.__path__):
        rule = getattr(import_module(f"{package.__name__}.{module.name}"), "RULE", None)
        if isinstance(rule, DeclaredRule):
            found.append(rule)
    return tuple(sorted(found, key=lambda rule: rule.name))
