"""From METADATA lines and file names to what a cell of the matrix holds."""

from __future__ import annotations

import pytest

from envdoctor.published.files import PublishedFile, read_name
from envdoctor.published.wheel import WheelContents
from envdoctor.upkeep import cells
from upkeep.recorded_index import contents

LINUX = contents("torch-2.15.0-cp315-cp315-manylinux_2_28_x86_64.whl")


def wheel(*requires: str, version: str = "2.14.0", cuda: str | None = None) -> WheelContents:
    return WheelContents(version, None, requires, cuda)


def test_what_a_recorded_wheel_says() -> None:
    assert LINUX is not None
    assert cells.channel(LINUX) == "cu132"
    assert cells.toolkit(LINUX, "linux-x86_64") == ("13.2.2", True)
    assert cells.library(LINUX, "cudnn", "linux-x86_64") == "9.26.0.51"
    assert cells.library(LINUX, "nccl", "linux-aarch64") == "2.30.7"
    assert cells.library(LINUX, "nccl", "windows-x86_64") is None
    assert cells.triton(LINUX) == ("~=3.9.0", "3.16")


@pytest.mark.parametrize(
    ("version", "cuda", "channel"),
    [
        ("2.14.0+cu130", "13.0", "cu130"),
        ("2.14.0+cpu", None, "cpu"),
        ("2.14.0", None, "cpu"),
        ("1.8.0", "10.2", "cu102"),
        ("1.1.0", "9.0.176", "cu90"),
        ("2.14.0+cu130.with.pypi.cudnn", "13.0", "cu130"),
        ("2.14.0+git1234", "13.2", "cu132"),
    ],
)
def test_the_channel_of_a_build(version: str, cuda: str | None, channel: str) -> None:
    assert cells.channel(wheel(version=version, cuda=cuda)) == channel


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (['triton==3.1.0; platform_system == "Linux" and python_version < "3.13"'], ("==3.1.0", "3.13")),
        (["triton (==2.0.0) ; platform_system == 'Linux' and platform_machine == 'x86_64'"], ("==2.0.0", None)),
        (['triton==3.1.0; platform_system == "Windows"'], None),
        (['triton==3.1.0; extra == "opt"'], None),
        (["no requirement at all ==="], None),
        ([], None),
    ],
)
def test_the_triton_of_a_wheel(lines: list[str], told: tuple[str, str | None] | None) -> None:
    assert cells.triton(wheel(*lines)) == told


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('nvidia-cudnn-cu12==9.1.0.70; platform_system == "Linux"', "9.1.0.70"),
        ("nvidia-cudnn-cu11 (==8.5.0.96)", "8.5.0.96"),
        ("nvidia-cudnn==9.30.0.1", "9.30.0.1"),
        ("nvidia-cudnn-cu12>=9.1", None),
        ("nvidia-cudnn-frontend==1.2", None),
        ('nvidia-cudnn-cu12==9.1.0.70; platform_machine == "aarch64"', None),
    ],
)
def test_a_pinned_library(line: str, told: str | None) -> None:
    assert cells.library(wheel(line), "cudnn", "linux-x86_64") == told


@pytest.mark.parametrize(
    "line",
    [
        "nvidia-cudnn-cu13==9.1; python_version ~= '3'",
        "nvidia-cudnn-cu13==9.1; 'x' in extras",
        "nvidia-cudnn-cu13==9.1; " + "(" * 3000,
        "nvidia-cudnn-cu13==" + "9." * 5000 + "1",
        "nvidia-cudnn-cu13==" + "9" * 50,
    ],
    ids=["compares nothing", "extras", "brackets", "long", "huge"],
)
def test_a_line_that_nobody_can_read_pins_nothing(line: str) -> None:
    assert cells.library(wheel(line), "cudnn", "linux-x86_64") is None


def test_a_toolkit_is_exact_where_the_wheel_says_so() -> None:
    assert cells.toolkit(wheel(cuda="12.6"), "linux-x86_64") == ("12.6", False)
    assert cells.toolkit(wheel("cuda-toolkit[cudart]==13.0.3", cuda="13.0"), "linux-x86_64") == ("13.0.3", True)
    assert cells.toolkit(wheel(cuda="9.0.176"), "linux-x86_64") == ("9.0.176", True)
    assert cells.toolkit(wheel(), "linux-x86_64") is None


def files(*names: str, yanked: str | None = None, uploaded: str | None = None) -> list[PublishedFile]:
    found = []
    for filename in names:
        name = read_name(filename)
        assert name is not None
        found.append(PublishedFile(**name._asdict(), filename=filename, url="", yanked=yanked, uploaded=uploaded))
    return found


def test_tags_stand_in_order_and_once() -> None:
    some = files(
        "torch-2.14.0-cp314-cp314t-manylinux_2_28_x86_64.whl",
        "torch-2.14.0-cp39-cp39-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "torch-2.14.0-cp310-cp310-win_amd64.whl",
        "torch-2.14.0-cp314-cp314-win_amd64.whl",
        "torch-2.14.0-py2.py3-none-any.whl",
    )
    assert cells.python_tags(some) == ("py3", "cp39", "cp310", "cp314", "cp314t")
    assert cells.platform_tags(some[1:3]) == ("manylinux2014_x86_64", "manylinux_2_17_x86_64", "win_amd64")


def test_a_release_is_withdrawn_when_all_of_its_files_are() -> None:
    one, other = "torch-2.14.0-cp310-cp310-win_amd64.whl", "torch-2.14.0-cp311-cp311-win_amd64.whl"
    assert cells.withdrawn(files(one, other, yanked="broken")) == "broken"
    assert cells.withdrawn(files(one, yanked="")) == "no reason given"
    assert cells.withdrawn([*files(one, yanked="broken"), *files(other)]) is None
    assert cells.withdrawn([]) is None


def test_the_day_is_that_of_the_first_file() -> None:
    one, other = "torch-2.14.0-cp310-cp310-win_amd64.whl", "torch-2.14.0-cp311-cp311-win_amd64.whl"
    assert cells.released([*files(one, uploaded="2026-09-02"), *files(other, uploaded="2026-09-01")]) == "2026-09-01"
    assert cells.released(files(one)) is None
