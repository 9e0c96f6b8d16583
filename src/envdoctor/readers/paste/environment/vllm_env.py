"""What `vllm collect-env` adds to PyTorch's report: the variables of the environment, at its end.

Source: `get_env_vars` in vllm/collect_env.py: NAME=value of what begins with TORCH, NCCL, PYTORCH, CUDA, OMP_, MKL_ or
NVIDIA, and of vLLM's own variables. Its keys are those of PyTorch, padded, and read there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.codec.credentials import strip_credentials
from envdoctor.model.fact import Known
from envdoctor.model.paste import Reading, Stated
from envdoctor.readers.pattern import Pattern

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envdoctor.model.paste import Line

FORMAT = "vllm collect-env"

MARK = Pattern(
    r"\s{0,40}(?:vLLM Version\s{0,40}:|vLLM Build Flags:|Neuron SDK Version\s{0,40}:|vLLM Info"
    r"|Environment Variables\s{0,8}$)",
    re.IGNORECASE,
)
VARIABLE = Pattern(r"\s{0,8}([A-Z_][A-Z0-9_]{2,60})=(.{0,4000})")

VARIABLES = frozenset(
    {
        *("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "CUDA_HOME"),
        *("HSA_OVERRIDE_GFX_VERSION", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES", "NVIDIA_REQUIRE_CUDA"),
        *("NVIDIA_DISABLE_REQUIRE", "NVIDIA_PYTORCH_VERSION", "LD_LIBRARY_PATH", "LD_PRELOAD", "CUDA_PATH"),
        *("CUDA_LAUNCH_BLOCKING", "CUDA_FORCE_PTX_JIT", "CUDA_MPS_PIPE_DIRECTORY", "TORCH_CUDA_ARCH_LIST"),
        *("PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF", "TORCHDYNAMO_DISABLE", "OMP_NUM_THREADS"),
        *("NCCL_P2P_DISABLE", "NCCL_SHM_DISABLE", "NCCL_IB_DISABLE", "NCCL_SOCKET_IFNAME", "NCCL_DEBUG"),
    }
)
"""Those that facts are made of; torch sets CUDA_MODULE_LOADING by itself."""


def read(lines: Sequence[Line]) -> Reading:
    """Read the variables of a report of vLLM; elsewhere an assignment is somebody's command."""
    marked = next((index for index, line in enumerate(lines) if MARK.match(line.text)), None)
    if marked is None:
        return Reading(FORMAT)
    stated: dict[str, Stated] = {}
    claimed = {line.number for line in lines if MARK.match(line.text)}
    for line in lines[marked:]:
        found = VARIABLE.fullmatch(line.text)
        if found is None:
            continue
        claimed.add(line.number)
        if found[1] in VARIABLES:
            value = strip_credentials(found[2].strip())
            stated.setdefault(found[1], Stated(f"env.{found[1]}", Known(value, FORMAT), line.number))
    return Reading(FORMAT, tuple(stated.values()), claimed=frozenset(claimed))
