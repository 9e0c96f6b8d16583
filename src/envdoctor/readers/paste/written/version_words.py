"""Releases that people name, and which of several goes with the failure."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.model.fact import Absent, Known
from envdoctor.model.paste import Package, Stated
from envdoctor.readers.paste.written.clauses import LONGEST, Stance
from envdoctor.readers.paste.written.release_patterns import (
    ARCHITECTURES,
    COMPLAINT,
    CPU_BUILD,
    CUDA,
    DRIVER,
    NCCL,
    PACKAGES,
    PYTHON,
    TAG,
    TORCH,
    VERSION_CUDA,
    WHEEL,
)
from envdoctor.readers.pattern import Pattern

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.model.fact import Fact, Value
    from envdoctor.model.paste import Line
    from envdoctor.readers.paste.written.clauses import Clause


MOST_COMPLAINTS = 100


class Told(NamedTuple):
    """A release that a clause names; `clause` is its place."""

    version: str
    clause: int
    line: int
    stance: Stance


def torch_facts(clauses: Sequence[Clause], trouble: int | None, source: str) -> Iterator[Stated]:
    """State the torch that goes with the failure, its CUDA where it stands beside it, and the others that are named.

    `trouble` is the line of the failure: of several that are meant alike, the nearest to it counts.
    """
    told = _told(clauses, TORCH)
    candidates = [one for one in told if one.stance >= Stance.ASIDE]
    if candidates:
        best = _best(candidates, trouble)
        # "torch 2.4, that is 2.4.0+cu121": the longer one says the same and more.
        fuller = [one for one in candidates if one.version.startswith(best.version)]
        best = max(fuller, key=lambda one: len(one.version))
        cuda = _cuda_beside(clauses, best)
        yield Stated("torch.version", Known(best.version, source), best.line)
        if cuda and "+" not in best.version:
            yield Stated("torch.cuda", Known(cuda, source), best.line)
        others = [one for one in told if not _same(one.version, best.version)]
    else:
        others = list(told)
    if others:
        versions = [*dict.fromkeys(one.version for one in others)][:20]
        yield Stated("said.torch_versions", Known([*versions], source), others[0].line)


def _told(clauses: Sequence[Clause], pattern: Pattern) -> list[Told]:
    found = []
    for index, clause in enumerate(clauses):
        if clause.host and pattern is not DRIVER:
            continue
        for match in pattern.finditer(clause.text):
            before = clause.text[max(0, match.start() - 24) : match.start()]
            stance = (
                Stance.SUPPOSED if re.search(r"\b(?:from|instead of|than|for|old)\s{1,3}$", before) else clause.stance
            )
            have = match.groupdict().get("have")
            found.append(Told(have or match["version"], index, clause.line, Stance.FAILS if have else stance))
    return found


def _best(candidates: Sequence[Told], trouble: int | None) -> Told:
    """Return the one that counts: as it is meant, then by its nearness to the trouble, then the first."""
    return max(
        candidates,
        key=lambda one: (one.stance, -abs(one.line - trouble) if trouble is not None else 0, -one.clause),
    )


def _same(one: str, other: str) -> bool:
    return one.partition("+")[0].startswith(other.partition("+")[0]) or other.startswith(one)


def _cuda_beside(clauses: Sequence[Clause], torch: Told) -> str | None:
    """Return the CUDA of that torch: a tag or a number in its words, or in the clause or line behind them."""
    own = clauses[torch.clause].text
    if "you have" in own:
        return None  # the tag in it is that of the other release
    behind = own[own.find(torch.version) + len(torch.version) :]
    for text in (behind, own):
        tag = TAG.search(text)
        if tag:
            return f"{int(tag['major'])}.{tag['minor']}"
    match = VERSION_CUDA.search(own) or _plain_cuda(behind)
    if match:
        return match["version"]
    for clause in clauses[torch.clause + 1 : torch.clause + 3]:
        if clause.line > torch.line + 1 or clause.host:
            break
        match = VERSION_CUDA.search(clause.text)
        if match:
            return match["version"]
        match = _plain_cuda(clause.text)
        if match and not re.search(
            r"smi|driver|驱动|toolkit|nvcc|install|system|user|local", clause.text, re.IGNORECASE
        ):
            return match["version"]
    return None


def _plain_cuda(text: str) -> re.Match[str] | None:
    match = CUDA.search(text)
    return match if match and not match["kind"] else None


def cuda_facts(clauses: Sequence[Clause], source: str) -> Iterator[Stated]:
    """State what CUDA the driver, the toolkit or torch itself are said to have, by the words around the number."""
    for index, clause in enumerate(clauses):
        match = VERSION_CUDA.search(clause.text)
        if match and clause.stance >= Stance.ASIDE:
            yield Stated("torch.cuda", Known(match["version"], source), clause.line)
        listed = ARCHITECTURES.search(clause.text)
        if listed:
            flags = re.findall(r"(?:sm|compute)_\d{2,3}[af]?", listed["list"])
            if flags:
                kernels: dict[str, Value] = {"files": [], "modules": 0, "sass": {}, "ptx": {}, "flags": [*flags]}
                yield Stated("torch.kernels", Known(kernels, source), clause.line)
        if clause.stance < Stance.ASIDE:
            continue
        for match in CUDA.finditer(clause.text):
            name = "driver.cuda_version" if _below_driver(clauses, index) else _meant(clause.text, match)
            if name and not (clause.host and name.startswith("toolkit")):
                version = (
                    re.sub(r"^(\d+\.\d+).*", r"\1", match["version"])
                    if name == "driver.cuda_version"
                    else match["version"]
                )
                yield Stated(name, Known(version, source), clause.line)


def _meant(text: str, match: re.Match[str]) -> str | None:
    kind = (match["kind"] or "").strip(" -").lower()
    around, behind = text.lower(), text[match.end() :].lower()
    if kind == "driver" or "smi" in around or _OF_DRIVER.search(around[: match.start()]):
        return "driver.cuda_version"
    if kind == "toolkit" or "/usr/local/cuda" in around or _INSTALLED.search(around[: match.start()] + "@" + behind):
        return "toolkit.home_version"
    if re.search(r"compiled with|built with|build pytorch|compiled for", around):
        return "torch.cuda"
    return None


def _below_driver(clauses: Sequence[Clause], index: int) -> bool:
    """Whether a clause carries on what nvidia-smi shows first: "Driver Version: 472.12", "CUDA Version: 11.4"."""
    before = clauses[index - 1] if index else None
    return (
        before is not None
        and clauses[index].text.startswith("CUDA Version")
        and before.text.startswith("Driver Version")
        and clauses[index].line - before.line <= 1
    )


_OF_DRIVER = Pattern(
    r"(?:driver|驱动)[^\d.;]{0,24}$|driver version:? ?[\d.]{5,12}[\s|]{1,12}$|driver[^\d;]{0,12}[\d.]{5,12} ?/ ?$"
)
"""Behind the driver's own release a CUDA may be any, unless the two stand as nvidia-smi shows them."""
_INSTALLED = Pattern(r"\b(?:system|local|installed|nvcc)\b[^.,;\d@]{0,15}@|@[^.,;\d]{0,12}\binstalled\b")
"""Around the number, which stands at the "@"."""


