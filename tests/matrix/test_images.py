from __future__ import annotations

import copy

import pytest

from envdoctor.matrix.load import checked
from envdoctor.matrix.matrix import Matrix
from envdoctor.matrix.rows import MatrixError


@pytest.mark.parametrize(
    ("torch", "channel", "kind", "tag"),
    [
        ("2.14.1", "cu126", "runtime", "pytorch/pytorch:2.14.1-cuda12.6-cudnn9-runtime"),
        ("2.14.0", "cu132", "devel", "pytorch/pytorch:2.14.0-cuda13.2-cudnn9-devel"),
        ("2.10.0", "cu130", "runtime", "pytorch/pytorch:2.10.0-cuda13.0-cudnn9-runtime"),
        ("2.8.0", "cu129", "runtime", "pytorch/pytorch:2.8.0-cuda12.9-cudnn9-runtime"),
        ("2.3.1", "cu121", "devel", "pytorch/pytorch:2.3.1-cuda12.1-cudnn8-devel"),
        ("2.0.1", "cu117", "runtime", "pytorch/pytorch:2.0.1-cuda11.7-cudnn8-runtime"),
        ("1.12.1", "cu113", "runtime", "pytorch/pytorch:1.12.1-cuda11.3-cudnn8-runtime"),
    ],
)
def test_image_of_a_release_and_a_channel(matrix, torch, channel, kind, tag):
    image = matrix.image_for(torch, channel, kind)
    assert image.tag == tag
    assert (image.torch, image.channel, image.kind) == (torch, channel, kind)
    assert image.certainty == "sourced"


@pytest.mark.parametrize(
    ("torch", "channel"),
    [
        ("2.15.0", "cu132"),  # nobody has seen its tags
        ("2.0.1", "cu118"),  # a channel that was never made an image; people write the tag all the same
        ("2.8.0", "cu124"),
        ("2.13.0", "cu129"),  # a channel that is not advertised
        ("2.14.0", "cpu"),
        ("9.9.9", "cu132"),
    ],
)
def test_what_has_no_row_has_no_image(matrix, torch, channel):
    assert matrix.image_for(torch, channel) is None


def test_cudnn_8_ends_before_2_4(matrix):
    majors = {image.torch: image.cudnn_major for image in matrix.images}
    assert majors["2.3.1"] == 8
    assert majors["2.4.0"] == 9


def test_ngc_images_are_of_no_release(matrix):
    images = {image.tag: image for image in matrix.ngc_images}
    newest = images["nvcr.io/nvidia/pytorch:26.09-py3"]
    assert (newest.torch, newest.cuda, newest.driver_branch) == ("2.14.0a0+b2c75dd062", "13.4", None)
    assert images["nvcr.io/nvidia/pytorch:25.02-py3"].driver_branch == 570
    assert not {image.torch for image in matrix.ngc_images} & set(matrix.versions)


def test_a_file_without_these_tables_is_a_matrix_too(matrix):
    document = copy.deepcopy(matrix.root.cells)
    for table in ("images", "ngc_images", "cuda_images", "conda_channel", "conda_forge", "jetson", "peaks"):
        del document[table]
    for name in [key for key in document["architectures"] if key.startswith("conda-")]:
        del document["architectures"][name]
    named = repr({key: value for key, value in document.items() if key != "sources"})
    document["sources"] = {key: row for key, row in document["sources"].items() if f"'{key}'" in named}
    less = checked(Matrix(document, "less.toml"))
    assert less.image_for("2.14.0", "cu126") is None
    assert less.conda_builds("2.13.0") == ()
    assert less.conda_channel_end is None
    assert less.jetson_source("36.4", (8, 7)) is None
    assert less.ngc_images == ()


def broken(matrix, path, value):
    document = copy.deepcopy(matrix.root.cells)
    table = document
    for key in path[:-1]:
        table = table[key]
    table[path[-1]] = value
    with pytest.raises(MatrixError) as caught:
        checked(Matrix(document, "my.toml"))
    return str(caught.value)


NGC = {"cuda": "13.0", "source": "ngc-notes", "certainty": "sourced"}


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("images", "releases", "2.14.1", "cuda"), ["12.8"], "torch 2.14.1 has no cu128 build"),
        (("images", "releases", "2.14.1", "cuda"), ["12.6", "12.6"], "2.14.1-cuda12.6-cudnn9-runtime stands twice"),
        (
            ("images", "releases", "2.14.1", "cuda"),
            ["newest"],
            "images.releases.2.14.1.cuda: 'newest' is not a version",
        ),
        (("images", "releases", "2.14.1", "cudnn"), "ten", "'ten' is not a version"),
        (("images", "releases", "2.99.0"), {"cudnn": "9", "cuda": ["13.2"]}, "torch 2.99.0 has no row"),
        (("images", "pattern"), "pytorch/pytorch:{torch}", "must hold {torch}, {cuda}, {cudnn} and {kind}"),
        (("images", "colour"), "red", "images.colour: unknown key"),
        (("images", "certainty"), "sure", "'sure' is none of"),
        (("ngc_images", "nvcr.io/nvidia/pytorch:25.13-py3"), {**NGC, "torch": "2.9.0a0"}, "is not nvcr.io/nvidia"),
        (("ngc_images", "nvcr.io/nvidia/pytorch:25.11-py3"), {**NGC, "torch": "2.9.0a0"}, "25.11 stands after 26.09"),
        (("ngc_images", "nvcr.io/nvidia/pytorch:26.10-py3"), {**NGC, "torch": "2.14.0"}, "not of a day before"),
        (("ngc_images", "nvcr.io/nvidia/pytorch:26.10-py3"), {**NGC, "torch": "2.99.0a0"}, "not of a day before"),
    ],
)
def test_a_breach_is_named(matrix, path, value, message):
    assert message in broken(matrix, path, value)


def test_a_release_may_have_a_source_of_its_own(matrix):
    document = copy.deepcopy(matrix.root.cells)
    document["images"]["releases"]["2.15.0"] = {
        "cudnn": "9", "cuda": ["13.2"], "source": "image-tags", "certainty": "inferred",
    }  # fmt: skip
    image = checked(Matrix(document, "my.toml")).image_for("2.15.0", "cu132")
    assert image.certainty == "inferred"
    assert image.tag == "pytorch/pytorch:2.15.0-cuda13.2-cudnn9-runtime"
