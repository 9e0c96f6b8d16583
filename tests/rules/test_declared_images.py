"""Tags of images: those that exist pass, those that never did are named with the one next to them."""

from __future__ import annotations

import copy

import pytest

from envdoctor.matrix.load import checked, load_matrix
from envdoctor.matrix.matrix import Matrix
from envdoctor.matrix.rows import MatrixError
from envdoctor.model.declared import Case, Flaw, Image
from envdoctor.model.finding import Severity
from envdoctor.model.place import Place
from envdoctor.rules.declared.image_references import on_the_hub, reference_of
from envdoctor.rules.declared.image_tag_does_not_exist import judge

MATRIX = load_matrix()


def flaws(reference: str, written: str = "") -> list[Flaw]:
    place = Place("Dockerfile", 1, 6)
    return [*judge(Case("Dockerfile", "stage 0", place, base=Image(reference, place, written or reference)), MATRIX)]


WRONG = [
    # (what is written, what has to stand there, whether nothing but the defect changes by it)
    ("pytorch/pytorch:2.7.0-cuda11.8-cudnn8-runtime", "pytorch/pytorch:2.7.0-cuda11.8-cudnn9-runtime", True),
    ("pytorch/pytorch:2.7.0-cuda12.6-runtime", "pytorch/pytorch:2.7.0-cuda12.6-cudnn9-runtime", True),
    ("pytorch/pytorch:2.3.1-cuda12.1-cudnn9-devel", "pytorch/pytorch:2.3.1-cuda12.1-cudnn8-devel", True),
    ("pytorch/pytorch:2.8.0-cuda12.4-cudnn9-devel", "pytorch/pytorch:2.8.0-cuda12.6-cudnn9-devel", False),
    ("pytorch/pytorch:2.12-cuda13.0-cudnn9-runtime", "pytorch/pytorch:2.12.1-cuda13.0-cudnn9-runtime", False),
    (
        "docker.io/pytorch/pytorch:2.4.1-cuda12.6-cudnn9-devel",
        "docker.io/pytorch/pytorch:2.4.1-cuda12.4-cudnn9-devel",
        False,
    ),
    ("nvidia/cuda:12.1-devel-ubuntu22.04", "nvidia/cuda:12.1.1-devel-ubuntu22.04", True),
    ("nvidia/cuda:11.8-cudnn8-runtime-ubuntu22.04", "nvidia/cuda:11.8.0-cudnn8-runtime-ubuntu22.04", True),
    ("nvcr.io/nvidia/cuda:12.4-base-ubi9", "nvcr.io/nvidia/cuda:12.4.1-base-ubi9", True),
    ("nvidia/cuda:12.2.1-runtime-ubuntu22.04", "nvidia/cuda:12.2.2-runtime-ubuntu22.04", True),
    ("nvidia/cuda:12.2.0-cudnn8-devel-ubuntu22.04", "nvidia/cuda:12.2.2-cudnn8-devel-ubuntu22.04", True),
    ("nvidia/cuda:12.4.0-cudnn8-devel-ubuntu22.04", "nvidia/cuda:12.4.1-cudnn-devel-ubuntu22.04", True),
    ("nvidia/cuda:12.3.2-cudnn8-runtime-ubuntu22.04", "nvidia/cuda:12.3.2-cudnn9-runtime-ubuntu22.04", False),
    ("nvidia/cuda:12.6.3-cudnn9-devel-ubuntu24.04", "nvidia/cuda:12.6.3-cudnn-devel-ubuntu24.04", True),
    ("nvidia/cuda:12.1.1-devel-cudnn8-ubuntu22.04", "nvidia/cuda:12.1.1-cudnn8-devel-ubuntu22.04", True),
    ("nvidia/cuda:12.1.1-cudnn8-base-ubuntu22.04", "nvidia/cuda:12.1.1-cudnn8-runtime-ubuntu22.04", True),
    ("nvidia/cuda:12.1.1-cudnn8-ubuntu22.04", "nvidia/cuda:12.1.1-cudnn8-runtime-ubuntu22.04", False),
    ("nvidia/cuda:12.1.1-devel", "nvidia/cuda:12.1.1-devel-ubuntu22.04", False),
    ("nvidia/cuda:12.4.1-runtime-ubuntu24.04", "nvidia/cuda:12.4.1-runtime-ubuntu22.04", False),
    ("nvidia/cuda:12.1.1-devel-alpine", "nvidia/cuda:12.1.1-devel-ubuntu22.04", False),
    ("nvidia/cuda:12.7.0-base-ubuntu24.04", "nvidia/cuda:12.6.3-base-ubuntu24.04", False),
    ("nvcr.io/nvidia/pytorch:24.01", "nvcr.io/nvidia/pytorch:24.01-py3", True),
    ("nvcr.io/nvidia/pytorch:24.1-py3", "nvcr.io/nvidia/pytorch:24.01-py3", True),
    ("pytorch/pytorch:2.1.0-cuda12.1-runtime-ubuntu22.04", "pytorch/pytorch:2.1.0-cuda12.1-cudnn8-runtime", True),
]


@pytest.mark.parametrize(("reference", "right", "safe"), WRONG)
def test_a_tag_that_does_not_exist(reference: str, right: str, safe: bool) -> None:
    (flaw,) = flaws(reference)
    assert flaw.finding.severity is Severity.ERROR
    assert reference.rpartition(":")[2] in flaw.finding.message
    (change,) = flaw.amendments
    assert (change.old, change.new, change.safe) == (reference, right, safe)
    assert flaws(right) == [], "what it proposes exists"


