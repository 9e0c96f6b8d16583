"""What the rules report of a paste: a defect that the software told by its own words is proved."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.model.finding import Confidence, Evidence, Severity
from envdoctor.model.machine import Undecidable
from envdoctor.rules.rule import Stage
from envdoctor.rules.said import filled
from envdoctor.rules.said.cause import Cause
from envdoctor.rules.said.inferred import INFERENCES
from envdoctor.rules.said.signs import Sign, flat, sign_of
from envdoctor.rules.severity_table import SAID, TEXTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine
    from envdoctor.rules.rule import Rule

MOST_WORDS = 160
"""Characters quoted of what software said."""

MEANS = {
    "abi-undefined-symbol": "something that was compiled for another torch was loaded beside this one",
    "compat-libcuda-mismatch": "the libcuda that is loaded does not go with the driver or this GPU",
    "conda-pip-mix": "conda and pip each put their own part of torch into this environment",
    "cpu-lacks-instructions": "it met an instruction that this processor does not have",
    "cpu-only-build": "this build of torch has no CUDA",
    "cuda-init-stale-driver-state": "CUDA does not start although nothing speaks against the driver, as where its "
    "module nvidia_uvm is in a stale state or the driver was changed without a reboot",
    "cuda-package-pin-broken": "a CUDA library is not of the release that torch was built with",
    "cuda-libs-shadowed-by-ld-library-path": "a CUDA library of another release is loaded in the place of torch's own",
    "cuda-visible-devices-empty": "CUDA_VISIBLE_DEVICES leaves no GPU that is there",
    "cudnn-shadowed-by-ld-library-path": "LD_LIBRARY_PATH puts another cuDNN in the place of torch's own",
    "cudnn-version-mismatch": "the cuDNN that was loaded is not the one torch was built with",
    "dev-shm-too-small": "the shared memory through which processes pass tensors is too small",
    "driver-missing": "no NVIDIA driver is loaded",
    "driver-query-failed": "the driver is there and does not answer",
    "duplicate-torch-install": "an older torch in another folder is imported before the one that was installed",
    "driver-too-old": "the driver is older than the CUDA of this torch needs",
    "driver-too-old-for-gpu": "the driver is older than the GPU, or of the kind that does not drive it",
    "ext-arch-missing": "torch itself serves that GPU, and an extension beside it holds no kernels for it",
    "fabric-manager-not-running": "CUDA waits for the Fabric Manager to set up the NVLink switches",
    "glibc-too-old": "the C library of this system is too old for it",
    "gpu-arch-dropped": "torch, or its cuDNN, has no kernels for so old a GPU",
    "gpu-arch-not-in-wheel": "torch holds no kernels for so new a GPU",
    "gpu-lost": "the driver cannot reach that GPU any more",
    "gpu-too-old-for-triton": "triton compiles nothing for so old a GPU",
    "image-tag-does-not-exist": "there is no such image",
    "libstdcxx-too-old": "the C++ library that was loaded is too old for it",
    "macos-too-old-for-mps": "this macOS is too old for torch's Metal backend",
    "memlock-limit-too-low": "the process may not lock the memory that this needs",
    "mig": "a GPU divided by MIG gives a process one instance at most",
    "missing-libGL": "a library of the desktop is not installed",
    "missing-windows-runtime-dll": "a library that torch needs is not on this Windows",
    "mixed-cu-packages": "libraries of two CUDA releases are installed in one another's way",
    "mkl-incompatible": "the installed MKL lacks what torch needs of it",
    "nccl-shm-too-small": "NCCL finds too little room in /dev/shm",
    "nccl-version-conflict": "the NCCL that was loaded lacks what torch needs of it",
    "no-gpu-in-container": "no GPU was passed into this container",
    "no-nvidia-gpu": "this machine has no NVIDIA GPU",
    "numpy2-abi": "something here was built for NumPy 1, and NumPy 2 is installed",
    "nvml-driver-library-mismatch": "the driver's libraries are not of the version of its kernel module",
    "p2p-iommu-hang": "transfers between the GPUs do not arrive, as where an IOMMU stands between them",
    "package-files-damaged": "files of a package are not whole",
    "python-unsupported": "this Python is not one that this release is for",
    "rocm-arch-unsupported": "this build has no kernels for that AMD GPU",
    "shared-library-missing": "the loader finds that library nowhere",
    "toolkit-build-mismatch": "the CUDA toolkit that compiles is of another release than torch's CUDA",
    "torch-not-installed": "this Python has no torch",
    "torch-shadowed-by-local-module": "a file or folder called torch stands before the package",
    "torch-torchaudio-mismatch": "torchaudio was built for another torch",
    "torch-torchvision-mismatch": "torchvision was built for another torch",
    "triton-mismatch": "the installed triton is not the one that torch was built with",
    "triton-unavailable": "torch finds no triton that it can use",
    "wrong-index-url": "the index that was asked has no such build for this system",
    "wsl-driver": "the driver of Windows does not reach into WSL",
    "x86-python-on-apple-silicon": "this Python runs translated",
}
"""What it means that software told of a rule's defect: the end of a sentence that quotes its words."""

