"""What a container is for, as far as its words tell: of what computes on a GPU we speak, of others we do not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envdoctor.model.declared_container import ContainerSpec

_COMPUTES = re.compile(
    r"torch|cuda|nvidia|nvcr\.io|rocm|\b(?:vllm|sglang|tensorrt|triton|transformers|diffusers|accelerate|deepspeed)\b",
    re.IGNORECASE,
)


def computes(container: ContainerSpec) -> bool:
    """Whether a container holds torch or something for a GPU, by its image, its build, its start or a request."""
    if container.gpu is not None:
        return True
    image = container.image.reference if container.image else ""
    texts = (image, *(one.text for one in container.runs), *container.started)
    return any(_COMPUTES.search(text) for text in texts)