def test_the_message_names_what_exists() -> None:
    (flaw,) = flaws("nvidia/cuda:12.1-devel-ubuntu22.04")
    assert "12.1.0 and 12.1.1" in flaw.finding.message
    (flaw,) = flaws("pytorch/pytorch:2.7.0-cuda12.1-cudnn9-runtime")
    assert "CUDA 11.8, 12.6, 12.8 with cuDNN 9" in flaw.finding.message


@pytest.mark.parametrize("reference", ["nvidia/cuda", "nvidia/cuda:latest", "nvidia/cuda:13.2-devel-ubuntu24.04"])
def test_a_tag_without_a_nearest_one(reference: str) -> None:
    (flaw,) = flaws(reference)
    assert (flaw.finding.severity, flaw.amendments) == (Severity.ERROR, ())


@pytest.mark.parametrize(
    "reference",
    [
        "nvidia/cuda:10.2-cudnn7-devel-ubuntu18.04",
        "nvidia/cuda:11.0-base",
        "nvidia/cuda:11.7.0-cudnn8-devel-ubuntu22.04",
        "nvidia/cuda:11.3.1-devel-centos8",
    ],
)
def test_a_tag_that_was_deleted_is_a_note(reference: str) -> None:
    (flaw,) = flaws(reference)
    assert flaw.finding.severity is Severity.NOTE
    assert "any more" in flaw.finding.message


@pytest.mark.parametrize(
    "reference",
    [
        *(image.tag for image in MATRIX.images),
        *(image.tag for image in MATRIX.ngc_images),
        *(f"nvidia/cuda:{one.tag('', 'devel', one.systems[0])}" for one in MATRIX.cuda_images if one.systems),
        "pytorch/pytorch",
        "pytorch/pytorch:latest",
        "pytorch/pytorch:2.7.0-runtime",
        "pytorch/pytorch:2.15.0-cuda13.2-cudnn9-runtime",
        "pytorch/pytorch:2.99.0-cuda15.0-cudnn11-devel",
        "pytorch/pytorch:1.13.1-cuda11.7-cudnn8-runtime",
        "pytorch/pytorch:1.0-cuda10.0-cudnn7-devel",
        "pytorch/pytorch:2.7.0-cuda11.8-cudnn8-runtime@sha256:" + "a" * 64,
        "pytorch/pytorch:2.x-cuda12.1-cudnn8-runtime",
        "ghcr.io/pytorch/pytorch:2.7.0-cuda11.8-cudnn8-runtime",
        "registry.example:5000/pytorch/pytorch:2.7.0-cuda11.8-cudnn8-runtime",
        "me/pytorch:2.7.0-cuda11.8-cudnn8-runtime",
        "nvidia/cuda:12.1.0-devel-ubuntu22.04",
        "nvidia/cuda:13.0.2-cudnn-devel-ubuntu24.04",
        "nvidia/cuda:13.4.0-devel-ubuntu26.04",
        "nvidia/cuda:12.9.2-devel-ubuntu24.04",
        "nvidia/cuda:13.0.0-devel-debian13",
        "nvidia/cuda:13.0.0-tensorrt-devel-ubuntu24.04",
        "nvidia/cuda:12.1.1-cudnn8-devel-ubuntu22.04-patched",
        "nvidia/cuda:${TAG}",
        "nvidia/cudagl:11.3-devel-ubuntu20.04",
        "registry.example/nvidia/cuda:12.1-devel-ubuntu22.04",
        "nvcr.io/nvidia/pytorch:24.01-py3-igpu",
        "nvcr.io/nvidia/pytorch:18.04",
        "nvcr.io/nvidia/tensorrt:24.01",
        "rocm/pytorch:latest",
        "",
        ":::",
    ],
)
def test_what_exists_or_is_not_known_is_no_finding(reference: str) -> None:
    assert flaws(reference) == []


def test_a_variable_leaves_the_correction_to_the_reader() -> None:
    (flaw,) = flaws("nvidia/cuda:12.1-devel-ubuntu22.04", "nvidia/cuda:${CUDA}-devel-ubuntu22.04")
    assert flaw.amendments == ()
    assert "12.1.1-devel-ubuntu22.04" in flaw.finding.message


def test_references() -> None:
    told = reference_of("registry.example:5000/a/b:c@sha256:" + "0" * 64)
    assert told == ("registry.example:5000", "a/b", "c", True)
    mirrored = reference_of("mirror.example/hub/docker.io/nvidia/cuda:12.1-base")
    assert mirrored is not None
    assert on_the_hub(mirrored) == "nvidia/cuda"
    assert reference_of("a b") is None


@pytest.mark.parametrize(
    ("release", "cells", "message"),
    [
        ("12.1", {"systems": ["ubuntu22.04"]}, "has not three numbers"),
        ("13.1.0", {"systems": ["ubuntu22.04"], "gone": ["ubuntu22.04"]}, "ubuntu22.04 stands twice"),
        ("13.1.0", {"systems": [], "without_cudnn": ["ubi9"]}, "ubi9 is no system of it"),
        ("11.9.9", {"systems": ["ubi9"]}, "nvidia/cuda 11.9.9 stands after 13.0.0"),
        ("13.1.0", {"systems": ["ubi9"], "cudn": "x"}, "unknown key"),
    ],
)
def test_a_breach_of_the_rows_is_named(release: str, cells: dict[str, object], message: str) -> None:
    document = copy.deepcopy(MATRIX.root.cells)
    document["cuda_images"]["releases"][release] = cells  # type: ignore[call-overload, index]
    with pytest.raises(MatrixError, match=message):
        checked(Matrix(document, "my.toml"))