def other_facts(clauses: Sequence[Clause], trouble: int | None, source: str) -> Iterator[Stated]:
    """State the driver, the Python and the NCCL that are named."""
    for name, pattern in (("driver.version", DRIVER), ("python.version", PYTHON), ("nccl.version", NCCL)):
        candidates = [one for one in _told(clauses, pattern) if one.stance >= Stance.ASIDE]
        if candidates:
            best = _best(candidates, trouble)
            yield Stated(name, Known(best.version, source), best.line)
    cpu = next((one for one in clauses if one.stance >= Stance.ASIDE and CPU_BUILD.search(one.text)), None)
    if cpu:
        fact: Fact = Absent("its writer calls it a build for the CPU")
        yield Stated("torch.cuda", fact, cpu.line)


def packages_in(clauses: Sequence[Clause], trouble: int | None) -> Iterator[Package]:
    """Yield the distributions that are named with a release, and the wheels whose file names are told."""
    for name, pattern in PACKAGES.items():
        candidates = [one for one in _told(clauses, pattern) if one.stance >= Stance.ASIDE]
        if candidates:
            best = _best(candidates, trouble)
            yield Package(name, best.version, best.line)
    for clause in clauses:
        if clause.stance >= Stance.ASIDE:
            for match in WHEEL.finditer(clause.text):
                yield Package(match["name"].replace("_", "-").lower(), match["version"], clause.line)


def complaints_in(lines: Sequence[Line]) -> Iterator[Package]:
    """Yield both distributions of each pair of which pip says that they do not fit."""
    telling = (line for line in lines if "but you" in line.text)
    for line in islice(telling, MOST_COMPLAINTS):
        for match in COMPLAINT.finditer(line.text[:LONGEST]):
            yield Package(match["name"], match["version"], line.number)
            yield Package(match["other"], match["installed"], line.number)
