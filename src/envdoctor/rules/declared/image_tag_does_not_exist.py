"""Image tags that nobody published: PyTorch's, NVIDIA's of CUDA and NGC's, by the rows and patterns of the matrix."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.matrix.versions import minor, older
from envdoctor.model.place import Amendment
from envdoctor.rules.declared.cuda_image_tags import wrong_with
from envdoctor.rules.declared.declared_rule import DeclaredRule, FileExample
from envdoctor.rules.declared.image_references import cuda_tag, on_the_hub, reference_of, torch_tag
from envdoctor.rules.severity_table import DECLARED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.matrix.images import Image as TorchImage
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.declared import Case, Flaw, Image
    from envdoctor.rules.declared.image_references import TorchTag

DELETED = "its publisher deleted it"

_MONTH = re.compile(r"(\d\d)\.(\d{1,2})(-py3)?")
_FIRST_PY3 = 19
"""The year from which on every tag of NGC's PyTorch ends with -py3; before it there were images of Python 2 as well."""


def judge(case: Case, matrix: Matrix) -> Iterator[Flaw]:
    """Find a base image whose tag the matrix knows not to exist."""
    image = case.base
    reference = reference_of(image.reference) if image else None
    if image is None or reference is None or reference.pinned:
        return
    repository, tag = on_the_hub(reference), reference.tag
    if repository == "pytorch/pytorch":
        yield from _torch(image, tag, matrix)
    elif "nvidia/cuda" in (repository, _on_ngc(reference.registry, reference.repository)):
        yield from _cuda(image, tag, matrix)
    elif _on_ngc(reference.registry, reference.repository) == "nvidia/pytorch":
        yield from _ngc(image, tag)


def _on_ngc(registry: str, repository: str) -> str | None:
    return repository if registry == "nvcr.io" else None


def _flaw(image: Image, message: str, tag: str, right: str, *, safe: bool, when: str = DECLARED) -> Flaw:
    """Make the finding; `right` is what has to stand for the tag, where there is one best answer."""
    amendments: tuple[Amendment, ...] = ()
    if right and tag and image.written.count(tag) == 1:
        amendments = (Amendment(image.place, image.written, image.written.replace(tag, right), safe),)
    return RULE.flaw("image", message, image.place, *amendments, when=when)


def _torch(image: Image, tag: str, matrix: Matrix) -> Iterator[Flaw]:
    """Judge a tag of pytorch/pytorch by all that were made of its release."""
    told, since = torch_tag(tag), matrix.images_complete_from
    if told is None or not (told.cuda or told.cudnn) or since is None or older(told.torch, since):
        return  # of tags as 2.7.0-runtime, for CPUs, too little is known
    made = [one for one in matrix.images if _is_of(one.torch, told.torch)]
    if not made or any(tag == one.tag.partition(":")[2] for one in made):
        return
    best = _nearest(told, made)
    right = best.tag.partition(":")[2]
    cudas = ", ".join(dict.fromkeys(one.cuda for one in made if one.torch == best.torch))
    yield _flaw(
        image,
        f"pytorch/pytorch has no tag {tag}: the images of torch {best.torch} are made for CUDA {cudas} with cuDNN "
        f"{best.cudnn_major}; the nearest is {right}.",
        tag,
        right,
        safe=best.torch == told.torch and best.cuda == told.cuda and best.kind == told.kind,
    )


def _is_of(release: str, told: str) -> bool:
    """Whether a release is the one a tag tells; of two numbers, any of its patches."""
    return release == told if told.count(".") > 1 else minor(release) == minor(told)


def _nearest(told: TorchTag, made: Sequence[TorchImage]) -> TorchImage:
    """Return the image that differs least: of the kind told, the newest patch, the CUDA next to the one told."""
    asked = minor(told.cuda) if told.cuda else None

    def distance(one: TorchImage) -> tuple[bool, int, int, int, bool]:
        there = minor(one.cuda)
        wanted = asked or there
        patch = int(one.torch.rpartition(".")[2])
        # Of two that are as near, the older CUDA: it asks for no newer driver.
        return (
            one.kind != (told.kind or "runtime"),
            -patch,
            abs(there[0] - wanted[0]),
            abs(there[1] - wanted[1]),
            there > wanted,
        )

    return min(made, key=distance)


def _cuda(image: Image, tag: str, matrix: Matrix) -> Iterator[Flaw]:
    """Judge a tag of nvidia/cuda, which has to name a release, a flavour and a system."""
    rows = matrix.cuda_images
    if tag in ("", "latest") and rows:
        example = rows[-1].tag("", "base", rows[-1].systems[0])
        which = "" if tag else ", which is meant where none is named"
        yield _flaw(image, f"nvidia/cuda has no tag latest{which}; {example} is one.", tag, "", safe=False)
        return
    told = cuda_tag(tag)
    wrong = wrong_with(told, rows) if told else None
    if wrong is None:
        return
    near = f"; the nearest is {wrong.right}" if wrong.right else ""
    yield _flaw(
        image,
        f"nvidia/cuda has no tag {tag}{' any more' if wrong.deleted else ''}: {wrong.why}{near}.",
        tag,
        wrong.right,
        safe=wrong.alike and not wrong.deleted,
        when=DELETED if wrong.deleted else DECLARED,
    )


def _ngc(image: Image, tag: str) -> Iterator[Flaw]:
    """Judge a tag of NGC's PyTorch by its form: two digits of the year, two of the month, -py3."""
    month = _MONTH.fullmatch(tag)
    if not month or int(month[1]) < _FIRST_PY3 or (month[3] and len(month[2]) == 2 and 1 <= int(month[2]) <= 12):
        return
    right = f"{month[1]}.{month[2]:>02}-py3" if 1 <= int(month[2]) <= 12 else ""
    yield _flaw(
        image,
        f"nvcr.io/nvidia/pytorch has no tag {tag}: its tags are a year and a month of two digits each, and -py3"
        f"{f', here {right}' if right else ''}.",
        tag,
        right,
        safe=True,
    )


RULE = DeclaredRule(
    judge,
    fires=(
        FileExample(
            "a tag of nvidia/cuda with two numbers of CUDA",
            "Dockerfile",
            "FROM nvidia/cuda:12.1-devel-ubuntu22.04\n",
        ),
        FileExample("the cuDNN of another torch", "Dockerfile", "FROM pytorch/pytorch:2.7.0-cuda11.8-cudnn8-runtime\n"),
    ),
    quiet=(
        FileExample("a tag that exists", "Dockerfile", "FROM nvidia/cuda:12.1.1-devel-ubuntu22.04\n"),
        FileExample(
            "a release that this matrix does not know yet",
            "Dockerfile",
            "FROM pytorch/pytorch:2.99.0-cuda19.0-cudnn12-runtime\n",
        ),
        FileExample(
            "an image of another repository", "Dockerfile", "FROM registry.example/team/cuda:12.1-devel-ubuntu22.04\n"
        ),
    ),
)
