"""What the file name of a wheel says."""

from __future__ import annotations

import pytest

from envdoctor.published.files import PublishedFile, read_name

NAMES = {
    "torch-2.14.0-cp312-cp312-manylinux_2_28_x86_64.whl": ("2.14.0", None, ("cp312",), "linux-x86_64"),
    "torch-2.14.0-cp314-cp314t-win_amd64.whl": ("2.14.0", None, ("cp314t",), "windows-x86_64"),
    "torch-2.7.0+cu126-cp313-cp313t-manylinux_2_28_aarch64.whl": ("2.7.0", "cu126", ("cp313t",), "linux-aarch64"),
    "torch-1.12.1+cu113-cp310-cp310-linux_x86_64.whl": ("1.12.1", "cu113", ("cp310",), "linux-x86_64"),
    "torch-1.0.0-cp27-cp27mu-manylinux1_x86_64.whl": ("1.0.0", None, ("cp27",), "linux-x86_64"),
    "torch-1.12.1-cp310-none-macosx_11_0_arm64.whl": ("1.12.1", None, ("cp310",), "macos-arm64"),
    "torch-2.1.2-1-cp310-cp310-macosx_10_9_x86_64.whl": ("2.1.2", None, ("cp310",), "macos-x86_64"),
    "torchvision-0.29.2-py3-none-manylinux_2_28_x86_64.whl": ("0.29.2", None, ("py3",), "linux-x86_64"),
    "torchvision-0.2.0-py2.py3-none-any.whl": ("0.2.0", None, ("py2", "py3"), None),
    "torch-2.16.0rc1-cp310-abi3-manylinux_2_28_x86_64.whl": ("2.16.0rc1", None, ("cp310-abi3",), "linux-x86_64"),
    "torch-2.9.0-cp312-cp312-musllinux_1_2_x86_64.whl": ("2.9.0", None, ("cp312",), None),
    "torch-2.9.0-cp312-cp312-macosx_11_0_universal2.whl": ("2.9.0", None, ("cp312",), None),
}


@pytest.mark.parametrize("filename", NAMES)
def test_a_name_is_read(filename: str) -> None:
    name = read_name(filename)
    assert name is not None
    assert (name.version, name.local, name.pythons, name.platform) == NAMES[filename]
    assert name.project in ("torch", "torchvision")


def test_a_compressed_set_of_tags_is_split() -> None:
    name = read_name("torch-2.1.0-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl")
    assert name is not None
    assert name.platform_tags == ("manylinux2014_x86_64", "manylinux_2_17_x86_64")
    assert name.platform == "linux-x86_64"


@pytest.mark.parametrize("filename", ["torch-2.14.0.tar.gz", "torch.whl", "torch-x-cp312-cp312-any.whl", "", "../"])
def test_what_is_no_wheel_has_no_name(filename: str) -> None:
    assert read_name(filename) is None


def test_an_address_is_in_no_repr() -> None:
    name = read_name("torch-2.14.0-cp312-cp312-win_amd64.whl")
    assert name is not None
    file = PublishedFile(**name._asdict(), filename="torch.whl", url="https://mirror.example/torch.whl?key=word")
    assert "word" not in repr(file)
    assert "mirror" not in repr(file)
