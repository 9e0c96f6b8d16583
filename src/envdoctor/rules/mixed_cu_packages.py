"""CUDA libraries of two CUDA majors are installed side by side.

## What it means
Most lie in folders of their own and do not disturb one another: leftovers of an upgrade, or the libraries of
another project. But cuDNN, NCCL, NVSHMEM and cuSPARSELt keep one folder for every CUDA major: `nvidia-nccl-cu12` and
`nvidia-nccl-cu13` both write `nvidia/nccl/lib/libnccl.so.2`, and the one that was written last is there for both. Then
torch loads the library of another CUDA: "undefined symbol: ncclCommResume", or a wrong cuDNN without a word.

## Why it happens
An upgrade from a cu12 to a cu13 torch installs the new libraries under new names and removes none of the old. Another
package (vllm, an extra of jax, onnxruntime) asked for the other major. When pip later removes one of the two, the
shared files go with it.

## How to be sure
`python -m pip list | grep -i nvidia-` shows both; `python -c "import torch; print(torch.cuda.nccl.version())"` which
NCCL is really loaded.

## How to fix
Uninstall those of the other major, then install torch's own again, because the shared files went with them:
`python -m pip uninstall nvidia-nccl-cu12`, then
`python -m pip install --force-reinstall --no-deps nvidia-nccl-cu13==VERSION` with the version that torch pins.

## In a file
One library demanded with two suffixes, `nvidia-cudnn-cu11` beside `nvidia-cudnn-cu12`, in one environment.

## Sources
RECORD of the installed nvidia-* packages and the sizes of the files they name; Requires-Dist of torch; pytorch#186591.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.finding import Confidence, Severity
from envdoctor.rules.library_rows import some, undefined
from envdoctor.rules.requirement import named_in
from envdoctor.rules.rule import Example, Rule, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.fact import Value
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine

SUFFIX = r"nvidia-.+-cu(\d{2})"
BY_VERSION = frozenset(
    {
        "nvidia-cublas",
        "nvidia-cuda-cupti",
        "nvidia-cuda-nvrtc",
        "nvidia-cuda-runtime",
        "nvidia-nvjitlink",
        "nvidia-nvtx",
    }
)
"""Names without a suffix, from CUDA 13 on, whose version begins with the CUDA major; cuSOLVER 12.0 is CUDA 13."""

OTHER_PROJECTS = (
    "ctranslate2", "cudf-cu", "cugraph-cu", "cuml-cu", "cupy", "cuvs-cu", "faiss-gpu", "jax", "nvidia-dali",
    "onnxruntime-gpu", "paddlepaddle-gpu", "rmm-cu", "tensorflow", "tensorrt",
)  # fmt: skip
"""Beginnings of names that bring or ask for CUDA libraries of their own choice."""

MOST_NAMED = 3


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:  # noqa: ARG001 - every rule is asked alike
    """Find files that two majors share, then packages of another major than torch's."""
    packages = machine.table("nvidia.packages")
    majors: dict[int, list[str]] = {}
    for name, version in packages.items():
        major = _major(name, str(version))
        if major is not None:
            majors.setdefault(major, []).append(name)
    if len(majors) < 2:
        return
    cuda = machine.text("torch.cuda")
    if cuda is None or not cuda.partition(".")[0].isdigit():
        return  # no torch that loads any of them
    own = int(cuda.partition(".")[0])
    overwritten = list(_overwritten(machine, own))
    for name, by, files in overwritten:
        more = f" and {len(files) - 1} more" if len(files) > 1 else ""
        lacking = _lacking(machine, files)
        yield RULE.finding(
            machine,
            name,
            f"{by} and {name} write the same files, and {files[0]}{more} is that of {by}: torch, which was built for "
            f"CUDA {cuda}, loads the library of another CUDA{lacking}.",
            "nvidia.clashes", "nvidia.packages", "torch.cuda", "libraries.undefined",
            when="lacks what is needed of it" if lacking else "in one another's files",
            confidence=Confidence.PROVED,
        )  # fmt: skip
    others = sorted(name for major, names in majors.items() if major != own for name in names)
    if overwritten or not others or own not in majors or _asked_for_by_others(machine):
        return
    more = f" and {len(others) - MOST_NAMED} more" if len(others) > MOST_NAMED else ""
    unsure = any(isinstance(row, dict) and row.get("owner") is None for row in machine.items("nvidia.clashes"))
    use = (
        "Some write the same files as torch's, and whose are there is not certain"
        if unsure
        else "torch does not use them"
    )
    yield RULE.finding(
        machine,
        "nvidia",
        f"Beside the CUDA {own} libraries of torch lie those of another CUDA: {', '.join(others[:MOST_NAMED])}{more}. "
        f"{use}.",
        "nvidia.packages", "nvidia.clashes", "torch.cuda",
        when="side by side",
    )  # fmt: skip


def _major(name: str, version: str) -> int | None:
    """The CUDA major of a package, by its suffix or, from CUDA 13 on, by its version; None where neither tells."""
    suffix = re.fullmatch(SUFFIX, name)
    if suffix:
        return int(suffix[1])
    number = version.partition(".")[0]
    return int(number) if name in BY_VERSION and number.isdigit() and 13 <= int(number) < 100 else None


