"""numpy, OpenCV, and the packages that are compiled against torch or run on it: versions and requirements.

METADATA is read of the known ones alone: what other packages require does not bear on torch.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Fact, Known, Unknown
from envdoctor.probes.distributions import TRITON, required_name
from envdoctor.probes.installed import records

if TYPE_CHECKING:
    from envdoctor.model.fact import Value
    from envdoctor.probes.looking import Facts, Looking

FACTS = {
    "numpy.version": "version of the numpy that `import numpy` would load",
    "opencv.packages": "distributions of OpenCV, which all install the module cv2: name to version",
    "extensions.packages": "extensions of torch that are installed: name to version and to what they require of torch, "
    "torchvision, torchaudio, numpy, triton and nvidia-*",
}

KNOWN = frozenset(
    {
        "accelerate", "apex", "auto-gptq", "autoawq", "autoawq-kernels", "bitsandbytes", "causal-conv1d", "cumm-cu118",
        "cumm-cu120", "cumm-cu126", "cupy-cuda11x", "cupy-cuda12x", "cupy-cuda13x", "deepspeed", "detectron2", "dgl",
        "exllamav2", "fairseq", "fairseq2", "fairseq2n", "faiss-gpu", "fastai", "fbgemm-gpu", "fbgemm-gpu-genai",
        "flash-attn", "flash-attn-3", "flash-attn-4", "flash-linear-attention", "flashinfer-python", "flashinfer-cubin",
        "flashinfer-jit-cache", "gptqmodel", "gsplat", "horovod", "intel-extension-for-pytorch", "k2",
        "kornia", "liger-kernel", "lightning", "lmdeploy", "mamba-ssm", "megatron-core", "mmcv", "mmcv-full",
        "monai", "natten", "nvdiffrast", "nvidia-dali-cuda110", "nvidia-dali-cuda120", "nvidia-dali-cuda130",
        "nvidia-modelopt", "openai-whisper", "onnxruntime-gpu", "peft", "pyg-lib", "pytorch-lightning", "pytorch3d",
        "sageattention", "sgl-kernel", "sglang", "spas-sage-attn", "spconv-cu118", "spconv-cu120", "spconv-cu126",
        "tensorrt", "tensorrt-cu12", "tensorrt-cu13", "tensorrt-llm", "timm", "tinycudann", "torch-cluster",
        "torch-geometric", "torch-scatter", "torch-sparse", "torch-spline-conv", "torch-tensorrt", "torch-xla",
        "torchao", "torchcodec", "torchdata", "torchmetrics", "torchrec", "torchsde", "torchsparse", "torchtext",
        "torchtune", "transformer-engine", "transformer-engine-cu12", "transformer-engine-cu13",
        "transformer-engine-torch", "transformers", "ultralytics", "unsloth", "unsloth-zoo", "vllm", "vllm-flash-attn",
        "xformers",
    }
)  # fmt: skip
"""By their normalised names."""

CONCERNS = frozenset({"torch", "torchvision", "torchaudio", "numpy", *TRITON})

MOST = 32
"""Requirements kept of one extension."""


def look(at: Looking) -> Facts:
    """Read numpy, OpenCV and the known extensions."""
    if at.unplaced:
        return dict.fromkeys(FACTS, at.unplaced)
    facts: Facts = {"numpy.version": _numpy(at)}
    if at.unlisted:
        return facts | {"opencv.packages": at.unlisted, "extensions.packages": at.unlisted}
    opencv: dict[str, Value] = {}
    extensions: dict[str, Value] = {}
    for name, found in at.by_name.items():
        if name.startswith("opencv-") and len(opencv) < MOST:
            opencv[name] = found[0].version
        elif name in KNOWN:
            lines = records.requirements(at.host, found[0]) or []
            kept: list[Value] = [line for line in lines if _concerns(line)]
            extensions[name] = {"version": found[0].version, "requires": kept[:MOST]}
    facts["opencv.packages"] = Known(opencv, "dist-info")
    facts["extensions.packages"] = Known(extensions, "dist-info")
    return facts


def _concerns(line: str) -> bool:
    """Whether a requirement is one on torch, its partners, numpy, triton or CUDA libraries."""
    name = required_name(line)
    return name in CONCERNS or name.startswith("nvidia-")


def _numpy(at: Looking) -> Fact:
    """Tell the version of the first numpy on sys.path that has a folder; a record alone imports nothing."""
    for site in at.texts("python.site_packages"):
        if site in at.denied:
            return Unknown(f"{site} may not be read")
        if not at.host.is_file(os.path.join(site, "numpy", "__init__.py")):
            continue
        beside = [one for one in at.by_name.get("numpy", ()) if one.site == site]
        if len(beside) == 1:
            return Known(beside[0].version, "dist-info")
        try:
            text = at.host.read(os.path.join(site, "numpy", "version.py"), 65536)
        except (OSError, ValueError):
            text = ""
        said = re.search(
            r"""^(?:full_version|version|short_version) ?= ?['"]([\w.+!-]{1,60})['"]""", text, re.MULTILINE
        )
        if said:
            return Known(said[1], "numpy/version.py")
        return Known(beside[0].version, "dist-info") if beside else Unknown("numpy/version.py states no version")
    first = next(iter(at.by_name.get("numpy", [])), None)
    return Known(first.version, "dist-info") if first else Absent("no distribution named numpy")
