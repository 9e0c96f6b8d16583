"""The names of GPUs as people write them, how many there are, and which of them count."""

from __future__ import annotations

import pytest

from envdoctor.matrix.gpu_names import find
from envdoctor.matrix.load import load_matrix
from envdoctor.readers.paste.written.prose import read
from paste_lines import lines_of, values_of


def _names(text: str) -> list[str]:
    told = values_of(read(lines_of(text)))
    return [str(told[f"gpu.{index}.name"]) for index in range(64) if f"gpu.{index}.name" in told]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("GPU: NVIDIA GeForce GTX 1050 (compute capability 6.1)", ["NVIDIA GeForce GTX 1050"]),
        ("4x GeForce GTX 1080 Ti", ["GeForce GTX 1080 Ti"] * 4),
        ("2 GTX 1070 GPUs", ["GTX 1070"] * 2),
        ("RTX 3090 x2", ["RTX 3090"] * 2),
        ("two Tesla K40c and a GeForce 710", ["Tesla K40c", "Tesla K40c", "GeForce 710"]),
        ("RTX 3080ti", ["RTX 3080ti"]),
        ("on my 3090", ["RTX 3090"]),
        ("a 1080 Ti", ["GTX 1080 Ti"]),
        ("GPU 0: TITAN X (Pascal)", ["TITAN X (Pascal)"]),
        ("GPU 0: RTX A5000\nGPU 1: RTX A5000", ["RTX A5000", "RTX A5000"]),
        ("8 x A100-SXM4-80GB", ["A100-SXM4-80GB"] * 8),
        ("A100 80GB PCIe", ["A100 80GB PCIe"]),
        ("Quadro RTX 4000 with Max-Q Design", ["Quadro RTX 4000 with Max-Q Design"]),
        ("NVIDIA RTX PRO 6000 Blackwell Workstation Edition", ["NVIDIA RTX PRO 6000 Blackwell Workstation Edition"]),
        ("RTX 4060 Laptop GPU", ["RTX 4060 Laptop GPU"]),
        ("显卡: RTX 4090", ["RTX 4090"]),
        ("RTX 3090 here. The RTX 3090 gets hot", ["RTX 3090"]),
        ("NVIDIA GeForce RTX 3090 24GB\nmy RTX 3090 fails", ["NVIDIA GeForce RTX 3090 24GB"]),
        ("GPU 0 = Intel(R) UHD Graphics\nGPU 1 = GeForce RTX 2060", ["GeForce RTX 2060"]),
        ("GPU 0,1,2 GeForce RTX 2080 Ti", ["GeForce RTX 2080 Ti"] * 3),
        ("8*V100 32G", ["V100 32G"] * 8),
        ("works on a V100, fails on an A100", ["A100"]),
        ("it fails on an RTX 5090 (works on RTX 4090)", ["RTX 5090"]),
    ],
)
def test_names_and_numbers_of_them(text: str, names: list[str]) -> None:
    assert _names(text) == names


@pytest.mark.parametrize(
    "text",
    [
        "A100 / H100 / H200 instances",
        "an A100 or H100",
        "does it work on RTX 5090?",
        "needs an A100",
        "3090 images, 1080p video, 2080 steps",
        "a 1080 pixel frame",
        "Apple M4, commit a40 and L4T R36",
        "K8S cluster, T4-like",
        "torchvision/models/v100.py",
    ],
)
def test_what_is_no_gpu_of_the_machine(text: str) -> None:
    assert _names(text) == []


def test_the_capability_stands_with_its_gpu() -> None:
    told = values_of(read(lines_of("GTX 1050 (compute capability 6.1) and RTX 3060 (compute capability 8.6)")))
    assert told["gpu.0.compute_capability"] == "6.1"
    assert told["gpu.1.compute_capability"] == "8.6"


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("A100 with several MIG instances", "on"),
        ("A100 3g.20gb", "on"),
        ("A100, MIG mode disabled", None),
        ("A100", None),
    ],
)
def test_instances_that_are_told_mean_mig(text: str, mode: str | None) -> None:
    assert values_of(read(lines_of(text))).get("gpu.0.mig_mode") == mode


def test_every_board_of_the_matrix_is_found_by_its_name() -> None:
    matrix = load_matrix()
    boards = [model for model in matrix.gpus if not model.name.startswith("Jetson")]
    assert len(boards) > 100
    for model in boards:
        names = _names(f"GPU: {model.name}")
        assert [find(name, matrix.gpus) for name in names] == [find(model.name, matrix.gpus)], model.name