SUBJECTS = {
    **dict.fromkeys(
        ("compat-libcuda-mismatch", "cuda-init-stale-driver-state", "driver-missing", "driver-too-old",
         "driver-too-old-for-gpu", "driver-query-failed", "fabric-manager-not-running",
         "nvml-driver-library-mismatch", "wsl-driver"),
        "driver",
    ),
    **dict.fromkeys(("cudnn-shadowed-by-ld-library-path", "cudnn-version-mismatch"), "cudnn"),
    **dict.fromkeys(("triton-mismatch", "triton-unavailable"), "triton"),
    **dict.fromkeys(("no-gpu-in-container", "no-nvidia-gpu", "p2p-iommu-hang"), "machine"),
    "mkl-incompatible": "mkl",
    "nccl-version-conflict": "nccl",
    "numpy2-abi": "numpy",
    "torch-torchvision-mismatch": "torchvision",
    "torch-torchaudio-mismatch": "torchaudio",
}  # fmt: skip
"""What the findings of a rule are about where words alone tell them; torch for the others."""


NOT_WHERE_IT_WORKS = frozenset(
    {"compat-libcuda-mismatch", "cpu-only-build", "cuda-init-stale-driver-state", "cuda-visible-devices-empty",
     "driver-missing", "driver-query-failed", "driver-too-old", "driver-too-old-for-gpu", "fabric-manager-not-running",
     "no-gpu-in-container", "no-nvidia-gpu", "nvml-driver-library-mismatch", "wsl-driver", "wrong-index-url"}
)  # fmt: skip
"""Rules of which numbers alone prove nothing where torch was seen to reach its GPU."""


class Told(NamedTuple):
    """A text of the paste with the cause it tells."""

    text: str
    line: int
    sign: Sign
    cause: Cause

    @property
    def sure(self) -> bool:
        """Whether the software itself names the defect."""
        return self.cause.sure and not self.sign.reported


def told_of(rule: str, machine: Machine, matrix: Matrix) -> Iterator[Told]:
    """Yield the texts of which that rule is the cause."""
    for row in machine.rows(TEXTS) if machine.is_known(TEXTS) else ():
        text, line = row.get("text"), row.get("line")
        if not isinstance(text, str) or not isinstance(line, int):
            continue
        sign = sign_of(text)
        if sign is None or rule not in sign.rules:
            continue
        cause = Cause(sign.rules[0]) if sign.choose is None else sign.choose(flat(text), machine, matrix)
        if cause is not None and cause.rule == rule:
            yield Told(text, line, sign, cause)


