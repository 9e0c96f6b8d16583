"""Two snapshots side by side: what differs, and what of it turns a verdict. Pure.

Whether a difference explains a finding is tried and not guessed: the answer of the other machine is put in its place,
and the machine is judged again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.diagnose.judge import diagnose
from envdoctor.model.difference import Difference, Explained
from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.model.finding import Severity
from envdoctor.model.snapshot import NOT_LOOKED_AT
from envdoctor.rules.rule import all_rules
from envdoctor.rules.severity_table import TEXTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.fact import Fact
    from envdoctor.model.finding import Diagnosis, Finding
    from envdoctor.model.snapshot import Snapshot

MOMENTARY = re.compile(
    r"gpu\.\d+\.(?:memory_free_mib|utilization|processes|throttle|uuid|pci|ecc_errors)|shm\.free_bytes"
    r"|smoke\.(?:conditions|torch)|gpu\.\d+\.mig"
)
"""Facts that differ from moment to moment, or from board to board, and say nothing of an environment."""

KINDS = (
    ("torch", r"torch\..*|torchvision\..*|torchaudio\..*|triton\..*"),
    ("packages", r"packages\..*|nvidia\..*|numpy\..*|opencv\..*|extensions\..*"),
    ("driver and GPUs", r"driver\..*|gpu\..*|nvml\..*|cuda\..*|pci\..*|device\..*|amd\..*"),
    ("libraries", r"libraries\..*|cudnn\..*|nccl\..*|toolkit\..*|compiler\..*"),
    ("Python", r"python\..*"),
    ("settings", r"env\..*|index\..*|limits\..*|shm\..*|cgroup\..*"),
    ("system", r".*"),
)
"""Groups of facts for people, by their names; the first that fits."""


def kind_of(name: str) -> str:
    """Return the group a fact belongs to."""
    return next(kind for kind, pattern in KINDS if re.fullmatch(pattern, name))


def differing(a: Snapshot, b: Snapshot) -> tuple[dict[str, tuple[Fact, Fact]], int]:
    """Return the facts whose answers differ, and how many more differ that change from moment to moment.

    Two absences are the same answer, and so are two things that could not be found out, whatever the reason. A fact
    that only one snapshot holds is compared with "not looked at".
    """
    found: dict[str, tuple[Fact, Fact]] = {}
    left_out = 0
    for name in sorted({*a.facts, *b.facts}):
        one, other = a.facts.get(name, NOT_LOOKED_AT), b.facts.get(name, NOT_LOOKED_AT)
        if _same(one, other) or (name == "python.version" and _shorter(one, other)):
            continue
        if MOMENTARY.fullmatch(name):
            left_out += 1
        else:
            found[name] = (one, other)
    return found, left_out


def _same(one: Fact, other: Fact) -> bool:
    if isinstance(one, Known) and isinstance(other, Known):
        return bool(one.value == other.value)
    return type(one) is type(other)


def _shorter(one: Fact, other: Fact) -> bool:
    """Whether the one names a release by fewer numbers: a paste says 3.11 of a Python 3.11.7."""
    if not (isinstance(one, Known) and isinstance(other, Known)):
        return False
    a, b = str(one.value), str(other.value)
    return a.startswith(f"{b}.") or b.startswith(f"{a}.")


def explain(a: Snapshot, b: Snapshot, matrix: Matrix) -> tuple[Diagnosis, Diagnosis, tuple[Explained, ...]]:
    """Judge both, and say of each finding that only one has which differences bring it about."""
    in_a, in_b = diagnose(a, matrix), diagnose(b, matrix)
    differ, _ = differing(a, b)
    found = [
        *(_explained("b", one, b, a, differ, matrix) for one in _only(in_b, in_a)),
        *(_explained("a", one, a, b, differ, matrix) for one in _only(in_a, in_b)),
    ]
    found.sort(key=lambda one: (-one.finding.severity, one.finding.caused_by is not None))
    return in_a, in_b, tuple(found)


def _only(here: Diagnosis, there: Diagnosis) -> list[Finding]:
    """The findings above notes that the other does not have, or has with less weight."""
    others = {(one.rule, one.subject): one.severity for one in there.findings}
    return [
        one
        for one in here.findings
        if one.severity > Severity.NOTE and others.get((one.rule, one.subject), Severity.NOTE) < one.severity
    ]


def _explained(
    side: str, finding: Finding, sick: Snapshot, well: Snapshot, differ: Mapping[str, object], matrix: Matrix
) -> Explained:
    """Find the differences without which the finding would not be there: single facts, groups, then all of them."""
    rule = next((one for one in all_rules() if one.name == finding.rule), None)
    if rule is None:
        return Explained(side, finding, (), False)
    needs = [name for name in differ if any(re.fullmatch(_pattern(need), name) for need in rule.needs)]

    def judged(machine: Snapshot) -> Diagnosis:
        return diagnose(machine, matrix, rules=(rule,))

    def holds(again: Diagnosis) -> bool:
        return any((one.rule, one.subject) == (finding.rule, finding.subject) for one in again.findings)

    # What software said of a defect is past where the defect is; words that are all there is of it stay.
    past = sick.having({TEXTS: Known([], "")})
    of_paste = TEXTS in sick.facts and holds(judged(past))
    tried = past if of_paste else sick

    def cured(names: Iterable[str]) -> bool:
        swapped = {name: well.facts.get(name, NOT_LOOKED_AT) for name in names if name != TEXTS}
        if of_paste and any(isinstance(fact, Unknown) for fact in swapped.values()):
            return False
        again = judged(tried.having(swapped))
        if again.crashed or (not of_paste and any(one.rule == finding.rule for one in again.skipped)):
            return (
                False  # not being able to tell is no cure; a paste, which tells little, is judged by what it does tell
            )
        return not holds(again)

    alone = [name for name in needs if cured([name])]
    if alone:
        evident = [name for name in alone if any(one.fact == name for one in finding.evidence)]
        return Explained(side, finding, tuple(evident or alone), True)
    groups: dict[str, list[str]] = {}
    for name in needs:
        groups.setdefault(kind_of(name), []).append(name)
    for names in sorted(groups.values(), key=len):
        if cured(names):
            return Explained(side, finding, tuple(_fewest(names, cured)), False)
    return Explained(side, finding, tuple(_fewest(needs, cured)) if needs and cured(needs) else (), False)


def _fewest(names: Sequence[str], cured: object) -> list[str]:
    """Leave out one after the other what is not needed for the cure."""
    kept = list(names)
    for name in names:
        without = [one for one in kept if one != name]
        if callable(cured) and without and cured(without):
            kept = without
    return kept


def _pattern(need: str) -> str:
    return re.escape(need).replace(r"gpu\.N\.", r"gpu\.\d+\.")


def ranked(differ: Mapping[str, tuple[Fact, Fact]], explained: Sequence[Explained]) -> tuple[Difference, ...]:
    """Return the differences: those that turn a verdict first, then what rules read, each group in its order."""
    turns: dict[str, list[str]] = {}
    for known in explained:
        for name in known.because:
            turns.setdefault(name, []).append(known.finding.rule)
    read = [re.compile(_pattern(need)) for rule in all_rules() for need in rule.needs]
    order = [kind for kind, _ in KINDS]
    found: list[Difference] = []
    for name, (one, other) in differ.items():
        by = tuple(dict.fromkeys(turns.get(name, ())))
        asked = any(pattern.fullmatch(name) for pattern in read)
        kind = kind_of(name)
        found += [Difference(key, name, kind, *pair, by, asked) for key, pair in _entries(name, one, other).items()]
    return tuple(sorted(found, key=lambda row: (not row.turns, order.index(row.kind), not row.read_by)))


def _entries(name: str, one: Fact, other: Fact) -> dict[str, tuple[Fact, Fact]]:
    """Take a mapping apart into the entries that differ, so that one package more does not show two hundred."""
    if not (isinstance(one, Known) and isinstance(other, Known)):
        return {name: (one, other)}
    a, b = one.value, other.value
    if not (isinstance(a, dict) and isinstance(b, dict)):
        return {name: (one, other)}
    nothing = Absent("not there")
    found: dict[str, tuple[Fact, Fact]] = {}
    for key in sorted({*a, *b}):
        if a.get(key) != b.get(key):
            found[f"{name}[{key}]"] = (
                Known(a[key], one.source) if key in a else nothing,
                Known(b[key], other.source) if key in b else nothing,
            )
    return found
