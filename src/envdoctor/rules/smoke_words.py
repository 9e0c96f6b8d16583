"""Kernel tests in words: what the rules about them share to name tests, devices and what was said."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.model.finding import Confidence, Evidence
from envdoctor.model.smoke import ALL_GPUS, IMPORT, Status, row_of
from envdoctor.rules.smoke_causes import DEVICES, FACT, cause, gpu_of, results

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine
    from envdoctor.model.smoke import TestResult
    from envdoctor.rules.rule import Rule

MOST_WORDS = 200
"""Characters quoted of what software said."""

MOST_NAMED = 5


class Group(NamedTuple):
    """Tests on one device that ended in the same way, and the rule that is the cause of it, if one is."""

    tests: tuple[TestResult, ...]
    cause: str | None

    @property
    def first(self) -> TestResult:
        """The one that ran first."""
        return self.tests[0]

    @property
    def is_import(self) -> bool:
        """Whether it is the import of torch itself."""
        return self.first.name == IMPORT

    def subject(self, machine: Machine) -> str:
        """Return the subject of its finding: torch, a test on a device, or the device where several tests share it."""
        if self.is_import:
            return "torch"
        where = place(machine, self.first.device)
        return where if len(self.tests) > 1 else f"{where}/{self.first.name}"

    def where(self, machine: Machine) -> str:
        """Say on what, as the middle of a sentence; nothing of an import."""
        return "" if self.is_import else f" on {device_in_words(machine, self.first.device)}"

    def finding(self, rule: Rule, machine: Machine, message: str) -> Finding:
        """Return what a rule says of it: proved, with these tests alone as evidence, and with its cause."""
        found = rule.finding(machine, self.subject(machine), message, confidence=Confidence.PROVED)
        return replace(found, evidence=evidence(machine, self.tests), caused_by=self.cause)

    @property
    def named(self) -> str:
        """Name the tests, as the beginning of a sentence."""
        if self.is_import:
            return "`import torch`"
        if len(self.tests) > 1:
            return f"{len(self.tests)} kernel tests ({some(one.name for one in self.tests)})"
        of = f" ({self.first.library})" if self.first.library else ""
        return f"The kernel test {self.first.name}{of}"


def grouped(machine: Machine, matrix: Matrix, status: Status) -> Iterator[Group]:
    """Yield the tests that ended so, those together that did on one device with the same words."""
    groups: dict[tuple[object, ...], tuple[list[TestResult], str | None]] = {}
    for result in results(machine):
        if result.status is status:
            rule = cause(result, machine, matrix)
            alike = (
                result.device,
                result.name == IMPORT,
                result.exception,
                result.signal,
                quoted(result.message),
                rule,
            )
            groups.setdefault(alike, ([], rule))[0].append(result)
    for tests, rule in groups.values():
        yield Group(tuple(tests), rule)


def place(machine: Machine, device: str) -> str:
    """Return how findings name a device: cpu, gpu:N by the driver's index, gpus for all of them together."""
    if device == ALL_GPUS:
        return "gpus"
    index = gpu_of(machine, device)
    return device if index is None else f"gpu:{index}"


def device_in_words(machine: Machine, device: str) -> str:
    """Name a device for a reader."""
    if device == "cpu":
        return "the CPU"
    if device == ALL_GPUS:
        return "all GPUs together"
    rows = machine.rows(DEVICES) if machine.is_known(DEVICES) else []
    names = (row.get("name") for row in rows if row.get("device") == device)
    name = next((name for name in names if isinstance(name, str) and name), None)
    return f"{name[:60]} ({device})" if name else device


def quoted(text: str) -> str:
    """Return the first line that says something, in a length a sentence can hold, without its full stop."""
    line = next((line for line in text.splitlines() if line.strip()), "")
    line = " ".join(line.replace("`", "'").split())
    return f"{line[:MOST_WORDS]}..." if len(line) > MOST_WORDS else line.rstrip(".:")


def raised(result: TestResult) -> str:
    """Return what a test raised, or the reason that was given for it, as the end of a sentence."""
    words = quoted(result.message)
    if result.exception is None:
        return f": {words}" if words else ""
    return f' with {result.exception[:60]}: "{words}"' if words else f" with {result.exception[:60]}"


def frame(result: TestResult) -> str | None:
    """Return where a test stood: its innermost Python frame, of a long path the end."""
    if not result.trace:
        return None
    path, separator, rest = result.trace[-1].rpartition("/")
    return quoted("/".join([*path.split("/")[-2:], rest]) if separator else rest)


def some(names: Iterable[str]) -> str:
    """Name the first few."""
    told = [*dict.fromkeys(name[:40] for name in names)]
    more = len(told) - MOST_NAMED
    return ", ".join(told[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def evidence(machine: Machine, tests: Iterable[TestResult]) -> tuple[Evidence, ...]:
    """Return the rows of these tests alone as evidence."""
    return tuple(Evidence(FACT, [row_of(test) for test in tests], one.source) for one in machine.evidence(FACT))
