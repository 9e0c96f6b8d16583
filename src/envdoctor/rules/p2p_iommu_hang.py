"""Data that one GPU sends another straight over PCIe hangs or arrives changed.

## What it means
Each GPU works, and so do copies from and to the host. What goes from GPU to GPU does not arrive, or not as it was:
DataParallel, NCCL and every copy between GPUs hang at 100 % utilisation, or give wrong numbers without an error. CUDA
itself reports that the GPUs can reach each other, as it asks for the model of the hardware and tries nothing.

## Why it happens
The IOMMU of the machine (VT-d, AMD-Vi), or Access Control Services (ACS) of a PCIe bridge, sends the traffic between
GPUs up to the root of the bus, where addresses of GPU memory mean nothing. It is on after a change in the BIOS, on a
new board, or since a kernel that switches it on; in a virtual machine it always is.

## How to be sure
`NCCL_P2P_DISABLE=1` makes programs that use NCCL work. `sudo lspci -vvv | grep ACSCtl` shows "SrcValid+" where ACS is
on; `ls /sys/class/iommu` names an IOMMU that is in use. `nvidia-smi topo -p2p r` shows which pairs the driver takes
for reachable. The sample p2pBandwidthLatencyTest of CUDA hangs or measures next to nothing.

## How to fix
On a machine of its own: switch IOMMU (VT-d, AMD-Vi) or ACS off in the BIOS, or start the kernel with `iommu=pt`, where
that does not suffice with `intel_iommu=off` or `amd_iommu=off`. Until then, or in a virtual machine, set
`NCCL_P2P_DISABLE=1`, which takes the way through the host, slower; it does nothing for plain copies between GPUs.

## Sources
NVIDIA NCCL user guide, "Troubleshooting", GPU-to-GPU communication and PCI Access Control Services; NVIDIA/nccl#257 (a
hang that ended with intel_iommu=off), nccl#606 (ACS), pytorch#1637 (the first reports).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from envdoctor.model.smoke import ALL_GPUS, Status, TestResult
from envdoctor.rules.rule import Example, Rule, Stage
from envdoctor.rules.smoke_causes import DEVICES, FACT, PEER_COPY, is_between_gpus, results
from envdoctor.rules.smoke_examples import passed, smoked
from envdoctor.rules.smoke_words import evidence, place, quoted, some

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.fact import Value
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:  # noqa: ARG001 - every rule is asked alike
    """Find copies between GPUs that go astray where every GPU by itself, and its way to the host, is in order.

    That is seen; that an IOMMU or ACS is the reason is inferred.
    """
    tests = [result for result in results(machine) if is_between_gpus(result, machine)]
    if not tests:
        return
    hangs = any(test.status is Status.TIMED_OUT for test in tests)
    does = "does not arrive" if hangs else "arrives changed"
    words = quoted(tests[0].message)
    found = RULE.finding(
        machine,
        place(machine, ALL_GPUS),
        f"Each GPU works, and so do copies from and to the host, but what one GPU sends another {does} "
        f"({some(test.name for test in tests)}{f': {words}' if words else ''}). It is so where the IOMMU or Access "
        "Control Services of PCIe redirect what goes between GPUs.",
    )
    yield replace(found, evidence=evidence(machine, tests))


PAIR = ("NVIDIA GeForce GTX 1080 Ti", "NVIDIA GeForce GTX 1080 Ti")
ON_BOTH = [
    passed(name, f"cuda:{index}") for index in range(2) for name in ("elementwise", "copy-h2d", "copy-d2h", "copy-d2d")
]
HANGS = TestResult(PEER_COPY, ALL_GPUS, Status.TIMED_OUT, "CUDA runtime", message="did not end within 20 s")


def _two(*tests: TestResult, beside: list[TestResult] = ON_BOTH) -> dict[str, Value]:
    """Two GPUs of consumers that torch serves, on which these tests ran after those of each GPU."""
    return {
        "torch": "2.6.0+cu126",
        "gpus": [f"{name} 6.1" for name in PAIR],
        **smoked(*beside, *tests, gpus=PAIR),
    }


RULE = Rule(
    judge,
    stage=Stage.SETTING,
    needs=(FACT, DEVICES),
    fires=(
        Example(
            "copies and collective operations that hang",
            _two(HANGS, HANGS._replace(name="nccl-all-reduce")),
            says="what one GPU sends another does not arrive (peer-copy, nccl-all-reduce: did not end within 20 s)",
        ),
        Example(
            "copies that arrive as zeros",
            _two(
                TestResult(
                    PEER_COPY, ALL_GPUS, Status.WRONG_NUMBERS,
                    message="4096 of 4096 elements of what cuda:0 sent cuda:1 differ from the reference",
                )
            ),
            says="arrives changed (peer-copy: 4096 of 4096 elements",
        ),
    ),
    quiet=(
        Example("copies that arrive", _two(passed(PEER_COPY, ALL_GPUS))),
        Example("no two GPUs to copy between", smoked(passed("copy-h2d"), passed("copy-d2h"))),
        Example("a machine on which no kernel was run", {}),
    ),
)  # fmt: skip
