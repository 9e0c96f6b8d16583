"""What the rules about causes report of kernel tests: a defect that the software told by itself is proved."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from envdoctor.model.finding import Confidence
from envdoctor.model.machine import Undecidable
from envdoctor.model.smoke import IMPORT
from envdoctor.rules import smoke_causes
from envdoctor.rules.severity_table import SHOWN
from envdoctor.rules.smoke_causes import VISION, shown_for, words_of
from envdoctor.rules.smoke_words import device_in_words, evidence, place, quoted, some

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine
    from envdoctor.model.smoke import TestResult
    from envdoctor.rules.rule import Rule
    from envdoctor.rules.smoke_causes import Sign

MEANS = {
    "abi-undefined-symbol": "nothing that was loaded defines that symbol",
    "compat-libcuda-mismatch": "the libcuda that is loaded does not go with the driver or this GPU",
    "cpu-lacks-instructions": "it met an instruction that this processor does not have",
    "cpu-only-build": "this build of torch has no CUDA",
    "cuda-init-stale-driver-state": "CUDA does not start although the driver answers, as where its memory module "
    "nvidia_uvm is in a stale state",
    "cuda-libs-shadowed-by-ld-library-path": "LD_LIBRARY_PATH puts a CUDA library in the place of torch's own, and it "
    "lacks what another one needs of it",
    "cudnn-shadowed-by-ld-library-path": "LD_LIBRARY_PATH puts another cuDNN in the place of torch's own",
    "cudnn-version-mismatch": "the cuDNN that was loaded is not the one torch was built with",
    "driver-too-old": "the driver is older than the CUDA that this was compiled with needs",
    "ext-arch-missing": "torch's own kernels run on that GPU, and torchvision holds none for it",
    "fabric-manager-not-running": "CUDA waits for the Fabric Manager to set up the NVLink switches",
    "glibc-too-old": "the C library of this system is too old for it",
    "gpu-arch-dropped": "torch, or its cuDNN, has no kernels for so old a GPU",
    "gpu-arch-not-in-wheel": "torch holds no kernels that run on the GPU",
    "gpu-lost": "the driver cannot reach that GPU any more",
    "gpu-too-old-for-triton": "triton compiles nothing for so old a GPU, on which torch's own kernels run",
    "libstdcxx-too-old": "the C++ library that was loaded is too old for it",
    "missing-libGL": "a library of the desktop is not installed",
    "mkl-incompatible": "the installed MKL lacks what torch needs of it",
    "nccl-version-conflict": "the NCCL that was loaded lacks what torch needs of it",
    "numpy2-abi": "this torch was built for NumPy 1, and NumPy 2 is installed",
    "python-unsupported": "the torch.compile of this torch does not know this Python",
    "rocm-arch-unsupported": "this build has no kernels for that AMD GPU",
    "shared-library-missing": "the loader finds that library nowhere",
    "torch-not-installed": "this Python has no torch",
    "torch-torchvision-mismatch": "torchvision was built for another torch",
    "triton-mismatch": "the installed triton is not the one that torch was built with",
    "triton-unavailable": "torch finds no triton that it can use",
    "wsl-driver": "a libcuda of a Linux driver is found before the one that Windows lends",
}
"""What it means that software told of a rule's defect: the end of a sentence that quotes its words."""

OF_AMD = "rocm-arch-unsupported"

OF_A_GPU = frozenset(
    {
        smoke_causes.ARCH_MISSING,
        smoke_causes.ARCH_DROPPED,
        "gpu-lost",
        "gpu-too-old-for-triton",
        "rocm-arch-unsupported",
    }
)
"""Rules whose findings are about one GPU."""

SUBJECTS = {
    **dict.fromkeys((smoke_causes.DRIVER, *smoke_causes.START), "driver"),
    **dict.fromkeys((smoke_causes.CUDNN_OTHER, smoke_causes.CUDNN_OF_PATH), "cudnn"),
    **dict.fromkeys((smoke_causes.TRITON_GONE, smoke_causes.TRITON_OTHER), "triton"),
    "mkl-incompatible": "mkl",
    "nccl-version-conflict": "nccl",
    "numpy2-abi": "numpy",
    "ext-arch-missing": "torchvision",
    "torch-torchvision-mismatch": "torchvision",
}
"""What the findings of a rule are about, where it is one thing; of the others it is the package that fails."""


def judged_with_kernels(rule: Rule, machine: Machine, matrix: Matrix) -> Iterator[Finding]:
    """Yield what a rule finds by itself, proved where a kernel test failed of it; then what only a test tells."""
    shown: dict[str, list[tuple[TestResult, Sign]]] = {}
    if machine.is_known(smoke_causes.FACT):
        for result, sign in shown_for(rule.name, machine, matrix):
            shown.setdefault(_subject(rule.name, machine, result), []).append((result, sign))
    undecided: Undecidable | None = None
    try:
        for finding in rule.judge(machine, matrix):
            tests = shown.pop(finding.subject, None)
            yield finding if tests is None else _confirmed(rule, machine, finding, tests)
    except Undecidable as reason:
        undecided = reason
    for subject, tests in shown.items():
        found = rule.finding(machine, subject, _told(rule, machine, tests), when=SHOWN, confidence=Confidence.PROVED)
        yield replace(found, evidence=evidence(machine, (test for test, _ in tests)))
    if undecided is not None:
        raise undecided


def _confirmed(rule: Rule, machine: Machine, finding: Finding, tests: list[tuple[TestResult, Sign]]) -> Finding:
    """Return a finding with the test that failed of it: no inference any more, and no mere possibility."""
    return replace(
        finding,
        severity=max(finding.severity, rule.severities[SHOWN]),
        confidence=Confidence.PROVED,
        message=f"{finding.message} {_seen(machine, tests)}.",
        evidence=(*finding.evidence, *evidence(machine, (test for test, _ in tests))),
    )


def _told(rule: Rule, machine: Machine, tests: list[tuple[TestResult, Sign]]) -> str:
    return f"{_seen(machine, tests)}: {MEANS[rule.name]}."


def _seen(machine: Machine, tests: list[tuple[TestResult, Sign]]) -> str:
    """Say which tests ended with which words."""
    result, sign = tests[0]
    names = [*dict.fromkeys(test.name for test, _ in tests)]
    what = f"The kernel test {names[0]}" if len(names) == 1 else f"{len(names)} kernel tests ({some(names)})"
    if result.name == IMPORT:
        what, where = "`import torch`", ""
    else:
        where = f" on {device_in_words(machine, result.device)}"
    return f"{what} failed{where}{_words(result, sign)}"


def _words(result: TestResult, sign: Sign) -> str:
    """Quote the line that holds the words, or name the signal."""
    if not sign.words:
        return f" with {result.signal}"
    text = "\n".join((result.message, words_of(result), result.output))
    line = next((line for line in text.splitlines() if re.search(sign.words, line)), result.message)
    return f' with "{quoted(line)}"'


def _subject(rule: str, machine: Machine, result: TestResult) -> str:
    package = "torchvision" if result.name in VISION else "torch"
    if rule in OF_A_GPU:
        where = place(machine, result.device)
        if rule == OF_AMD:
            where = where.replace("cuda:", "gpu:")  # HIP counts as its rule does, which knows no driver's order
        return where if where.startswith("gpu:") else package
    if rule == smoke_causes.CUDA_OF_PATH:
        named = re.search(r"version (lib[\w-]+\.so[.\d]*)", result.message)
        return named[1] if named else package
    return SUBJECTS.get(rule, package)
