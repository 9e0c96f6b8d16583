"""environment.yml, lists of packages, lock files of conda-lock, and pixi."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envdoctor.readers.declared.conda import conda_file, pixi
from envdoctor.readers.declared.conda.conda_case import FULL, MOST
from envdoctor.readers.declared.unreadable import Unreadable
from envdoctor.readers.declared.yaml_nodes import documents, entries, entry, items, scalar, written

if TYPE_CHECKING:
    from envdoctor.model.declared import Case
    from envdoctor.model.declared_file import DeclaredFile

ENVIRONMENT = """\
name: train
channels: [pytorch, nvidia]
dependencies:
  - python=3.10
  - pytorch::pytorch=2.1.2
  - "torchvision=0.16.2"   # with its partner
  - pytorch-cuda=12.1
  - cuda-toolkit=12.4
  - cudnn=8.9.2
  - cpuonly  # [osx]
  - pip
  - pip:
      - --extra-index-url https://me:secret@mirror.example/simple
      - numpy==1.26.4
      - -r requirements.txt
      # - torch==1.0
"""


def whole(found: DeclaredFile, text: str) -> tuple[Case, ...]:
    """The cases, after every place was looked up."""
    assert found.trouble is None
    lines = text.split("\n")
    for case in found.cases:
        for one in (*case.requirements, *case.pythons, *case.cudas, *case.cudnns):
            assert lines[one.place.line - 1][one.place.column - 1 :].startswith(one.written)
    return found.cases


def test_an_environment() -> None:
    (case,) = whole(conda_file.read(ENVIRONMENT, "environment.yml"), ENVIRONMENT)
    assert [(one.name, one.specifier, one.manager) for one in case.requirements] == [
        ("torch", "==2.1.2", "conda"),
        ("torchvision", "==0.16.2", "conda"),
        ("cpuonly", "", "conda"),
        ("pip", "", "conda"),
        ("numpy", "==1.26.4", "pip"),
    ]
    assert [(one.version, one.toolkit) for one in case.cudas] == [("12.1", False), ("12.4", True)]
    assert [one.version for one in case.cudnns] == ["8.9"]
    assert [one.specifier for one in case.pythons] == ["==3.10.*"]
    assert [one.url for one in case.indexes] == ["https://mirror.example/simple"]
    assert case.of("cpuonly")[0].marker == 'sys_platform == "darwin"'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("dependencies: [a", "no YAML"),
        ("name: x\n", "no list of dependencies"),
        ("- a\n- b\n", "no list of dependencies"),
        ("", "no list of dependencies"),
        ("dependencies:\n  - a\n\x00", "no YAML"),
        ("dependencies: " + "[" * 100_000, "nested"),
        ("- " * 100_000 + "a", "nested"),
        ("dependencies: [" + "a, " * 200_000 + "]", "parts"),
        ("dependencies:\n" + " " * 5_000_000, "larger"),
        ("dependencies: *nowhere\n", "no YAML"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_line(text: str, says: str) -> None:
    found = conda_file.read(text, "environment.yml")
    assert found.cases == ()
    assert says in (found.trouble or "")
    assert "\n" not in (found.trouble or "")


@pytest.mark.parametrize(
    "text",
    [
        "dependencies:\n",
        "dependencies: torch\n",
        "dependencies: {pytorch: 2.1}\n",
        "dependencies: [[pytorch], {pip: torch}, {pip: [[torch], {a: b}]}, 3.1, !!python/object:os.system x]\n",
        "dependencies: &a\n  - {pip: *a}\n",
        "a: &a {pip: [x]}\ndependencies:\n  - <<: [*a, *a]\n",
    ],
)
def test_what_is_of_a_wrong_type_declares_nothing_of_torch(text: str) -> None:
    found = conda_file.read(text, "environment.yml")
    assert not [one for case in found.cases for one in case.of("torch")]


def test_aliases_upon_aliases_stay_one_node() -> None:
    text = "a0: &a0 [x, x]\n" + "".join(f"a{n + 1}: &a{n + 1} [*a{n}, *a{n}]\n" for n in range(60))
    found = conda_file.read(text + "dependencies: *a60\n", "environment.yml")
    assert found == ("conda environment", (), (), None)


def test_merges_upon_merges_end() -> None:
    text = "a0: &a0 {x: y}\n" + "".join(
        f"a{n + 1}: &a{n + 1} {{<<: [{', '.join([f'*a{n}'] * 9)}]}}\n" for n in range(40)
    )
    (root,) = documents(text)
    assert len([*entries(entry(root, "a40"))]) < 1000


def test_a_list_of_addresses() -> None:
    text = (
        "# platform: linux-64\n@EXPLICIT\n"
        "https://conda.example/linux-64/pytorch-2.1.2-py3.10_cuda12.1_0.tar.bz2#00\n"
        "https://conda.example/linux-64/python-3.10.13-hd1_0.conda\n"
        "https://conda.example/noarch/pytorch-cuda-12.1-ha_5.tar.bz2\n"
    )
    (case,) = whole(conda_file.read(text, "spec.txt"), text)
    assert [(one.name, one.specifier, one.build) for one in case.requirements] == [
        ("torch", "==2.1.2", "py3.10_cuda12.1_0")
    ]
    assert (case.platform, case.pinned) == ("linux-x86_64", True)
    assert [one.version for one in case.cudas] == ["12.1"]
    assert [one.specifier for one in case.pythons] == ["==3.10.13"]


def test_a_list_of_names_versions_and_builds() -> None:
    text = "# platform: win-64\npython=3.10.13=h0\npytorch=2.1.2=py3.10_0\ntorchvision=0.16.2=pypi_0\n"
    (case,) = whole(conda_file.read(text, "requirements.txt"), text)
    assert [(one.name, one.specifier, one.manager) for one in case.requirements] == [
        ("torch", "==2.1.2", "conda"),
        ("torchvision", "==0.16.2", "pip"),
    ]
    assert case.platform == "windows-x86_64"


def test_a_list_beyond_all_measure_is_read_in_part() -> None:
    found = conda_file.read("a=1=b\n" * (MOST + 10), "list.txt")
    assert found.trouble == FULL
    assert len(found.cases[0].requirements) == MOST


def test_a_lock_file_of_conda_lock_has_a_case_for_each_platform() -> None:
    text = """\
