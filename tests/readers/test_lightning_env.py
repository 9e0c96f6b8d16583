"""Lightning's report, with and without the marks of its list."""

from __future__ import annotations

import pytest

from envdoctor.model.fact import Absent, Known
from envdoctor.readers.paste.cleaning import clean
from envdoctor.readers.paste.environment import lightning_env

PASTE = """* CUDA:
        - GPU:
                - NVIDIA GeForce RTX 4090
                - NVIDIA GeForce RTX 3060
        - available:         True
        - version:           11.8
* Lightning:
        - lightning:         2.5.1
        - torch:             2.6.0+cu118
        - torchvision:       0.21.0+cu118
* Packages:
        - numpy:             1.26.0
* System:
        - OS:                Linux
        - architecture:
                - 64bit
                - ELF
        - processor:         x86_64
        - python:            3.10.9
        - version:           #1 SMP Debian
"""


def values(paste: str) -> dict[str, object]:
    found = lightning_env.read(clean(paste)).stated
    return {one.name: one.fact.value for one in reversed(found) if isinstance(one.fact, Known)}


@pytest.mark.parametrize("paste", [PASTE, PASTE.replace("- ", ""), PASTE.replace("* ", "").replace("        ", "\t")])
def test_its_sections(paste: str) -> None:
    assert values(paste) == {
        "gpu.0.name": "NVIDIA GeForce RTX 4090",
        "gpu.1.name": "NVIDIA GeForce RTX 3060",
        "said.cuda_available": True,
        "cuda.init": 0,
        "torch.cuda": "11.8",
        "torch.version": "2.6.0+cu118",
        "host.os": "linux",
        "host.platform": "linux-x86_64",
        "python.version": "3.10.9",
    }
    packages = lightning_env.read(clean(paste)).packages
    assert [(one.name, one.version) for one in packages] == [
        ("lightning", "2.5.1"), ("torchvision", "0.21.0+cu118"), ("numpy", "1.26.0"),
    ]  # fmt: skip


def test_an_older_report_without_gpu() -> None:
    paste = (
        "* CUDA:\n\t- GPU:\n\t- available: False\n\t- version: None\n* Packages:\n\t- numpy: 1.19.2\n"
        "\t- pyTorch_debug: False\n\t- pyTorch_version: 1.7.0\n"
    )
    found = {one.name: one.fact for one in lightning_env.read(clean(paste)).stated}
    assert isinstance(found["torch.cuda"], Absent)
    assert found["torch.version"] == Known("1.7.0", "collect_env of Lightning")
    assert found["said.cuda_available"] == Known(False, "collect_env of Lightning")


def test_headings_of_others_are_left_alone() -> None:
    assert not lightning_env.read(clean("* CUDA:\n  - version: 11.8\n* System:\n  - OS: Linux")).claimed
