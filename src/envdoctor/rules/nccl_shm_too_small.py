"""NCCL could not make its shared memory: /dev/shm was full.

## What it means
GPUs of one machine that do not reach each other directly exchange data through /dev/shm, and NCCL takes some MiB of it
for each pair of them when a communicator is made. There was no room: "Error while creating shared memory segment
/dev/shm/nccl-pZafXL (size 7340384)", before version 2.14 "Call to posix_fallocate failed : No space left on device". In
torch it is an ncclSystemError ("unhandled system error").

## Why it happens
Docker and Kubernetes give a container 64 MiB of /dev/shm, and Podman 62.5 MiB, whatever memory it has. Or what earlier
programs left there fills it: files of processes that were killed stay until somebody deletes them.

## How to be sure
`df -h /dev/shm` shows size and use, and `ls -l /dev/shm` what lies there. `NCCL_DEBUG=WARN` makes NCCL print the
segment and the reason; `NCCL_SHM_DISABLE=1` lets the same program start.

## How to fix
Start a new container with `docker run --shm-size=8g ...` or `--ipc=host`, in Compose with `shm_size: "8gb"` for the
service. In Kubernetes mount `emptyDir: {medium: Memory, sizeLimit: 8Gi}` at `/dev/shm`. Delete what killed programs
left in /dev/shm. Where none of it can be done, `NCCL_SHM_DISABLE=1` goes over the network stack instead, slower.

## Sources
NVIDIA NCCL user guide, "Troubleshooting", shared memory; NVIDIA/nccl#290, nccl#342 and nccl#525; Kubernetes
documentation, emptyDir; docker run reference, `--shm-size`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from envdoctor.model.finding import Confidence
from envdoctor.model.smoke import ALL_GPUS, Status, TestResult
from envdoctor.rules.rule import Example, Rule, Stage
from envdoctor.rules.smoke_causes import DEVICES, FACT, shown_for
from envdoctor.rules.smoke_examples import failed, passed, smoked
from envdoctor.rules.smoke_words import evidence, some

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:
    """Find NCCL's own words in what a test raised or printed."""
    tests = [result for result, _ in shown_for(RULE.name, machine, matrix)]
    if not tests:
        return
    total = machine.number("shm.total_bytes") if machine.is_known("shm.total_bytes") else None
    size = f" It is {total / 2**20:,.0f} MiB large." if total is not None else ""
    found = RULE.finding(
        machine,
        "machine",
        f"NCCL could not make its shared memory in /dev/shm, which is full ({some(test.name for test in tests)}): "
        f"programs on several GPUs do not start.{size}",
        "shm.total_bytes", "shm.free_bytes", "container.runtime",
        confidence=Confidence.PROVED,
    )  # fmt: skip
    yield replace(found, evidence=(*evidence(machine, tests), *found.evidence))


LAST_ERROR = (
    "NCCL Error 2: unhandled system error (run with NCCL_DEBUG=INFO for details)\nLast error:\n"
    "Error while creating shared memory segment /dev/shm/nccl-pZafXL (size 7340384)"
)
PRINTED = "misc/shmutils.cc:88 NCCL WARN Error: failed to extend /dev/shm/nccl-WU88OE to 9637892 bytes"

RULE = Rule(
    judge,
    stage=Stage.SETTING,
    needs=(FACT, DEVICES, "shm.total_bytes"),
    explains=("dev-shm-too-small",),
    fires=(
        Example(
            "a container with Docker's default, which says so in the error",
            {
                "host.kind": "container", "container.runtime": "docker", "shm.total_bytes": 67_108_864,
                **smoked(failed("nccl-all-reduce", LAST_ERROR, ALL_GPUS)),
            },
            says="(nccl-all-reduce): programs on several GPUs do not start. It is 64 MiB large.",
        ),
        Example(
            "a full one, of which NCCL prints alone",
            smoked(failed("nccl-single", "NCCL Error 2: unhandled system error")._replace(output=PRINTED)),
            says="nccl-single",
        ),
    ),
    quiet=(
        Example("NCCL at work", smoked(passed("nccl-single"))),
        Example("a test that does not apply", smoked(TestResult("nccl-single", "cuda:0", Status.SKIPPED))),
        Example("a machine on which no kernel was run", {}),
    ),
)  # fmt: skip