version: 1
metadata: {platforms: [linux-64, osx-64]}
package:
- {name: pytorch, version: 2.1.2, manager: conda, platform: linux-64, build: cuda120}
- {name: torchvision, version: 0.16.2, manager: pip, platform: linux-64}
- {name: python, version: 3.10.1, manager: conda, platform: osx-64}
- {name: lost}
- 3
"""
    linux, mac = whole(conda_file.read(text, "conda-lock.yml"), text)
    assert [(one.name, one.specifier) for one in linux.requirements] == [
        ("torch", "==2.1.2"),
        ("torchvision", "==0.16.2"),
    ]
    assert (linux.platform, mac.platform, linux.pinned) == ("linux-x86_64", "macos-x86_64", True)
    assert [one.specifier for one in mac.pythons] == ["==3.10.1"]


PIXI = """\
[workspace]
platforms = ["linux-64", "osx-arm64"]
[dependencies]
python = "3.11.*"
[feature.gpu.dependencies]
pytorch = { version = "2.5.*", build = "cuda*", channel = "pytorch" }
pytorch-cuda = "12.4.*"
[feature.gpu.target.linux-64.dependencies]
cuda-nvcc = "12.4"
[feature.pip.pypi-dependencies]
torch = { version = ">=2.5.1", index = "https://download.pytorch.org/whl/cu124" }
torchvision = "0.20.1"
[feature.pip.pypi-options]
extra-index-urls = ["https://mirror.example/simple"]
find-links = [{ url = "https://mirror.example/links" }]
[feature.mac.target.osx.dependencies]
numpy = "<2"
[environments]
gpu = ["gpu"]
pip = { features = ["pip"], no-default-feature = true }
mac = ["mac"]
"""


def test_environments_and_platforms_of_pixi() -> None:
    found = whole(pixi.read(PIXI, "pixi.toml"), PIXI)
    assert [(case.label, case.platform) for case in found] == [
        ("environment default", ""),
        ("environment gpu", "linux-x86_64"),
        ("environment gpu", "macos-arm64"),
        ("environment pip", ""),
        ("environment mac", "linux-x86_64"),
        ("environment mac", "macos-arm64"),
    ]
    linux, mac, pip = found[1], found[2], found[3]
    assert [(one.name, one.specifier, one.build, one.source) for one in linux.requirements] == [
        ("torch", "==2.5.*", "cuda*", "pytorch")
    ]
    assert [one.toolkit for one in linux.cudas] == [False, True]
    assert [one.toolkit for one in mac.cudas] == [False]
    assert [(one.name, one.specifier) for one in pip.requirements] == [
        ("torch", ">=2.5.1"),
        ("torchvision", "==0.20.1"),
    ]
    assert pip.pythons == ()
    assert [(one.kind, one.explicit) for one in pip.indexes] == [
        ("extra-index-url", True),  # that of torch alone
        ("extra-index-url", False),
        ("find-links", False),
    ]
    assert (found[4].requirements, found[5].requirements[0].name) == ((), "numpy")


def test_pixi_in_pyproject_has_the_dependencies_of_the_project() -> None:
    from envdoctor.readers.declared.projects.pyproject import read

    text = '[project]\ndependencies = ["torch==2.5.1"]\n[tool.pixi.dependencies]\nnumpy = "2.*"\n'
    found = {case.label: case for case in read(text, "pyproject.toml").cases}
    assert [one.name for one in found["environment default"].requirements] == ["numpy", "torch"]


def test_a_lock_file_of_pixi() -> None:
    text = """\
