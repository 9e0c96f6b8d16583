from __future__ import annotations

import copy

import pytest

from envdoctor.matrix.fit import kernels_for
from envdoctor.matrix.load import checked
from envdoctor.matrix.matrix import Matrix
from envdoctor.matrix.rows import MatrixError


def test_the_channel_of_pytorch_ended(matrix):
    end = matrix.conda_channel_end
    assert (end.channel, end.last, end.certainty) == ("pytorch", "2.5.1", "sourced")


@pytest.mark.parametrize(
    ("torch", "platform", "cudas"),
    [
        ("2.13.0", "linux-x86_64", {"12.9", "13.0"}),
        ("2.13.0", "linux-aarch64", {"12.9", "13.0"}),
        ("2.13.0", "windows-x86_64", {"12.8", "13.0"}),
        ("2.9.1", "linux-x86_64", {"12.9"}),
        ("2.7.1", "linux-x86_64", {"12.6", "12.9"}),
        ("2.5.1", "linux-x86_64", {"11.8", "12.0", "12.6"}),
        ("2.5.1", "windows-x86_64", {"12.6"}),
        ("2.4.1", "windows-x86_64", set()),
        ("2.13.0", "macos-arm64", set()),
        ("2.14.0", "linux-x86_64", set()),  # after the recipe was read: not known
        ("2.9.0", "linux-x86_64", set()),  # never on conda-forge
    ],
)
def test_which_cuda_conda_forge_builds_for(matrix, torch, platform, cudas):
    assert {build.cuda for build in matrix.conda_builds(torch) if platform in build.platforms} == cudas


@pytest.mark.parametrize(
    ("torch", "cuda", "capability", "kernels"),
    [
        ("2.13.0", "12.9", (7, 0), "sass"),  # a V100, which no cu13x wheel serves
        ("2.13.0", "12.9", (5, 2), "sass"),
        ("2.13.0", "13.0", (7, 0), None),
        ("2.13.0", "13.0", (12, 1), "sass"),
        ("2.6.0", "12.6", (12, 0), "ptx"),  # an RTX 5090 by the PTX of sm_90
        ("2.4.1", "11.8", (3, 5), "sass"),
        ("2.4.1", "11.8", (3, 0), None),
    ],
)
def test_their_kernels(matrix, torch, cuda, capability, kernels):
    found = [build for build in matrix.conda_builds(torch) if build.cuda == cuda and "linux-x86_64" in build.platforms]
    assert {kernels_for(build.sass, build.ptx, capability) for build in found} == {kernels}


def test_orin_has_builds_of_its_own_then_those_of_arm_servers(matrix):
    orin = [
        (build.torch, build.cuda, build.first_build, build.tegra)
        for build in matrix.conda_forge
        if kernels_for(build.sass, (), (8, 7)) == "sass"
    ]
    assert ("2.13.0", "13.0", 2, False) in orin
    assert ("2.13.0", "12.9", 0, True) in orin
    assert all(tegra for _, cuda, _, tegra in orin if cuda == "12.9")


def test_a_build_string_tells_the_cuda(matrix):
    strings = {build.cuda: build.build_string for build in matrix.conda_forge}
    assert strings["12.9"] == "cuda129*"
    assert strings["13.0"] == "cuda130*"
    assert strings["11.8"] == "cuda118*"


def test_a_later_build_follows_the_row_before_it(matrix):
    arm = [
        build for build in matrix.conda_builds("2.13.0") if build.cuda == "13.0" and "linux-aarch64" in build.platforms
    ]
    assert [build.first_build for build in arm] == [0, 2]
    assert set(arm[1].sass) - set(arm[0].sass) == {(8, 7)}


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ({"torch": ["2.99.0"]}, "torch 2.99.0 has no row"),
        ({"platforms": ["amiga"]}, "'amiga' is not a platform"),
        ({"cuda": "12.6"}, "before CUDA 12.8"),
        ({"cuda": "twelve"}, "'twelve' is not a version"),
        ({"architectures": "nothing"}, "'nothing' is not in architectures"),
        ({"variant": "sbsa"}, "'sbsa' is not tegra"),
        ({"colour": "red"}, "colour: unknown key"),
        ({"first_build": "1"}, "must be a whole number"),
        ({"source": "hearsay"}, "a row names 'hearsay'"),
    ],
)
def test_a_breach_is_named(matrix, edit, message):
    document = copy.deepcopy(matrix.root.cells)
    row = {
        "torch": ["2.13.0"], "cuda": "12.9", "platforms": ["windows-x86_64"], "source": "conda-recipe",
        "architectures": "conda-maxwell-blackwell-ptx", "certainty": "sourced",
    }  # fmt: skip
    document["conda_forge"] = [*document["conda_forge"], {**row, **edit}]
    with pytest.raises(MatrixError) as caught:
        checked(Matrix(document, "my.toml"))
    assert message in str(caught.value)


def test_a_row_that_stands_twice_and_a_channel_that_never_ended(matrix):
    document = copy.deepcopy(matrix.root.cells)
    document["conda_forge"].append(copy.deepcopy(document["conda_forge"][0]))
    with pytest.raises(MatrixError, match=r"conda-forge 2\.1\.0 CUDA 11\.2 from build 0 linux-x86_64 stands twice"):
        checked(Matrix(document, "my.toml"))
    document["conda_forge"].pop()
    document["conda_channel"]["last"] = "2.99.0"
    with pytest.raises(MatrixError, match=r"torch 2\.99\.0 has no row"):
        checked(Matrix(document, "my.toml"))
