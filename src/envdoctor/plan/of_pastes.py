"""What to do about a defect whose exact command hangs on facts that a paste does not tell."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from envdoctor.model.finding import Severity
from envdoctor.model.plan import Applicability, Plan, Status, Step
from envdoctor.plan import jetson
from envdoctor.plan.by_hand import BY_HAND
from envdoctor.plan.remedies import ANOTHER_WHEEL

if TYPE_CHECKING:
    from envdoctor.model.finding import Diagnosis, Finding

BY_PLAN = "`envdoctor plan --driver VERSION --gpu NAME` names it"

NOT_KNOWN = "; the driver is not known here"
"""How `because.py` ends the reason of a choice that was made without a driver."""

OF_PATH = (
    "unset-env",
    "take the folders of other CUDA libraries out of LD_LIBRARY_PATH and LD_PRELOAD (`unset LD_LIBRARY_PATH` tries "
    "it), and load no CUDA module beside torch, whose wheel brings its own",
)

TOLD: dict[str, tuple[str, str]] = {
    "cpu-only-build": (
        "install-wheels",
        "install a build of torch with CUDA over it, from the PyTorch index of a channel that the driver runs: "
        + BY_PLAN,
    ),
    "cuda-libs-shadowed-by-ld-library-path": OF_PATH,
    "cudnn-shadowed-by-ld-library-path": OF_PATH,
    "driver-too-old": (
        "upgrade-driver",
        "upgrade the NVIDIA driver, or install a build of torch for a CUDA that this driver runs: " + BY_PLAN,
    ),
    "gpu-arch-dropped": (
        "install-wheels",
        "install a build of torch that still holds kernels for this GPU: " + BY_PLAN,
    ),
    "gpu-arch-not-in-wheel": (
        "install-wheels",
        "install a build of torch that holds kernels for this GPU: " + BY_PLAN,
    ),
    "abi-undefined-symbol": (
        "install-wheels",
        "install the package whose file is named there anew, as a wheel for this very torch, or compiled beside it "
        "(`python -m pip install --force-reinstall --no-deps --no-build-isolation --no-cache-dir PACKAGE`)",
    ),
    "ext-arch-missing": (
        "install-wheels",
        "install a release of the extension that holds kernels for this GPU, or compile it with TORCH_CUDA_ARCH_LIST "
        "set to the GPU's compute capability",
    ),
    "numpy2-abi": (
        "install-wheels",
        'install a NumPy of before 2 (`python -m pip install "numpy<2"`), or a release of what was built for NumPy 1 '
        "that is built for NumPy 2 (torch 2.3 and newer)",
    ),
    "no-gpu-in-container": (
        "start-container-with",
        "install the NVIDIA Container Toolkit on the host and start a new container with its GPU: `docker run --gpus "
        "all`, `gpus: all` for the service of a compose file, `podman run --device nvidia.com/gpu=all`, `singularity "
        "exec --nv`, or `nvidia.com/gpu: 1` in the limits of the pod",
    ),
    "python-unsupported": (
        "rebuild-environment",
        "make an environment with a Python that has wheels of this release, or take a newer torch; `envdoctor matrix "
        "show TORCH` lists which Pythons each has",
    ),
    "toolkit-build-mismatch": (
        "install-system-package",
        "compile with the CUDA toolkit of torch's own release (CUDA_HOME set to it), or take the torch that was built "
        "for the toolkit that is there, or a wheel of the extension, which needs no toolkit",
    ),
    "triton-unavailable": (
        "install-wheels",
        "on Linux install the triton that this torch requires; on Windows, where PyTorch publishes none, the "
        "triton-windows of the same release, or do without torch.compile (TORCHDYNAMO_DISABLE=1)",
    ),
    "triton-mismatch": ("install-wheels", "install the very triton that this torch requires (`python -m pip check`)"),
    "shared-library-missing": (
        "install-wheels",
        "install the package anew that brings the library (`python -m pip install --force-reinstall` of the torch "
        "that is there), or the CUDA release that the extension was built for",
    ),
    "wrong-index-url": (
        "set-env",
        "name the index that holds this build (`--index-url https://download.pytorch.org/whl/CHANNEL`), or a release "
        "that is there for this system and Python: `envdoctor matrix show TORCH` lists both",
    ),
}  # fmt: skip
"""By rule: the kind of step and its words, where facts for a command of our own are missing."""

WORDS = {
    "torch.cuda": "the paste does not tell which CUDA torch was built for",
    "torch.version": "the paste does not tell which torch is installed",
    "torch.requires": "the paste does not tell what the installed torch requires",
    "gpu.count": "the paste does not tell which GPU it is about",
    "driver.version": "the paste does not tell the driver",
    "python.version": "the paste does not tell the Python",
}
"""Facts that a choice hangs on, where the paste is silent of them."""


def without_facts(plan: Plan, diagnosis: Diagnosis, platform: str) -> Plan:
    """Return what a person does, where a defect is told by words alone or a plan lacks facts; else the plan as it is.

    Words name a defect and not which package has it, so a repair worked out from versions would mend another one.
    """
    causes = [one for one in diagnosis.findings if one.severity is Severity.ERROR and one.caused_by is None]
    first = causes[0] if causes else None
    if first is not None and first.rule in TOLD and _by_words_alone(first):
        causes = causes[:1]
    elif not plan.undecided:
        return plan
    of_jetson = ("install-wheels", jetson.UNKNOWN) if platform.endswith("-jetson") else None
    told = (of_jetson if of_jetson and one.rule in ANOTHER_WHEEL else _of(one.rule) for one in causes)
    steps = tuple(dict.fromkeys(Step(one[0], Applicability.MANUAL, one[1]) for one in told if one))
    if steps:
        return Plan(Status.SOLVED, None, steps, because=tuple(one.message for one in causes[:1]))
    return replace(plan, because=tuple(_plain(text) for text in plan.because))


def _of(rule: str) -> tuple[str, str] | None:
    return TOLD.get(rule) or BY_HAND.get(rule)


def with_open_driver(plan: Plan) -> Plan:
    """Return a plan whose commands say which driver they need, where the paste does not tell the driver."""
    floor = next((text for text in plan.because if text.endswith(NOT_KNOWN)), None)
    ways = tuple(with_open_driver(way) for way in plan.alternatives)
    if floor is None:
        return replace(plan, alternatives=ways)
    need = f"{floor.removesuffix(NOT_KNOWN)}, which the paste does not tell"
    steps = tuple(replace(step, why=f"{step.why}; {need}") if step.argv else step for step in plan.steps)
    return replace(plan, steps=steps, alternatives=ways)


def _by_words_alone(finding: Finding) -> bool:
    return all(one.fact == "said.texts" for one in finding.evidence)


def _plain(text: str) -> str:
    gap = re.fullmatch(r"([\w.]{1,60}) is not known: (.*)", text, re.DOTALL)
    if gap is None:
        return text
    return gap[2] if gap[2] != "not looked at" else WORDS.get(gap[1], f"the paste does not tell {gap[1]}")
