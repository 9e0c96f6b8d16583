"""The environment variables that change what CUDA and the loader do: an allow-list, nothing else.

Values outside this list are never read into a fact, so a token in the environment cannot leave it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Known

if TYPE_CHECKING:
    from envdoctor.probes.looking import Facts, Looking

VARIABLES = {
    "CUDA_VISIBLE_DEVICES": "the GPUs CUDA programs may see",
    "CUDA_DEVICE_ORDER": "whether CUDA numbers GPUs by bus or by speed",
    "LD_LIBRARY_PATH": "folders the loader searches before its own",
    "NVIDIA_VISIBLE_DEVICES": "the GPUs a container asked its runtime for",
    "NVIDIA_PYTORCH_VERSION": "release of the NGC PyTorch image",
}

FACTS = {f"env.{name}": meaning for name, meaning in VARIABLES.items()}


def look(at: Looking) -> Facts:
    """Copy the allowed variables."""
    return {
        f"env.{name}": Known(value, "environment") if value is not None else Absent("not set")
        for name in VARIABLES
        for value in (at.host.environ.get(name),)
    }
