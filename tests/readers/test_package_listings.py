"""Listings of packages in a paste: pip, uv, conda and pixi; whole, filtered, and single rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envdoctor.readers.paste.cleaning import clean
from envdoctor.readers.paste.listings import conda_env, conda_list, pip_freeze, pip_list, pip_log, pip_show

if TYPE_CHECKING:
    from types import ModuleType

    from envdoctor.model.paste import Reading


def read(reader: ModuleType, text: str) -> Reading:
    reading: Reading = reader.read(clean(text))
    return reading


def names(reader: ModuleType, text: str) -> list[tuple[str, str]]:
    return [(one.name, one.version) for one in read(reader, text).packages]


WHOLE = """\
Package            Version
------------------ ------------
absl-py            1.0.0
certifi            2023.7.22
filelock           3.12.0
numpy              1.26.4
packaging          23.1
pillow             10.0.0
pip                23.0
setuptools         65.5.0
torch              2.1.0+cu118
torchvision        0.16.0+cu118
typing_extensions  4.8.0
"""


def test_a_whole_pip_list_tells_what_is_not_there() -> None:
    reading = read(pip_list, f"{WHOLE}$ python main.py\n")
    assert reading.whole
    assert len(reading.packages) == 11
    assert reading.claimed == frozenset(range(1, 14))


@pytest.mark.parametrize("cut", ["...\n", "\u2026\n", "<snip>\n"])
def test_a_listing_that_was_cut_is_not_whole(cut: str) -> None:
    assert not read(pip_list, WHOLE.replace("typing_extensions  4.8.0\n", cut)).whole


def test_a_listing_that_ends_with_the_paste_before_t_is_not_whole() -> None:
    assert not read(pip_list, WHOLE[: WHOLE.index("torch  ")]).whole


def test_a_filtered_listing_is_not_whole() -> None:
    assert not read(pip_list, "torch              2.1.0+cu118\ntorchvision        0.16.0+cu118\n").whole


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("torch                    2.1.0", [("torch", "2.1.0")]),
        ("torch 2.1.0+cu118\ntriton 2.1.0", [("torch", "2.1.0+cu118"), ("triton", "2.1.0")]),
        ("nvidia-cublas-cu12 12.1.3.1", [("nvidia-cublas-cu12", "12.1.3.1")]),
        ("torch (1.0.0)", [("torch", "1.0.0")]),
        ("\u251c\u2500\u2500 torch v2.6.0", [("torch", "2.6.0")]),
        ("torch         2.1.0       Tensors and dynamic networks", [("torch", "2.1.0")]),
        ("torch         2.1.0       pypi_0 pypi", []),
        ("\u2502 torch \u2502 2.1.0 \u2502", [("torch", "2.1.0")]),
        ("| torch | 2.1.0 |", [("torch", "2.1.0")]),
        ('[{"name": "torch", "version": "2.1.0"}, {"name": "a", "version": "1"}]', [("torch", "2.1.0"), ("a", "1")]),
        ("torch 2.1.0 is what I have", []),
        ("torch 2", []),
        ("Ubuntu 20.04\nCUDA 11.3\nPython 3.8", []),
        ("pytorch 1.9.0", []),
        ("epoch 12.5", []),
    ],
)  # fmt: skip
def test_rows_without_a_heading(text: str, rows: list[tuple[str, str]]) -> None:
    assert names(pip_list, text) == rows


def test_a_sorted_run_needs_no_heading() -> None:
    rows = names(pip_list, "a 1.0\nb 1.0\nc 1.0\nd 1.0\ntorch 2.1.0\nz 1.0")
    assert [name for name, _ in rows] == ["a", "b", "c", "d", "torch", "z"]


def test_an_editable_project_has_its_folder() -> None:
    text = "Package Version Editable project location\n------- ------- ----\nvllm    0.3.0   /src/vllm\n"
    assert read(pip_list, text).packages[0].location == "/src/vllm"


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("torch==2.6.0+cu126", [("torch", "2.6.0+cu126")]),
        ("- torch==2.6.0", [("torch", "2.6.0")]),
        ('"torch==2.6.0",', [("torch", "2.6.0")]),
        ('torch==2.6.0 ; python_version >= "3.9"', [("torch", "2.6.0")]),
        ("torch==2.6.0 \\\n    --hash=sha256:12", [("torch", "2.6.0")]),
        ("torch==1.7.1 torchvision==0.8.2", [("torch", "1.7.1"), ("torchvision", "0.8.2")]),
        ("torch==2.0.1, torchvision==0.15.2", [("torch", "2.0.1"), ("torchvision", "0.15.2")]),
        ("torch @ https://mirror.example/torch-2.6%2Bcpu-cp311-cp311-win_amd64.whl#sha256=1", [("torch", "2.6+cpu")]),
        ("torch @ file:///w/torch-2.6.0-1-cp311-none-manylinux_2_28_x86_64.whl", [("torch", "2.6.0")]),
        ("numpy @ file:///croot/numpy/work", []),
        ("-e git+https://mirror.example/a@0123#egg=a", []),
        ("pip install torch==2.6.0", []),
        ("torch==2.6.0 breaks here", []),
        ("torch>=2.6.0", []),
        ("x == y", []),
    ],
)  # fmt: skip
def test_frozen_pins(text: str, rows: list[tuple[str, str]]) -> None:
    assert names(pip_freeze, text) == rows


def test_only_freeze_without_a_filter_is_whole() -> None:
    pins = "".join(f"package{n}==1.{n}\n" for n in range(12))
    assert read(pip_freeze, f"$ pip freeze\n{pins}").whole
    assert not read(pip_freeze, pins).whole
    assert not read(pip_freeze, f"$ pip freeze | grep torch\n{pins}").whole


SHOWN = """\
Name: torch
Version: 2.4.0+cu121
Summary: Tensors
Location: /opt/venv/lib/python3.11/site-packages
Requires: filelock
Required-by: torchvision
---
Name: torchvision
Version: 0.19.0+cu121
"""


def test_blocks_of_pip_show() -> None:
    reading = read(pip_show, SHOWN)
    assert [(one.name, one.version, one.line) for one in reading.packages] == [
        ("torch", "2.4.0+cu121", 1),
        ("torchvision", "0.19.0+cu121", 8),
    ]
    assert reading.packages[0].location == "/opt/venv/lib/python3.11/site-packages"


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("$ pip show torch | grep Version\nVersion: 2.4.0", [("torch", "2.4.0")]),
        ("pip show torch -> Version: 2.4.0+cu121", [("torch", "2.4.0+cu121")]),
        ("uv pip show torch\nName: torch\nVersion: 2.4.0", [("torch", "2.4.0")]),
        ("Name: gfx1030\nMarketing Name: AMD", []),
        ("Version: 2.4.0", []),
        ("Name: torch", []),
    ],
)
def test_what_is_left_of_pip_show(text: str, rows: list[tuple[str, str]]) -> None:
    assert names(pip_show, text) == rows


def test_lines_of_another_format_are_left_to_it() -> None:
    assert not read(pip_show, "  Name:                    gfx1030\n  Uuid: x\n").claimed


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("Successfully installed nvidia-nccl-cu12-2.27 torch-2.1", [("nvidia-nccl-cu12", "2.27"), ("torch", "2.1")]),
        ("Successfully installed a-2.0\nSuccessfully installed a-2.1", [("a", "2.1"), ("a", "2.0")]),
        ("Requirement already satisfied: torch>=1.0 in /v (from a) (2.0.1+cu118)", [("torch", "2.0.1+cu118")]),
        (" + torch==2.6.0+cu126", [("torch", "2.6.0+cu126")]),
        (" - torch==2.5.0", []),
        ("a 1.5 requires b==2.0, but you have b 2.1.0 which is incompatible.", [("a", "1.5"), ("b", "2.1.0")]),
        ("ERROR: a 1.0 has requirement b==2; x == 'y', but you'll have b 3.0 which", [("a", "1.0"), ("b", "3.0")]),
        ("it requires a GPU, but you have none", []),
    ],
)  # fmt: skip
def test_logs_of_installers(text: str, rows: list[tuple[str, str]]) -> None:
    assert names(pip_log, text) == rows


def test_a_complaint_of_pip_is_said() -> None:
    text = "torchvision 0.15.2 requires torch==2.0.1, but you have torch 2.1.0 which is incompatible."
    assert [one.text for one in read(pip_log, text).said] == [text]


CONDA = """\
# packages in environment at /opt/conda/envs/a:
#
# Name                    Version                   Build  Channel
_libgcc_mutex             0.1                        main
blas                      1.0                         mkl
cudatoolkit               10.2.89              hfd86e86_1
ffmpeg                    4.3                  hf484d3e_0    pytorch
libgcc-ng                 9.1.0                hdf63c60_0
numpy                     1.21.5           py38h6c91a56_3
pip                       21.2.4           py38h06a4308_0
python                    3.8.13               h12debd9_0
pytorch                   1.9.0           py3.8_cuda10.2_cudnn7.6.5_0    pytorch
torchmetrics              0.9.3                    pypi_0    pypi
zlib                      1.2.12               h7f8727e_2
"""


def test_a_whole_conda_list() -> None:
    reading = read(conda_list, f"{CONDA}\n$ \n")
    rows = {one.name: one for one in reading.packages}
    assert reading.whole
    assert (rows["pytorch"].manager, rows["pytorch"].build, rows["pytorch"].channel) == (
        "conda",
        "py3.8_cuda10.2_cudnn7.6.5_0",
        "pytorch",
    )
    assert rows["torchmetrics"].manager == "pip"
    assert rows["_libgcc_mutex"].build == "main"


@pytest.mark.parametrize(
    ("row", "fact"),
    [
        ("ld_impl_linux-64          2.35.1               h7274673_9", ("host.platform", "linux-x86_64")),
        ("vs2015_runtime            14.27.29016          h5e58377_2", ("host.os", "windows")),
        ("appnope                   0.1.2                py38hecd8cb5_1", ("host.os", "macos")),
    ],
)
def test_packages_of_one_system_tell_it(row: str, fact: tuple[str, str]) -> None:
    stated = read(conda_list, f"# Name  Version  Build  Channel\n{row}\n").stated
    assert fact in [(one.name, getattr(one.fact, "value", None)) for one in stated]


@pytest.mark.parametrize(
    ("folder", "system"),
    [
        ("/home/a/venv/lib/python3.11/site-packages", "linux"),
        ("/usr/local/lib/python3.10/dist-packages", "linux"),
        ("/Users/a/venv/lib/python3.11/site-packages", "macos"),
        ("c:\\users\\a\\venv\\lib\\site-packages", "windows"),
        ("/opt/venv/lib/python3.11/site-packages", None),
    ],
)
def test_a_folder_tells_the_system(folder: str, system: str | None) -> None:
    stated = read(pip_show, f"Name: torch\nVersion: 2.4.0\nLocation: {folder}\n").stated
    assert [getattr(one.fact, "value", None) for one in stated if one.name == "host.os"] == ([system] if system else [])


@pytest.mark.parametrize(
    ("reader", "text", "version"),
    [
        (pip_show, "Name: torch\nVersion: 2.4.0\nLocation: /opt/venv/lib/python3.11/site-packages\n", "3.11"),
        (pip_show, "Name: torch\nVersion: 2.4.0\nLocation: c:\\Python310\\Lib\\site-packages\n", "3.10"),
        (pip_log, "Requirement already satisfied: torch in /opt/v/lib/python3.9/site-packages (2.0.1)", "3.9"),
        (conda_list, CONDA, "3.8.13"),
        (conda_env, "dependencies:\n  - python=3.8.5\n", "3.8.5"),
    ],
)
def test_a_listing_tells_its_python(reader: ModuleType, text: str, version: str) -> None:
    told = {one.name: getattr(one.fact, "value", None) for one in read(reader, text).stated}
    assert told["python.version"] == version


def test_rows_of_conda_are_none_of_pip() -> None:
    assert not read(pip_list, CONDA).packages
    assert not read(pip_freeze, CONDA).packages


def test_a_cut_conda_list_is_not_whole() -> None:
    assert not read(conda_list, CONDA[: CONDA.index("zlib")] + "...\n").whole
    assert not read(conda_list, CONDA[: CONDA.index("pytorch  ")]).whole


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("pytorch 1.9.0 py3.8_cpu_0", ("pytorch", "1.9.0", "conda", "py3.8_cpu_0", "")),
        ("conda list: pytorch 1.9.0 py3.8_cpu_0", ("pytorch", "1.9.0", "conda", "py3.8_cpu_0", "")),
        ("torch 2.1.0+cu118 pypi_0 pypi", ("torch", "2.1.0+cu118", "pip", "", "pypi")),
        ("torch 1.0.0 <pip>", ("torch", "1.0.0", "pip", "", "pypi")),
        ("torchvision  0.15.2  cuda118py39h196c800_0", ("torchvision", "0.15.2", "conda", "cuda118py39h196c800_0", "")),
        ("cuda-cudart  12.5.39  0  nvidia", ("cuda-cudart", "12.5.39", "conda", "0", "nvidia")),
        (
            "pytorch  2.5.1  cuda126_py312h1763f6d_306  24.3 MiB  conda  https://mirror.example/conda-forge/",
            ("pytorch", "2.5.1", "conda", "cuda126_py312h1763f6d_306", "conda-forge"),
        ),
    ],
)
def test_rows_of_conda_without_a_heading(text: str, row: tuple[str, ...]) -> None:
    found = read(conda_list, text).packages
    assert [(one.name, one.version, one.manager, one.build, one.channel) for one in found] == [row]


@pytest.mark.parametrize("text", ["pytorch 1.9.0 works here", "numpy 1.21 and torch", "version 1.0 build_3"])
def test_what_is_no_row_of_conda(text: str) -> None:
    assert not read(conda_list, text).packages


def test_a_search_names_what_could_be_installed() -> None:
    heading = "# Name                       Version           Build  Channel\n"
    rows = "".join(f"torchvision   0.{n}.0   py38_cu101   pytorch\n" for n in range(5))
    assert not read(conda_list, heading + rows).packages


def test_an_exported_environment() -> None:
    reading = read(
        conda_env,
        "name: a\ndependencies:\n  - python=3.8.5\n  - pytorch=1.12.1=py3.8_cuda11.3_cudnn8.3.2_0\n"
        "  - pytorch::torchvision=0.13.1=py38_cu113\n  - cudatoolkit=11.3\n  - numpy=1.19\nprefix: /opt/conda/envs/a\n",
    )
    assert [(one.name, one.version, one.build, one.channel) for one in reading.packages] == [
        ("python", "3.8.5", "", ""),
        ("pytorch", "1.12.1", "py3.8_cuda11.3_cudnn8.3.2_0", ""),
        ("torchvision", "0.13.1", "py38_cu113", "pytorch"),
        ("cudatoolkit", "11.3", "", ""),
    ]


def test_a_list_after_an_environment_file_is_none_of_its_packages() -> None:
    text = "dependencies:\n  - cudatoolkit=11.3\nWhat I tried:\n- pytorch=1.12.1\n"
    assert names(conda_env, text) == [("cudatoolkit", "11.3")]


def test_conda_info() -> None:
    reading = read(
        conda_env,
        "       virtual packages : __cuda=11.1=0\n                          __glibc=2.17=0\n"
        "               platform : linux-64\n"
        "             user-agent : conda/4.9.2 requests/2.25.0 CPython/3.9.1 Linux/3.10.0 centos/7.6.1810 glibc/2.17\n",
    )
    told = {one.name: getattr(one.fact, "value", None) for one in reading.stated}
    assert told == {
        "driver.cuda_version": "11.1",
        "host.libc": "glibc 2.17",
        "host.platform": "linux-x86_64",
        "host.os": "linux",
        "host.version": "centos 7",
    }
    assert not reading.packages