def judged_with_words(rule: Rule, machine: Machine, matrix: Matrix) -> Iterator[Finding]:
    """Yield what a rule finds by the facts, with what was said of it; else what words tell, or what is inferred."""
    told = sorted(told_of(rule.name, machine, matrix), key=lambda one: not one.sure)
    found, undecided = _by_facts(rule, machine, matrix)
    works = machine.snapshot.known("said.cuda_available") is True
    if not told and works and rule.name in NOT_WHERE_IT_WORKS:
        return
    for finding in found:
        if told:
            yield _confirmed(rule, machine, finding, told)
        elif works and rule.stage is Stage.PACKAGES:  # torch works, and nobody says that these packages fail
            yield replace(finding, severity=min(finding.severity, Severity.WARNING))
        else:
            yield finding
    if told and not found:
        certainty = Confidence.PROVED if told[0].sure else Confidence.INFERRED
        message = f"{_seen(told)}: {MEANS[rule.name]}."
        alone = rule.finding(machine, SUBJECTS.get(rule.name, "torch"), message, when=SAID, confidence=certainty)
        yield replace(alone, evidence=_evidence(machine, told))
    inference = INFERENCES[rule.name](machine, matrix) if rule.name in INFERENCES and not told and not found else None
    if inference is not None:
        subject = SUBJECTS.get(rule.name, "torch")
        yield rule.finding(machine, subject, inference.message, *inference.facts, when=inference.when)
    elif undecided is not None:
        raise undecided


def _by_facts(rule: Rule, machine: Machine, matrix: Matrix) -> tuple[list[Finding], Undecidable | None]:
    """Return what the judge of a rule finds, if need be with what the paste leaves open filled in."""
    found: list[Finding] = []
    try:
        found.extend(rule.judge(machine, matrix))
    except Undecidable as reason:
        if rule.name in filled.RULES:
            found.extend(_on_every_system(rule, machine, matrix))
        return found, None if found else reason
    return found, None


def _on_every_system(rule: Rule, machine: Machine, matrix: Matrix) -> Iterator[Finding]:
    """Yield the findings that are the same on each system that a paste leaves open, as inferences."""
    common: dict[str, Finding] | None = None
    for whole in filled.machines(machine, matrix):
        try:
            found = {finding.subject: finding for finding in rule.judge(whole, matrix)}
        except Undecidable:
            return
        common = found if common is None else {name: one for name, one in common.items() if name in found}
    for finding in (common or {}).values():
        yield replace(finding, confidence=Confidence.INFERRED)


def _confirmed(rule: Rule, machine: Machine, finding: Finding, told: list[Told]) -> Finding:
    return replace(
        finding,
        severity=max(finding.severity, rule.severities[SAID]),
        confidence=Confidence.PROVED if told[0].sure else finding.confidence,
        message=f"{finding.message} {_seen(told)}.",
        evidence=(*finding.evidence, *_evidence(machine, told)),
    )


def _seen(told: list[Told]) -> str:
    """Quote the words, and the line of the paste they stand on."""
    first = told[0]
    who = "The paste reports" if first.sign.reported else "The paste says"
    return f'{who} "{_quoted(first)}" (line {first.line})'


def _quoted(told: Told) -> str:
    """Return the line of the text in which the sign stands, in a length a sentence can hold."""
    lines = [flat(line).replace("`", "'") for line in told.text.splitlines()]
    found = ((line, re.search(told.sign.words, line)) for line in lines)
    line, match = next(((line, match) for line, match in found if match), (flat(told.text), None))
    if len(line) <= MOST_WORDS:
        return line.rstrip(".:")
    begin = max(0, match.start() - MOST_WORDS // 3) if match else 0
    return f"{'...' if begin else ''}{line[begin : begin + MOST_WORDS]}..."


def _evidence(machine: Machine, told: list[Told]) -> tuple[Evidence, ...]:
    """Return the texts as evidence, and no other text."""
    source = next((one.source for one in machine.evidence(TEXTS)), "paste")
    return (Evidence(TEXTS, [{"text": one.text, "line": one.line} for one in told[:5]], source),)
