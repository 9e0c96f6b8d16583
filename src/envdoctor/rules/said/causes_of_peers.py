"""Which defect it was where GPUs talk to one another or are divided."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.rules.said import questions
from envdoctor.rules.said.cause import Cause, likely

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.machine import Machine

BY_NETWORK = re.compile(
    r"Connection (?:refused|reset|timed)|No route to host|[Nn]o socket interface|connect\w{0,4} to \S{1,80} failed"
    r"|ibv_\w{2,30}|\bnnodes[= ]|\bnode[_ ]rank|multi-?node",
    re.IGNORECASE,
)
"""What tells that the processes are of several machines, or that their network is to blame."""


def page_fault(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """An IOMMU that refused what a device wrote: a GPU's direct write into another."""
    del machine, matrix
    device = re.search(r"(\w{2,16}) [\da-f]{4}:[\da-f]{2}:[\da-f]{2}\.\d: (?:AMD-Vi|DMAR)", text)
    if device and device[1] not in ("nvidia", "nouveau", "amdgpu"):
        return None
    return likely("p2p-iommu-hang")


def system_call(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """A system call of NCCL's that failed and is not named: in a container, that which makes its shared memory."""
    del text, matrix
    if not questions.in_container(machine) or any(BY_NETWORK.search(told) for told in questions.texts(machine)):
        return None
    return likely("nccl-shm-too-small")


HANGING = re.compile(
    r"\b(?:hang|hung|stuck|dead ?lock|freez|froze)|time(?:d )?out|(?:never|not|n't) returns?\b", re.IGNORECASE
)
OF_PEERS = re.compile(r"P2P_DISABLE ?= ?1|P2P_DISABLE.{0,20}\b1\b|iommu|\bACS\b|p2pBandwidth", re.IGNORECASE)
FROM_GPU_TO_GPU = re.compile(r"nccl|all_?reduce|\bDDP\b|DataParallel|multi-?\s?gpu|GPUs\b|\d ?[xX]|P2P", re.IGNORECASE)


def hang(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """A hang between GPUs that goes away without direct transfers; the two may be told in different sentences."""
    del text, matrix
    told = "\n".join(questions.texts(machine))
    by_variable = machine.told("env.NCCL_P2P_DISABLE") == "1"
    if HANGING.search(told) and FROM_GPU_TO_GPU.search(told) and (by_variable or OF_PEERS.search(told)):
        return likely("p2p-iommu-hang")
    return None
