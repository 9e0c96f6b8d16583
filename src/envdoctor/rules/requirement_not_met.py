"""The environment does not meet what a policy demands of it.

## What it means
A team wrote down what its programs need: `torch = ">=2.6,<2.9"`, `gpus = ">=1"`, `shm = ">=8 GiB"`, in the table
`[tool.envdoctor]` of pyproject.toml, in envdoctor.toml, in a profile or in envdoctor.lock. This environment is another
one. It may work; nobody vouches for it. The finding names the line that demands it and what is here instead.

## Why it happens
A package was upgraded, an image rebuilt on another base, a job sent to a machine with other GPUs or with an older
driver, a container started without `--shm-size`. Or the policy is behind: it names what was right last year.

Versions are compared as PEP 440 says. So a pre-release, as NVIDIA's images hold them, comes before the release:
2.9.0a0+145a3a7 does not meet ">=2.9", and it does meet "==2.9.*". "80 GB" is less than "80 GiB": a GPU that is sold
with 80 GB has some 79.6 GiB. A demand on a property of GPUs holds for each one that CUDA programs may see.

## How to be sure
`envdoctor check -v` shows the facts that were compared, each with its source. What could not be found out is told as
not judged, and is no finding; with `--strict` the exit code is 3 then.

## How to fix
Bring the environment to what is demanded: `envdoctor plan` names a torch within it where one exists, and what is to be
done by hand. Where the environment is right, correct the line, or write the lock anew with `envdoctor lock`. A demand
that cannot be met for some days is ignored with a reason and a last day; docs/how-to/policy.md shows how.

## Sources
The policy, at the line that is named; PEP 440, for how versions are compared; docs/reference/facts.md, for the facts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from envdoctor.model.finding import Confidence
from envdoctor.model.machine import Undecidable
from envdoctor.model.smoke import Status, TestResult
from envdoctor.rules import (
    cuda_visible_devices_empty,
    driver_missing,
    driver_query_failed,
    gpu_lost,
    mig,
    no_gpu_in_container,
    no_nvidia_gpu,
    nvml_driver_library_mismatch,
    wsl_driver,
)
from envdoctor.rules.rule import ON_WINDOWS, Example, Rule, Stage
from envdoctor.rules.smoke_examples import failed, passed, smoked
from envdoctor.rules.smoke_words import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.demand import Demand
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine
    from envdoctor.rules.demanded.answer import Unmet

NEEDS = (
    "python.version", "torch.version", "torch.cuda", "torch.hip", "torch.channel", "torchvision.version",
    "torchaudio.version", "triton.version", "numpy.version", "cudnn.version", "nccl.version", "toolkit.home_version",
    "driver.version", "driver.cuda_version", "gpu.count", "gpu.visible", "gpu.N.status", "gpu.N.name",
    "gpu.N.compute_capability", "gpu.N.memory_mib", "cpu.count", "cgroup.cpus", "host.memory_bytes",
    "cgroup.memory_bytes", "shm.total_bytes", "limits.memlock_bytes", "host.libc", "host.platform",
    "packages.installed", "smoke.tests", "smoke.devices",
)  # fmt: skip
"""The facts that a demand may be about."""

WHY_NO_GPU: tuple[Rule, ...] = (
    driver_missing.RULE,
    driver_query_failed.RULE,
    nvml_driver_library_mismatch.RULE,
    no_gpu_in_container.RULE,
    wsl_driver.RULE,
    gpu_lost.RULE,
    cuda_visible_devices_empty.RULE,
    mig.RULE,
    no_nvidia_gpu.RULE,
)
"""The rules that say why there is no driver, why a GPU is not to be used, and why there is none; the first counts."""

OTHER_GPUS = "Use GPUs that meet it, or show programs only those (CUDA_VISIBLE_DEVICES)"

ADVICE = {
    "channel": "Install a build of that channel",
    "cuda": "Install a build for that CUDA",
    "python": "Make the environment anew with such a Python",
    "driver": "Install such a driver (of a container: on its host)",
    "cuda-driver-api": "Install a driver of that CUDA or newer (of a container: on its host)",
    "gpus": "Use a machine with as many, or let this process see as many (CUDA_VISIBLE_DEVICES)",
    "compute-capability": OTHER_GPUS,
    "gpu-memory": OTHER_GPUS,
    "cpus": "Give the process more: `docker run --cpus`, the limits of the pod, or another machine",
    "memory": "Give the process more: `docker run --memory`, the limits of the pod, or another machine",
    "shm": "Make it larger (of a container: `--shm-size`)",
    "memlock": "Raise `ulimit -l` (of a container: `--ulimit memlock=-1`)",
    "glibc": "Use a newer system, or an image based on one",
    "platform": "Use a machine of that kind",
    "smoke": "`envdoctor smoke --test NAME -v` shows it alone",
    "cudnn": "Reinstall the cuDNN that torch pins, or take another torch",
    "nccl": "Reinstall the NCCL that torch pins, or take another torch",
    "cuda-toolkit": "Install such a toolkit and set CUDA_HOME to it",
}
"""What to do, by key; of all others: install one within it."""

WITHIN = "Install one within that"


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:
    """Judge every demand; what is not known of one is told after all others were judged."""
    told: set[str] = set()
    unknown: Undecidable | None = None
    for demand in machine.wishes.demands:
        for found in _unmet(machine, demand):
            if isinstance(found, Undecidable):
                unknown = unknown or Undecidable(f"{_words(demand)} is demanded, and {found.reason}", found.fact)
            elif found.subject not in told:
                told.add(found.subject)
                yield _finding(machine, matrix, demand, found)
    if unknown is not None:
        raise unknown


def _unmet(machine: Machine, demand: Demand) -> Iterator[Unmet | Undecidable]:
    from envdoctor.model.demand import SMOKE  # which a machine that nobody demands anything of does without
    from envdoctor.rules.demanded.kernels import unpassed
    from envdoctor.rules.demanded.unmet import unmet

    if demand.key != SMOKE:
        yield from unmet(machine, demand)
        return
    try:
        found = unpassed(machine, demand)
    except Undecidable as reason:
        yield reason
    else:
        yield from (found,) if found else ()


def _finding(machine: Machine, matrix: Matrix, demand: Demand, found: Unmet) -> Finding:
    where = f" ({quoted(demand.place.file)}, line {demand.place.line})" if demand.place else ""
    advice = ADVICE.get(demand.key, WITHIN)
    message = f"The policy demands {_words(demand)}{where}, and {found.words}. {advice}."
    made = RULE.finding(machine, found.subject, message, confidence=Confidence.PROVED)
    cause = _why_no_gpu(machine, matrix) if found.of_gpus else found.cause
    return replace(made, evidence=found.evidence, caused_by=cause)


def _words(demand: Demand) -> str:
    return f'{demand.key} "{quoted(demand.written)}"'


def _why_no_gpu(machine: Machine, matrix: Matrix) -> str | None:
    """Return the first rule that finds why a GPU or its driver is not there."""
    for rule in WHY_NO_GPU:
        try:
            if any(True for _ in rule.judge(machine, matrix)):
                return rule.name
        except Undecidable:
            continue
    return None


RULE = Rule(
    judge,
    stage=Stage.SETTING,
    in_turn=True,  # torch before what comes with it, as demands stand
    needs=tuple(dict.fromkeys((*NEEDS, *(fact for rule in WHY_NO_GPU for fact in rule.needs)))),
    fires=(
        Example("another torch", {}, wish_torch=">=2.6,<2.9", demands={"torch": ">=2.6,<2.9"},
                says='torch ">=2.6,<2.9", and torch 2.9.1+cu128'),
        Example("no torch at all", {"torch": None}, wish_torch="==2.9.*", demands={"torch": "==2.9.*"},
                says="torch is not installed"),
        Example(
            "a build of NVIDIA's image, which counts as before the release",
            {"torch": "2.9.0a0+145a3a7", "torch.provenance": "ngc", "torch.cuda": "13.0"},
            demands={"torch": ">=2.9"},
            says="a pre-release, which comes before 2.9.0",
        ),
        Example(
            "one of two GPUs too old",
            {"gpus": ["NVIDIA A100-SXM4-80GB 8.0", "Tesla V100-SXM2-16GB 7.0"]},
            demands={"compute-capability": ">=8.0"},
            says="GPU 1, Tesla V100-SXM2-16GB, has compute capability 7.0",
        ),
        Example("too few GPUs", {}, demands={"gpus": ">=2"}, says="CUDA programs may use 1."),
        Example("a GPU with less memory",
                {"gpu.0.memory_mib": 40960}, demands={"gpu-memory": ">=80000000000"}, says="40 GiB"),
        Example("an older driver", {}, demands={"driver": ">=550"}, says="driver 535.104.05 is here"),
        Example("a build without CUDA", {"torch": "2.9.1+cpu", "gpus": None, "driver": None},
                demands={"cuda": ">=12"}, says="was built without CUDA"),
        Example("another channel", {}, demands={"channel": "cu126"}, says="a build for cu128"),
        Example("a small /dev/shm",
                {"shm.total_bytes": 67_108_864}, demands={"shm": ">=8589934592"}, says="has 64 MiB"),
        Example("a control group with less memory than the machine", {"cgroup.memory_bytes": 17_179_869_184},
                demands={"memory": ">=34359738368"}, says="16 GiB"),
        Example("and fewer processors", {"cgroup.cpus": 1.5}, demands={"cpus": ">=8"}, says="1.5 processors"),
        Example("a package that is gone", {}, demands={"packages.vllm": ">=0.11"}, says="vllm is not installed"),
        Example(
            "a kernel test that failed",
            smoked(passed("start"), failed("matmul-fp32", "CUDA error: unspecified launch failure")),
            demands={"smoke": "matmul"},
            says="matmul-fp32 failed on NVIDIA A100-SXM4-80GB (cuda:0)",
        ),
        Example(
            "a test that does not apply here",
            smoked(TestResult("matmul-fp8", "cuda:0", Status.SKIPPED, message="fp8 came with capability 8.9")),
            demands={"smoke": "matmul-fp8"},
            says="skipped on NVIDIA A100-SXM4-80GB (cuda:0): fp8 came with",
        ),
    ),
    quiet=(
        Example("nobody demands anything", {"torch": None, "gpus": None, "driver": None}),
        Example(
            "all is as it is demanded",
            {"gpu.0.memory_mib": 81920, "numpy.version": "2.3.4"},
            demands={"torch": ">=2.6,<2.10", "gpus": ">=1", "compute-capability": ">=8.0", "driver": ">=535",
                     "gpu-memory": ">=85899345920", "cuda": "==12.8.*", "channel": "cu126,cu128", "numpy": "<3",
                     "python": "==3.11.*", "glibc": ">=2.28", "platform": "linux-x86_64", "memory": ">=137438953472",
                     "cpus": ">=8"},
        ),
        Example("a lost GPU is not counted, nor judged",
                {"gpus": ["NVIDIA A100 8.0", "Unknown 1.0"], "gpu.visible": [0]},
                demands={"compute-capability": ">=8.0", "gpus": "==1"}),
        Example("what has no limit", {"limits.memlock_bytes": None}, demands={"memlock": ">=1099511627776"}),
        Example("Windows, which limits no locked memory", {**ON_WINDOWS, "limits.memlock_bytes": None},
                demands={"memlock": ">=1073741824", "platform": "windows-x86_64"}),
        Example("the kernels that must pass, did", smoked(passed("matmul-fp32"), passed("matmul-bf16")),
                demands={"smoke": "matmul"}),
    ),
)  # fmt: skip
