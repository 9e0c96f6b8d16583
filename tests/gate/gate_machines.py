"""The machines of the gate's truth table, each with what stands at worst in its report: labelled by hand.

They are machines of the gallery; of some an answer was taken away, such that nobody can tell what an error hangs on.
"""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import Any

CASES = Path(__file__).parents[1] / "cases"


class Kind(Enum):
    """What stands at worst in the report of a machine."""

    SILENT = "nothing"
    NOTED = "note"
    WARNED = "warning"
    BROKEN = "error"
    BROKEN_BESIDE_A_GAP = "error, and another fact that an error hangs on is unknown"
    UNDETERMINED = "nothing, and a fact that an error hangs on is unknown"
    UNDETERMINED_NOTED = "a note, and a fact that an error hangs on is unknown"
    UNDETERMINED_WARNED = "a warning, and a fact that an error hangs on is unknown"


LABELLED = {
    Kind.SILENT: (
        "default-wheel-on-a100", "container-with-a-gpu", "conda-base-for-the-cpu", "b300-on-cuda-13-2",
        "colab-like-notebook", "a100-whose-kernels-passed", "distribution-s-torch", "cpu-index-where-no-gpu-is",
        "arm-server-for-the-cpu",
    ),
    Kind.NOTED: (
        "ci-runner-with-a-cuda-build", "container-for-the-cpu", "gpu-hidden-on-purpose", "gtx-1080-on-cu126",
        "default-memlock-with-gpus", "leftovers-of-cuda-12",
    ),
    Kind.WARNED: (
        "cudnn-older-than-the-pin", "h200-at-a-sixth-of-its-speed", "macos-12-with-recent-torch",
        "mig-without-instances", "one-of-two-gpus-dropped", "triton-removed", "old-torch-in-the-user-site",
        "vllm-for-one-of-two-gpus",
    ),
    Kind.BROKEN: (
        "cuda-12-on-driver-470", "v100-under-cuda-13", "cpu-build-on-a-gpu-laptop",
        "torchvision-of-another-cuda", "cuda-libraries-removed", "convolutions-that-cudnn-refuses",
        "vllm-without-kernels-for-pascal", "gpu-named-and-not-given",
    ),
    Kind.BROKEN_BESIDE_A_GAP: ("container-that-lost-its-devices",),
}  # fmt: skip

WITHOUT = {
    Kind.UNDETERMINED: (
        ("default-wheel-on-a100", ("nvml.status",)),
        ("b300-on-cuda-13-2", ("torch.version", "torch.cuda")),
        ("container-with-a-gpu", ("gpu.visible",)),
        ("colab-like-notebook", ("cuda.init",)),
        ("conda-base-for-the-cpu", ("libraries.missing",)),
    ),
    Kind.UNDETERMINED_NOTED: (
        ("default-memlock-with-gpus", ("cuda.init",)),
        ("leftovers-of-cuda-12", ("libraries.missing",)),
    ),
    Kind.UNDETERMINED_WARNED: (
        ("triton-removed", ("libraries.missing",)),
        ("cudnn-older-than-the-pin", ("cuda.init",)),
    ),
}
"""A machine of the gallery and the facts that nobody found out."""


def machines() -> dict[str, Kind]:
    """The name of every machine, and its kind."""
    whole = {name: kind for kind, names in LABELLED.items() for name in names}
    return whole | {f"{name} without {facts[0]}": kind for kind, cut in WITHOUT.items() for name, facts in cut}


def one_of_each_kind() -> list[str]:
    """The first machine of each kind."""
    return list({kind: name for name, kind in reversed(machines().items())}.values())


def document(name: str) -> dict[str, Any]:
    """The snapshot of a machine, as its file holds it."""
    base, _, missing = name.partition(" without ")
    snapshot: dict[str, Any] = json.loads((CASES / base / "snapshot.json").read_text(encoding="utf-8"))
    for cut in WITHOUT.values():
        for case, facts in cut:
            if (case, facts[0]) == (base, missing):
                snapshot["facts"] |= {one: {"state": "unknown", "reason": "no answer"} for one in facts}
    return snapshot
