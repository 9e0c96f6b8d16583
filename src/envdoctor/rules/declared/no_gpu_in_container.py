"""Services of a CUDA image that ask for no GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.rules.declared.declared_rule import DeclaredRule
from envdoctor.rules.declared.image_references import cuda_tag, on_the_hub, reference_of, torch_tag

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.declared import Flaw
    from envdoctor.model.declared_container import ContainerSpec


def judge(container: ContainerSpec, matrix: Matrix) -> Iterator[Flaw]:  # noqa: ARG001 - every rule is asked alike
    """Find a service whose image is made for CUDA, and that says nothing by which a GPU would be passed in.

    NVIDIA_VISIBLE_DEVICES is such a word where the NVIDIA runtime is the default of the host.
    """
    image = container.image
    if container.kind != "service" or image is None or container.gpu or container.variable("NVIDIA_VISIBLE_DEVICES"):
        return
    reference = reference_of(image.reference)
    if reference is None:
        return
    repository = on_the_hub(reference)
    torch = torch_tag(reference.tag) if repository == "pytorch/pytorch" else None
    cuda = cuda_tag(reference.tag) if repository == "nvidia/cuda" else None
    if cuda or (torch and torch.cuda) or reference[:2] == ("nvcr.io", "nvidia/pytorch"):
        yield RULE.flaw(
            "container",
            f"{container.label.capitalize()} starts {image.reference}, an image for CUDA, and asks for no GPU: none is "
            "passed in without `gpus: all` or a reservation of devices.",
            image.place,
        )


RULE = DeclaredRule(of_container=judge)
