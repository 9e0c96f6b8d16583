"""What is concluded of a paste that quotes no error, or facts and words that seem to say different things."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.load import load_matrix
from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.model.finding import Confidence, Severity
from envdoctor.model.machine import Wishes
from envdoctor.model.snapshot import Snapshot
from envdoctor.rules.said.inferred import INFERENCES
from envdoctor.rules.severity_table import SAID, SEVERITIES

if TYPE_CHECKING:
    from envdoctor.model.fact import Fact, Value
    from envdoctor.model.finding import Diagnosis

MATRIX = load_matrix()
NOT_COLLECTED = Unknown("the tool could not collect it")
CPU_BUILD = Absent("torch.version.cuda is None")
UNSEEN: dict[str, Value | Fact] = {"said.cuda_available": False, "said.wants_gpu": True}
LINUX: dict[str, Value | Fact] = {"host.os": "linux", "host.platform": "linux-x86_64"}


def wheel(version: str, cuda: str, provenance: str = "pypi") -> dict[str, Value | Fact]:
    """A build for CUDA as a paste tells it."""
    return {
        "torch.version": version, "torch.cuda": cuda, "torch.channel": f"cu{cuda.replace('.', '')}",
        "torch.provenance": provenance, "torch.hip": Absent("it was built for CUDA"),
    }  # fmt: skip


def gpus(*names: str, driver: str | None = None) -> dict[str, Value | Fact]:
    """GPUs that are named, all of them visible."""
    named: dict[str, Value | Fact] = {f"gpu.{index}.name": name for index, name in enumerate(names)}
    told: dict[str, Value | Fact] = {"driver.version": driver, "nvml.status": 0} if driver else {}
    indexes: list[Value] = [*range(len(names))]
    return {**named, **told, "gpu.count": len(names), "gpu.visible": indexes}


def judged(*parts: dict[str, Value | Fact], said: str = "") -> Diagnosis:
    """Judge a paste of these facts, and of one message where there is any."""
    rows: list[Value] = [{"text": said, "line": 1}] if said else []
    facts: dict[str, Fact] = {"said.texts": Known(rows, "paste")}
    for part in parts:
        for name, value in part.items():
            facts[name] = value if isinstance(value, (Known, Absent, Unknown)) else Known(value, "paste, line 2")
    seen = Snapshot(facts)
    return diagnose(seen, MATRIX, Wishes(require_gpu=seen.known("said.wants_gpu") is True))


def errors(diagnosis: Diagnosis) -> list[str]:
    """The rules that found an error, root cause first."""
    return [one.rule for one in diagnosis.findings if one.severity is Severity.ERROR]


FIRST: tuple[tuple[str, str, tuple[dict[str, Value | Fact], ...]], ...] = (
    ("a CUDA build and nothing that found a driver", "driver-missing",
     (UNSEEN, LINUX, wheel("2.4.1", "12.1"), {"driver.version": NOT_COLLECTED, "gpu.count": NOT_COLLECTED})),
    ("the same in a container", "no-gpu-in-container",
     (UNSEEN, LINUX, wheel("2.4.1", "12.1"), {"host.kind": "container", "container.runtime": "docker"})),
    ("started without a request", "no-gpu-in-container",
     ({"said.wants_gpu": True, "said.container_gpus": False, "host.kind": "container",
       "container.runtime": "podman"},)),
    ("WSL2", "wsl-driver", (UNSEEN, LINUX, wheel("2.4.1", "12.1"), {"host.wsl": True, "host.kind": "wsl2"})),
    ("a laptop with another maker's GPU", "no-nvidia-gpu", (UNSEEN, gpus("Intel Iris Xe Graphics"))),
    ("conda's CPU build", "cpu-only-build",
     (UNSEEN, {"torch.version": "1.12.0", "torch.cuda": CPU_BUILD}, gpus("NVIDIA GeForce RTX 3070", driver="516.94"))),
    ("plain pip on Windows", "wrong-index-url",
     (UNSEEN, {"torch.version": "2.3.0+cpu", "torch.cuda": CPU_BUILD, "host.os": "windows",
               "host.platform": "windows-x86_64",
               "said.installs": [{"tool": "pip", "command": "pip install torch", "indexes": [], "line": 3}]})),
    ("one of several instances", "mig",
     (gpus("NVIDIA A100-SXM4-40GB"), {"gpu.0.mig": ["MIG-1", "MIG-2"], "gpu.0.mig_mode": "on",
                                      "said.device_count": 1})),
    ("another torch than pip's", "duplicate-torch-install",
     ({"torch.version": "1.4.0", "packages.installed": {"torch": "1.8.1"}},)),
    ("a driver of CUDA 10.0 under 10.2", "driver-too-old",
     (UNSEEN, wheel("1.6.0", "10.2"), gpus("TITAN X (Pascal)", driver="410.104"))),
    ("the driver alone, and what a plain install gives", "driver-too-old",
     (UNSEEN, LINUX, {"torch.version": "1.5.0", "driver.version": "390.116"})),
    ("a GPU beyond the build, on whatever system", "gpu-arch-not-in-wheel",
     (wheel("2.4.1", "11.8", "pytorch-index"), gpus("NVIDIA GeForce RTX 5070"))),
)  # fmt: skip


@pytest.mark.parametrize(("rule", "parts"), [one[1:] for one in FIRST], ids=[one[0] for one in FIRST])
def test_few_facts_lead_to_the_commonest_cause(rule: str, parts: tuple[dict[str, Value | Fact], ...]) -> None:
    """It stands first, and as an inference."""
    first = judged(*parts).findings[0]
    assert (first.rule, first.confidence) == (rule, Confidence.INFERRED)
    assert first.evidence


def test_a_published_partner_beside_nvidia_s_own_torch() -> None:
    """Two builders: a warning by itself, an error where the paste complains of that package."""
    jetson: dict[str, Value | Fact] = {
        "torch.version": "2.1.0a0+41361538.nv23.06", "torch.cuda": "11.4", "torch.provenance": "jetson",
              "torchaudio.version": "2.1.0",
    }  # fmt: skip
    quiet = judged(jetson).findings
    assert [(one.rule, one.severity) for one in quiet] == [("torch-torchaudio-mismatch", Severity.WARNING)]
    assert errors(judged(jetson, said="torchaudio fails to load")) == ["torch-torchaudio-mismatch"]


def test_what_works_is_healthy_whatever_the_numbers_are() -> None:
    """An image of NVIDIA with forward-compat libraries: CUDA 11.2 on a driver of CUDA 10.1 is seen to work."""
    found = judged(
        {"said.cuda_available": True, "cuda.init": 0},
        wheel("1.9.0a0+df837d0", "11.2", "ngc"),
        gpus("Tesla V100-SXM2-32GB", driver="418.181.07"),
        said="RuntimeError: export of this operator failed",
    )
    assert not errors(found)


def test_a_dump_of_another_node_says_nothing_of_the_gpu_s_driver() -> None:
    """The GPU that the work is for decides; that the login node has no driver is as it should be."""
    found = judged(
        {"said.taken_elsewhere": True, "said.cuda_available": False, "driver.version": NOT_COLLECTED},
        LINUX,
        wheel("1.7.1", "10.2"),
        gpus("NVIDIA A40"),
        said="UserWarning: CUDA initialization: Found no NVIDIA driver on your system.",
    )
    assert errors(found) == ["gpu-arch-not-in-wheel"]


def test_an_old_driver_comes_before_a_second_torch() -> None:
    """Two installers each brought a torch, which is worth a word; what keeps CUDA from starting is the driver."""
    found = judged(
        UNSEEN,
        LINUX,
        wheel("1.3.0", "10.1", "conda-pytorch"),
        gpus("Tesla T4", driver="410.104"),
        {"packages.installed": {"torch": "1.2.0"}, "packages.conda": {"pytorch": {"version": "1.3.0"}}},
    )
    assert [one.rule for one in found.findings][:2] == ["driver-too-old", "conda-pip-mix"]
    assert errors(found) == ["driver-too-old"]


def test_the_operators_that_are_missing_come_before_the_installers() -> None:
    """Torchvision is the pair of neither torch: its operators are the failure, the mixture how it came about."""
    found = judged(
        {"said.cuda_available": False, "torchvision.version": "0.7.0"},
        LINUX,
        wheel("1.9.0+cu102", "10.2"),
        {"packages.installed": {"torch": "1.9.0"}, "packages.conda": {"pytorch": {"version": "1.6.0"}}},
        said="RuntimeError: No such operator torchvision::nms",
    )
    assert found.findings[0].rule == "torch-torchvision-mismatch"
    assert found.findings[0].confidence is Confidence.PROVED


@pytest.mark.parametrize(
    "parts",
    [
        ({"said.cuda_available": False}, LINUX, wheel("2.2.0", "12.1"), {"driver.version": NOT_COLLECTED}),
        ({"said.cuda_available": False, "torch.version": "2.7.0+cpu", "torch.cuda": CPU_BUILD},
         gpus("NVIDIA GeForce RTX 3060", driver="560.35.03"), LINUX),
        ({"said.cuda_available": True, "said.wants_gpu": True}, wheel("1.5.0", "10.1"),
         gpus("TITAN RTX", driver="442.92")),
        ({"torch.version": "2.3.0", "host.os": "macos", "host.platform": "macos-arm64"},
         {"said.cuda_available": False}),
    ],
    ids=["nobody misses a GPU", "a CPU build beside another complaint", "it works elsewhere", "a Mac"],
)  # fmt: skip
def test_a_complaint_about_something_else_is_no_defect(parts: tuple[dict[str, Value | Fact], ...]) -> None:
    """Without CUDA, on purpose or not: nobody in the paste asks for it."""
    assert not errors(judged(*parts, said="ValueError: the export of this model fails"))


def test_every_inference_has_a_severity_for_pastes() -> None:
    """The table holds what each of them may be worth."""
    assert all(SAID in SEVERITIES[name] for name in INFERENCES)
