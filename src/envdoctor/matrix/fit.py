"""Which kernels of a wheel run on a GPU: NVIDIA's binary compatibility and PTX rules, as torch applies them.

Sources: NVIDIA CUDA C++ Programming Guide, "Binary Compatibility" and "PTX Compatibility"; the exceptions are
torch/cuda/__init__.py, DEVICE_REQUIREMENT.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envdoctor.model.machine import Capability

TEGRA: frozenset[Capability] = frozenset({(6, 2), (7, 2), (8, 7), (10, 1)})
"""Parts of Jetson boards that run only the cubins built for them: torch leaves them out of the minor-version rule.

Also the row [tegra] of the matrix; a law holds the two together. Thor was 10.1 before CUDA 13 renamed it 11.0,
which is a major of its own, so that sm_100 does not serve it either way.
"""

DISPUTED_FROM_CUDA = 13
"""CUDA major from which nobody can say for certain that a Tegra part refuses code for a lower minor of its major.

With CUDA 12 (JetPack 6) the same kernel as sm_80 alone ended on an Orin (8.7) with "no kernel image" and as sm_87 ran
(jax-ml/jax 40492; pytorch issue 145560), as the programming guide has it: no binary compatibility on Tegra. With
CUDA 13 on L4T 39.2 the tests of an application passed on torch 2.11.0+cu130, which holds 8.0 and not 8.7, and torch
warned of it (nvidia-holoscan/holohub 1687); that warning is all of conda-forge/pytorch-cpu-feedstock 527. NVIDIA's
guide has no word on it.
"""


def cubin_runs_on(built_for: Capability, capability: Capability) -> bool:
    """Whether machine code built for `built_for` runs on a GPU of `capability`: same major, minor not lower."""
    if built_for == capability:
        return True
    if capability in TEGRA or built_for in TEGRA:
        return False
    return built_for[0] == capability[0] and built_for[1] <= capability[1]


def cubin_disputed_on(built_for: Capability, capability: Capability, cuda_major: int) -> bool:
    """Whether guide and reports differ on code for a lower minor, on a Tegra part, in a build with that CUDA major."""
    if capability not in TEGRA or built_for in TEGRA or cuda_major < DISPUTED_FROM_CUDA:
        return False
    return built_for[0] == capability[0] and built_for[1] < capability[1]


def kernels_for(
    sass: Iterable[Capability], ptx: Iterable[Capability], capability: Capability
) -> Literal["sass", "ptx"] | None:
    """Say how a wheel with these kernels runs on a GPU of `capability`.

    "sass": it carries machine code for it. "ptx": the driver can compile (JIT) the PTX it carries. None: neither,
    and every kernel launch fails with "no kernel image is available".
    """
    if any(cubin_runs_on(built_for, capability) for built_for in sass):
        return "sass"
    if any(virtual <= capability for virtual in ptx):
        return "ptx"
    return None
