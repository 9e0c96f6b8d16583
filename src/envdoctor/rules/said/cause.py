"""Which of several defects it was: one text has several causes, and the facts of a paste decide between them.

Each function of the modules `causes_of_...` takes the text in one line and the machine; it returns the rule and whether
words and facts leave no other cause. Where nothing decides, the commonest cause that nothing speaks against stands, as
an inference; None where none of them is the cause.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.machine import Machine

OF_EXTENSION = re.compile(
    r"vllm|flash[_-]attn|xformers|mmcv|detectron2|torch_(?:scatter|sparse|cluster|spline)|apex|deepspeed|bitsandbytes"
    r"|flashinfer|exllama|gptq|awq|causal_conv1d|mamba_ssm|sgl[_-]kernel|sageattention|pytorch3d|nvdiffrast|gsplat|torchao"
    r"|diff_gaussian|tinycudann|spconv|MinkowskiEngine|fbgemm_gpu|pyg_lib|nerfacc|transformer_engine|natten"
    r"|torchvision|torchaudio|detectron|pointnet|nvidia\.dali|cupy|warp|k2|kaolin",
    re.IGNORECASE,
)
"""Packages with kernels of their own, by the names of their modules."""


class Cause(NamedTuple):
    """The rule whose defect a text tells; `sure` where no other cause is left."""

    rule: str
    sure: bool = True


Choice: TypeAlias = Callable[[str, "Machine", "Matrix"], Cause | None]


def likely(rule: str) -> Cause:
    """Return a cause that others would explain as well."""
    return Cause(rule, sure=False)


def frame(text: str) -> str:
    """Return the file in which a text was raised, where that is told."""
    found = re.match(r"In (\S{1,300}): ", text)
    return found[1] if found else ""