version: 6
environments:
  default:
    packages:
      linux-64:
      - conda: https://conda.example/linux-64/python-3.11.11-h9_1.conda
      - conda: https://conda.example/linux-64/pytorch-2.5.1-cuda126_303.conda
      - pypi: https://download.pytorch.org/whl/cu124/torchvision-0.20.1%2Bcu124-cp311-cp311-linux_x86_64.whl
      - pypi: https://files.example/aa/numpy-2.1.0-cp311-cp311-manylinux_2_17_x86_64.whl
      - pypi: ./
"""
    (case,) = whole(pixi.read(text, "pixi.lock"), text)
    assert [(one.name, one.specifier, one.source) for one in case.requirements] == [
        ("torch", "==2.5.1", None),
        ("torchvision", "==0.20.1+cu124", "https://download.pytorch.org/whl/cu124"),
        ("numpy", "==2.1.0", None),
    ]
    assert case.platform == "linux-x86_64"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pixi.toml", "[other]\n"),
        ("pixi.toml", "dependencies = [\n"),
        ("pixi.lock", "packages: []\n"),
        ("pixi.lock", "\t"),
    ],
)
def test_what_is_no_file_of_pixi_is_told(name: str, text: str) -> None:
    found = pixi.read(text, name)
    assert found.cases == ()
    assert found.trouble


def test_nodes_know_where_their_text_begins() -> None:
    text = "a: 'quoted'\nb: |\n\n  first\n  second\nc: >-\n  folded\n  text\nd: [x, \"y\"]\ne: {f: g, f: h}\n"
    lines = text.split("\n")
    (root,) = documents(text)
    assert scalar(entry(root, "a"), lines) == ("quoted", 1, 5, True)
    assert scalar(entry(root, "b"), lines) == ("\nfirst\nsecond\n", 3, 3, True)
    assert scalar(entry(root, "c"), lines) == ("folded text", 7, 3, False)
    assert [one[:3] for one in written(entry(root, "d"), lines)] == [("x", 9, 5), ("y", 9, 9)]
    assert [one[:3] for one in written(entry(root, "a"), lines)] == [("quoted", 1, 5)]
    assert scalar(entry(root, "e", "f"), lines) == ("h", 10, 14, True)
    assert entry(root, "nowhere", "f") is None
    assert scalar(root, lines) is None
    assert (*items(root), *entries(None)) == ()


def test_several_documents_are_all_there() -> None:
    assert len(documents("a: b\n---\nc: d\n")) == 2
    with pytest.raises(Unreadable):
        documents("a: [")
