"""The described machines every release is judged by: twelve with a defect or a trap, and healthy neighbours.

What is expected follows from NVIDIA's CUDA compatibility guide (driver floors by CUDA major version, minor
version compatibility) and from the architecture lists compiled into the wheels, read 2026-11-21.
"""

from __future__ import annotations

from dataclasses import dataclass

A100 = "NVIDIA A100-SXM4-80GB"
B300 = "NVIDIA B300 SXM6 AC"
GTX_1080 = "NVIDIA GeForce GTX 1080"
H100 = "NVIDIA H100 80GB HBM3"
H200 = "NVIDIA H200"
K80 = "Tesla K80"
RTX_4090 = "NVIDIA GeForce RTX 4090"
RTX_5090 = "NVIDIA GeForce RTX 5090"
V100 = "Tesla V100-SXM2-16GB"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One machine with Python 3.11 on Linux x86_64, and what is to be said of it.

    `driver` and `torch` are None where there is none; `cuda` is the CUDA driver API version. `torch_cuda`
    and `provenance` are given where the version text does not tell. `rule` is the rule of the first finding
    at error, None on a machine without a defect; `also` are errors that may stand beside it. `channels` are
    the channels a target may come from, empty where there is nothing to do or no wheel serves the machine.
    """

    name: str
    truth: str
    driver: str | None
    cuda: str | None
    gpus: tuple[str, ...]
    torch: str | None
    rule: str | None = None
    also: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    status: str = "nothing-to-do"
    torch_cuda: str | None = None
    provenance: str | None = None
    missing: str | None = None

    @property
    def verdict(self) -> str:
        """The word of the verdict (contract: exit codes)."""
        return "broken" if self.rule else "healthy"

    @property
    def exit_code(self) -> int:
        """The exit code of `envdoctor check`."""
        return 1 if self.rule else 0


_DEFECTS = (
    Scenario(
        "S1",
        "CUDA 12 needs driver 525.60.13; a CUDA 11 wheel runs on this driver",
        "470.256.02",
        "11.4",
        (A100,),
        "2.5.1+cu124",
        rule="driver-too-old",
        channels=("cu118",),
        status="solved",
    ),
    Scenario(
        "S2",
        "Blackwell needs driver 570, and the wheel has no sm_120: no wheel helps before the driver does",
        "535.104.05",
        "12.2",
        (RTX_5090,),
        "2.5.1+cu124",
        rule="driver-too-old-for-gpu",
        also=("gpu-arch-not-in-wheel",),
        status="impossible",
    ),
    Scenario(
        "S2c",
        "the driver knows the GPU, the wheel has no sm_120 and no PTX",
        "570.86.15",
        "12.8",
        (RTX_5090,),
        "2.5.1+cu124",
        rule="gpu-arch-not-in-wheel",
        channels=("cu128", "cu129"),
        status="solved",
    ),
    Scenario(
        "S3",
        "the driver is too old for CUDA 13 and the wheel has no sm_70: a newer driver would not help",
        "550.54.15",
        "12.4",
        (V100,),
        "2.14.0+cu130",
        rule="gpu-arch-dropped",
        also=("driver-too-old",),
        channels=("cu126",),
        status="solved",
    ),
    Scenario(
        "S3b",
        "the driver is new enough, no CUDA 13 wheel has sm_70",
        "580.82.07",
        "13.0",
        (V100,),
        "2.14.0+cu130",
        rule="gpu-arch-dropped",
        channels=("cu126",),
        status="solved",
    ),
    Scenario(
        "S4",
        "cu128 starts at sm_70; the driver is fine, CUDA 12.8 runs on any driver from 525",
        "535.104.05",
        "12.2",
        (GTX_1080,),
        "2.9.1+cu128",
        rule="gpu-arch-dropped",
        channels=("cu126",),
        status="solved",
    ),
    Scenario(
        "S6",
        "a CPU build where a GPU and a wheel for it exist",
        "580.82.07",
        "13.0",
        (H200,),
        "2.13.0+cpu",
        rule="cpu-only-build",
        channels=("cu126", "cu130", "cu132"),
        status="solved",
    ),
    Scenario(
        "S9",
        "a library of the wheel itself is gone: torch is installed and cannot be imported",
        "570.86.15",
        "12.8",
        (A100,),
        "2.9.1+cu128",
        rule="shared-library-missing",
        channels=("cu128",),
        status="solved",
        missing="libcudart.so.12",
    ),
    Scenario(
        "S10",
        "CUDA 13 needs driver 580",
        "570.86.15",
        "12.8",
        (H100,),
        "2.14.0+cu130",
        rule="driver-too-old",
        channels=("cu126", "cu128", "cu129"),
        status="solved",
    ),
)

_NOTHING_INSTALLED = (
    Scenario(
        "S11",
        "nothing installed; sm_100 kernels serve 10.3",
        "595.58.03",
        "13.2",
        (B300,),
        None,
        channels=("cu130", "cu132"),
        status="solved",
    ),
    Scenario(
        "S12",
        "nothing installed; sm_37 is in the cu118 wheels alone, and driver 470 is the last for Kepler",
        "470.256.02",
        "11.4",
        (K80,),
        None,
        channels=("cu118",),
        status="solved",
    ),
)

_HEALTHY = (
    Scenario("S5", "healthy", "580.82.07", "13.0", (H200,), "2.14.0+cu130"),
    Scenario(
        "S7", "CUDA 12.8 on driver 535: minor version compatibility", "535.104.05", "12.2", (A100,), "2.9.1+cu128"
    ),
    Scenario("S8", "sm_86 kernels serve 8.9", "570.86.15", "12.8", (RTX_4090,), "2.9.1+cu128"),
    Scenario("V100 with cu126", "the last channel with sm_70", "580.82.07", "13.0", (V100,), "2.14.0+cu126"),
    Scenario("GTX 1080 with cu126", "sm_60 kernels serve 6.1", "535.104.05", "12.2", (GTX_1080,), "2.14.0+cu126"),
    Scenario("old wheel cu118", "a newer driver runs older wheels", "595.58.03", "13.2", (A100,), "2.7.1+cu118"),
    Scenario("old wheel cu126", "a newer driver runs older wheels", "595.58.03", "13.2", (H100,), "2.9.1+cu126"),
    Scenario(
        "NGC",
        "a build of another house: no row of the matrix speaks for it",
        "535.104.05",
        "12.2",
        (H100,),
        "2.6.0a0+ecf3bae40a.nv25.01",
        torch_cuda="12.8",
        provenance="ngc",
    ),
    Scenario(
        "newer than the matrix",
        "unknown is not broken",
        "595.58.03",
        "13.2",
        (H200,),
        "2.99.0+cu132",
        provenance="pytorch-index",
    ),
    Scenario("CPU build, no GPU", "nobody asked for a GPU", None, None, (), "2.13.0+cpu"),
    Scenario("CUDA build, no GPU", "a CI machine; a CUDA build is not asking", None, None, (), "2.14.1+cu130"),
    Scenario("no torch, no GPU", "nothing to judge", None, None, (), None),
)

SCENARIOS = {scenario.name: scenario for scenario in (*_DEFECTS, *_NOTHING_INSTALLED, *_HEALTHY)}
"""Every scenario by name; `S1` to `S12` are the ones the README speaks of."""

DEFECTS = {name: scenario for name, scenario in SCENARIOS.items() if scenario.rule}
HEALTHY = {name: scenario for name, scenario in SCENARIOS.items() if not scenario.rule}
