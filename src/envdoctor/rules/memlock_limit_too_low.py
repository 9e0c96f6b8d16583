"""In a container with GPUs, programs may lock no more than 64 KiB of memory.

## What it means
RDMA over InfiniBand or RoCE registers the memory it transfers, and what is registered is locked. With the old default
of 64 KiB the registration fails: NCCL says "ibv_reg_mr failed with error Cannot allocate memory", Gloo and UCX
likewise, and a training over several machines ends or falls back to TCP. One machine without RDMA is not hindered:
`pin_memory` goes through the NVIDIA driver, which does not count against this limit. So it is a note.

## Why it happens
A container takes its limits from the daemon that starts it, and `ulimit -l` was 64 KiB there unless it was raised
(Linux 5.16 made the default 8 MiB). The images of NVIDIA NGC ask for `--ulimit memlock=-1` for this reason.

## How to be sure
`ulimit -l` inside the container prints 64 (KiB); `cat /proc/self/limits` has it in the row "Max locked memory".

## How to fix
Start the container with `docker run --ulimit memlock=-1 --ulimit stack=67108864 ...`; in Compose
`ulimits: {memlock: -1}`; for every container `"default-ulimits"` in `/etc/docker/daemon.json`. Podman takes the same
`--ulimit`. In Kubernetes the limit is that of containerd's service: `LimitMEMLOCK=infinity` in its systemd unit.

## Sources
setrlimit(2), RLIMIT_MEMLOCK, and mlock(2); NVIDIA Deep Learning Frameworks user guide, "Setting The Shared Memory
Flag"; docker run reference, `--ulimit`; NCCL user guide, "Troubleshooting", InfiniBand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.finding import Severity
from envdoctor.rules.rule import Example, Rule, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine

OLD_DEFAULT = 64 * 1024
"""MLOCK_LIMIT of Linux before 5.16; since then it is 8 MiB."""


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:  # noqa: ARG001 - every rule is asked alike
    """Find the old default in a container that has torch and sees GPUs."""
    if machine.text("host.kind") != "container" or machine.text("torch.version") is None:
        return
    limit = machine.number("limits.memlock_bytes")
    if limit is None or limit > OLD_DEFAULT or not machine.visible_gpus:
        return
    yield RULE.finding(
        machine,
        "machine",
        f"Programs in this container may lock {limit // 1024} KiB of memory: RDMA between machines, as NCCL uses it "
        "over InfiniBand, cannot register its buffers.",
        "limits.memlock_bytes", "container.runtime", "gpu.count",
    )  # fmt: skip


RULE = Rule(
    judge,
    stage=Stage.SETTING,
    needs=("host.kind", "torch.version", "limits.memlock_bytes", "gpu.count", "gpu.visible", "gpu.N.name",
           "gpu.N.compute_capability"),
    fires=(
        Example(
            "the old default in a container with a GPU",
            {"host.kind": "container", "container.runtime": "docker", "limits.memlock_bytes": 65_536},
            severity=Severity.NOTE,
            says="64 KiB",
        ),
    ),
    quiet=(
        Example("one page more", {"host.kind": "container", "limits.memlock_bytes": 69_632}),
        Example("no limit", {"host.kind": "container", "limits.memlock_bytes": None}),
        Example("the same limit on a machine that is no container", {"limits.memlock_bytes": 65_536}),
        Example(
            "a container whose GPUs are hidden",
            {"host.kind": "container", "limits.memlock_bytes": 65_536, "gpu.visible": []},
        ),
    ),
)  # fmt: skip
