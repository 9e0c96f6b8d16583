"""The environment variables that change what CUDA, torch and the loader do: an allow-list, nothing else.

Values outside this list are never read into a fact, so a token in the environment cannot leave it; a URL inside a
listed value loses its user info before it becomes one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.codec.credentials import REMOVED, strip_credentials
from envdoctor.model.fact import Absent, Known

if TYPE_CHECKING:
    from envdoctor.probes.looking import Facts, Looking

VARIABLES = {
    # Which GPUs.
    "CUDA_VISIBLE_DEVICES": "the GPUs CUDA programs may see",
    "CUDA_DEVICE_ORDER": "whether CUDA numbers GPUs by bus or by speed",
    "ROCR_VISIBLE_DEVICES": "the AMD GPUs the ROCm runtime may see",
    "HIP_VISIBLE_DEVICES": "the AMD GPUs HIP programs may see",
    "HSA_OVERRIDE_GFX_VERSION": "the AMD architecture the ROCm runtime is told to take the GPU for",
    # What a container asked for.
    "NVIDIA_VISIBLE_DEVICES": "the GPUs a container asked its runtime for",
    "NVIDIA_DRIVER_CAPABILITIES": "the parts of the driver a container asked its runtime for",
    "NVIDIA_REQUIRE_CUDA": "what an image demands of the driver before its container starts",
    "NVIDIA_DISABLE_REQUIRE": "whether those demands are left unchecked",
    "NVIDIA_PYTORCH_VERSION": "release of the NGC PyTorch image",
    "_CUDA_COMPAT_STATUS": "what the start of an NVIDIA image found of its own compatibility libraries",
    # The loader.
    "LD_LIBRARY_PATH": "folders the loader searches before its own",
    "LD_PRELOAD": "libraries the loader puts before all others",
    # Where CUDA is, and how it runs.
    "CUDA_HOME": "the CUDA toolkit that torch compiles extensions with",
    "CUDA_PATH": "the same, as NVIDIA's installer for Windows sets it",
    "CUDA_MODULE_LOADING": "whether CUDA loads kernels when they are needed or all at once",
    "CUDA_LAUNCH_BLOCKING": "whether every kernel is waited for",
    "CUDA_FORCE_PTX_JIT": "whether CUDA compiles PTX although machine code is there",
    "CUDA_MPS_PIPE_DIRECTORY": "where CUDA programs reach the server they share a GPU through",
    # torch and what it stands on.
    "TORCH_CUDA_ARCH_LIST": "the GPU architectures torch compiles extensions for",
    "PYTORCH_CUDA_ALLOC_CONF": "settings of the memory allocator for CUDA",
    "PYTORCH_ALLOC_CONF": "the same, for every accelerator",
    "PYTORCH_ENABLE_MPS_FALLBACK": "whether what Metal cannot do runs on the CPU",
    "TORCHDYNAMO_DISABLE": "whether torch.compile is off",
    "OMP_NUM_THREADS": "threads of one operation on the CPU",
    "TORCH_HOME": "where torch keeps what it downloads",
    "HF_HOME": "where the Hugging Face libraries keep what they download",
    # Several GPUs.
    "NCCL_P2P_DISABLE": "whether GPUs may not reach one another's memory",
    "NCCL_SHM_DISABLE": "whether NCCL does without shared memory",
    "NCCL_IB_DISABLE": "whether NCCL does without InfiniBand",
    "NCCL_SOCKET_IFNAME": "the network interfaces NCCL may use",
    "NCCL_DEBUG": "how much NCCL tells",
    # Python and its environment.
    "PYTHONPATH": "folders Python imports from before its own",
    "PYTHONHOME": "where Python is told its standard library is",
    "PYTHONNOUSERSITE": "whether packages of the user's own folder are left out",
    "VIRTUAL_ENV": "the virtual environment that is active",
    "CONDA_PREFIX": "the conda environment that is active",
    "CONDA_DEFAULT_ENV": "its name",
    "UV_TORCH_BACKEND": "the build of torch that uv installs",
}

FACTS = {f"env.{name}": meaning for name, meaning in VARIABLES.items()}

INSTALLER_WORD = "UV_TORCH_BACKEND"
"""Holds a word ("auto", "cu128"), and is the one listed variable beside those in which indexes are named: an
address that was put into it by mistake may be one without a scheme."""

MOST_LETTERS = 32_768
"""Characters kept of one value. Search paths of clusters have thousands; Windows allows 32,767."""


def look(at: Looking) -> Facts:
    """Copy the allowed variables."""
    return {
        f"env.{name}": Known(_plain(name, value), "environment") if value is not None else Absent("not set")
        for name in VARIABLES
        for value in (at.host.environ.get(name),)
    }


def _plain(name: str, value: str) -> str:
    """Return a value without credentials, bounded, in this order: a cut could hide the "@" that marks one."""
    if name == INSTALLER_WORD and not re.fullmatch(r"[\w.+ -]{0,30}", value):
        return REMOVED
    return strip_credentials(value)[:MOST_LETTERS] if len(value) > 3 else value
