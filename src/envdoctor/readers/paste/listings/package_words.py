"""Names and versions of distributions, as listings of packages write them."""

from __future__ import annotations

import re

NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
VERSION = r"v?\d[A-Za-z0-9.+!_-]{0,79}"

_TELLING = (
    r"(?i)torch|torchvision|torchaudio|torchtext|torchdata|torchao|torchcodec|torchelastic|torchmetrics|torchsde|torchtriton"
    r"|pytorch-(?:triton|lightning|cuda|mutex|gpu|cpu|metric-learning|forecasting)[a-z-]{0,12}|triton(?:-windows)?"
    r"|nvidia-[a-z0-9-]{2,40}|cuda-[a-z0-9-]{2,40}|cudatoolkit|cudnn|nccl|numpy|numpy-base|intel-numpy|mkl|mkl[-_]\w{1,20}|blas|libblas"
    r"|intel-openmp|opencv-[a-z-]{3,40}|scipy|pandas|scikit-learn|vllm|xformers|flash[-_]attn|bitsandbytes|deepspeed"
    r"|apex|auto[-_]gptq|autoawq|transformers|accelerate|diffusers|lightning|fairseq|detectron2|mmcv(?:-full)?"
    r"|fbgemm[-_]gpu|sgl[-_]kernel|sglang|flashinfer(?:-python)?|tensorflow(?:-gpu)?|jax(?:lib)?|cupy[a-z0-9-]{0,12}|onnxruntime"
    r"(?:-gpu)?|torch[-_](?:scatter|sparse|cluster|geometric|spline-conv|tensorrt|directml|xla)|pytorch3d|tensorrt"
    r"|llama[-_]cpp[-_]python|ctranslate2|faiss(?:-gpu|-cpu)?|ray|fastai|timm|openai-whisper|pip|setuptools"
)


def is_telling(name: str) -> bool:
    """Whether a name is that of a distribution that listings are pasted for: then a row needs no heading."""
    return re.fullmatch(_TELLING, name) is not None


def is_version(text: str) -> bool:
    """Whether a word can be the version of a package."""
    return re.fullmatch(VERSION, text) is not None and (text.count(".") > 0 or text.isdigit())