def _overwritten(machine: Machine, own: int) -> Iterator[tuple[str, str, list[str]]]:
    """Yield torch's package, the one that wrote over it, and the files; only where the owner is certain."""
    asked = {named_in(line) for line in (*machine.items("torch.requires"), *machine.items("nvidia.toolkit_requires"))}
    found: dict[tuple[str, str], list[str]] = {}
    for row in machine.items("nvidia.clashes"):
        if not isinstance(row, dict) or not isinstance(row.get("packages"), list):
            continue
        named = [str(name) for name in row["packages"]] if isinstance(row["packages"], list) else []
        # What torch asks for by name; where its metadata name none, the packages of its CUDA.
        wanted = [name for name in named if name in asked] or [name for name in named if _major(name, "") == own]
        owner = row.get("owner")
        if len(wanted) == 1 and isinstance(owner, str) and owner != wanted[0] and owner in named:
            found.setdefault((wanted[0], owner), []).append(str(row.get("file"))[:200])
    for (name, owner), files in found.items():
        yield name, owner, files


def _lacking(machine: Machine, files: list[str]) -> str:
    """Say which symbol of one of these files is asked for in vain; nothing where that is not known of any."""
    names = {file.rpartition("/")[2] for file in files}
    rows = undefined(machine) if machine.is_known("libraries.undefined") else []
    row = next((row for row in rows if row.role == "entry" and row.library in names), None)
    return f", which has no {some(row.symbols, row.count)}" if row else ""


def _asked_for_by_others(machine: Machine) -> bool:
    return any(name.startswith(OTHER_PROJECTS) for name in machine.table("packages.installed"))


NCCL = "nvidia/nccl/lib/libnccl.so.2"
BOTH: dict[str, Value] = {
    "torch": "2.14.1+cu130",
    "driver": "580.95.05 13.0",
    "torch.requires": ['nvidia-nccl-cu13==2.29.7; platform_system == "Linux"'],
    "nvidia.packages": {"nvidia-nccl-cu12": "2.29.3", "nvidia-nccl-cu13": "2.29.7"},
}


def _shared(owner: str | None) -> dict[str, Value]:
    """Both packages write one file, which is `owner`'s."""
    return {
        **BOTH,
        "nvidia.clashes": [{"file": NCCL, "packages": ["nvidia-nccl-cu12", "nvidia-nccl-cu13"], "owner": owner}],
    }


RULE = Rule(
    judge,
    stage=Stage.PACKAGES,
    needs=(
        "nvidia.packages", "nvidia.clashes", "nvidia.toolkit_requires", "torch.cuda", "torch.requires",
        "packages.installed", "libraries.undefined",
    ),
    explains=("cuda-package-pin-broken", "cudnn-version-mismatch", "nccl-version-conflict", "abi-undefined-symbol"),
    fires=(
        Example(
            "the NCCL of CUDA 12 in the place of torch's",
            _shared("nvidia-nccl-cu12"),
            severity=Severity.WARNING,
            says="libnccl.so.2 is that of nvidia-nccl-cu12",
        ),
        Example(
            "one that lacks a function of it",
            {
                **_shared("nvidia-nccl-cu12"),
                "libraries.undefined": [
                    {"object": "torch/lib/libtorch_cuda.so", "package": "torch", "role": "entry", "count": 1,
                     "symbols": [{"name": "ncclCommResume", "shown": "ncclCommResume"}], "provider": "nccl",
                     "library": "libnccl.so.2"}
                ],
            },
            says="which has no ncclCommResume",
        ),
        Example("torch's NCCL was written last", _shared("nvidia-nccl-cu13"), severity=Severity.NOTE, says="CUDA 13"),
        Example("neither is certain", _shared(None), severity=Severity.NOTE, says="not certain"),
        Example(
            "leftovers of an upgrade",
            {
                **BOTH,
                "nvidia.packages": {
                    "nvidia-cuda-runtime": "13.0.96", "nvidia-cusolver": "12.0.4.66", "nvidia-cublas-cu12": "12.8.4.1",
                },
            },
            severity=Severity.NOTE,
            says="nvidia-cublas-cu12",
        ),
    ),
    quiet=(
        Example(
            "CUDA 13 alone, whose cuSOLVER is 12.0 and whose cuDNN has a suffix",
            {
                **BOTH,
                "nvidia.packages": {
                    "nvidia-cuda-runtime": "13.0.96", "nvidia-cusolver": "12.0.4.66", "nvidia-cudnn-cu13": "9.13.0.50",
                },
            },
        ),
        Example("the CUDA 12 libraries of JAX", {**BOTH, "packages.installed": {"jax-cuda12-plugin": "0.7.2"}}),
        Example("a torch without CUDA", {**BOTH, "torch": "2.14.1+cpu", "gpus": None, "driver": None}),
        Example("no such package", {}),
    ),
)  # fmt: skip
