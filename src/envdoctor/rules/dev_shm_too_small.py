"""The shared memory of the container, /dev/shm, has the small default size of container runtimes.

## What it means
Workers of a DataLoader hand their batches over through /dev/shm, and NCCL does the same between GPUs of one machine.
Docker gives a container 64 MiB of it, Podman 62.5 MiB. A few image batches or one NCCL communicator fill that, and
the workers are then killed: "RuntimeError: DataLoader worker (pid 63) is killed by signal: Bus error. It is possible
that dataloader's workers are out of shared memory." NCCL says "Error while creating shared memory segment
/dev/shm/nccl-...". With `num_workers=0` and one GPU nothing of it is used, so this is a note.

## Why it happens
The size is fixed when the container starts, by `--shm-size` (Docker's default is 64m, Podman's 65536k). Kubernetes
gives 64 MiB too, whatever memory the pod asks for. The options of a container that exists cannot be changed.

## How to be sure
`df -h /dev/shm` inside the container shows the size; `df` during a training shows how much of it is in use.

## How to fix
Start a new container with `docker run --shm-size=8g ...` or with `--ipc=host`, in Compose `shm_size: "8gb"` for the
service. In Kubernetes mount a memory-backed volume: `emptyDir: {medium: Memory, sizeLimit: 8Gi}` at `/dev/shm`. Where
nothing of it can be changed, `num_workers=0` or `torch.multiprocessing.set_sharing_strategy("file_system")` for the
DataLoader and `NCCL_SHM_DISABLE=1` for NCCL do without it, slower.

## In a file
`envdoctor lint` tells of a service in a compose file whose command starts several processes, or workers of a
DataLoader, with a GPU and without `shm_size` or `ipc: host`: a warning where NCCL will need the room, else a note.

## Sources
docker run reference, `--shm-size`; podman-run(1), `--shm-size`; PyTorch README, "Docker Image", and
pytorch#5040; NCCL user guide, "Troubleshooting", shared memory; Kubernetes documentation, emptyDir.
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

DEFAULT = 64 * 2**20
"""Docker's and containerd's default; Podman's is 65536000 bytes."""


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:  # noqa: ARG001 - every rule is asked alike
    """Find the default size in a container that has torch."""
    if machine.text("host.kind") != "container" or machine.text("torch.version") is None:
        return
    total = machine.number("shm.total_bytes")
    if total is None or total > DEFAULT:
        return
    yield RULE.finding(
        machine,
        "machine",
        f"This container has {total / 2**20:.4g} MiB of shared memory in /dev/shm, a default of container runtimes: "
        "DataLoader workers and NCCL fail when they fill it.",
        "shm.total_bytes", "shm.free_bytes", "container.runtime",
    )  # fmt: skip


RULE = Rule(
    judge,
    stage=Stage.SETTING,
    needs=("host.kind", "torch.version", "shm.total_bytes"),
    fires=(
        Example(
            "Docker's default",
            {"host.kind": "container", "container.runtime": "docker", "shm.total_bytes": 67_108_864},
            severity=Severity.NOTE,
            says="64 MiB",
        ),
        Example(
            "Podman's default",
            {"host.kind": "container", "container.runtime": "podman", "shm.total_bytes": 65_536_000},
            severity=Severity.NOTE,
            says="62.5 MiB",
        ),
    ),
    quiet=(
        Example(
            "one page more than the default",
            {"host.kind": "container", "container.runtime": "docker", "shm.total_bytes": 67_112_960},
        ),
        Example("no limit", {"host.kind": "container", "container.runtime": "docker", "shm.total_bytes": None}),
        Example("a small machine that is no container", {"shm.total_bytes": 33_554_432}),
    ),
)  # fmt: skip
