from __future__ import annotations

import pytest

from envdoctor.matrix.gpu_names import words


@pytest.mark.parametrize(
    ("asked", "name", "capability"),
    [
        ("NVIDIA GeForce RTX 4090", "GeForce RTX 4090", (8, 9)),
        ("rtx4090", "GeForce RTX 4090", (8, 9)),
        ("RTX 4070Ti", "GeForce RTX 4070 Ti", (8, 9)),
        ("NVIDIA A100-SXM4-80GB", "A100 SXM4 80GB", (8, 0)),
        ("NVIDIA A100 80GB PCIe", "A100 PCIe 80GB", (8, 0)),
        ("NVIDIA A100-SXM4-40GB MIG 1g.5gb", "A100 SXM4 40GB", (8, 0)),
        ("Tesla T4", "T4", (7, 5)),
        ("Tesla V100-SXM2-16GB", "Tesla V100 SXM2 16GB", (7, 0)),
        ("NVIDIA H200", "H200 SXM 141GB", (9, 0)),
        ("NVIDIA GB10", "GB10 (DGX Spark)", (12, 1)),
        ("NVIDIA GeForce GTX 1060 6GB", "GeForce GTX 1060 6GB", (6, 1)),
        ("A2", "A2", (8, 6)),
        ("NVIDIA RTX A2000", "RTX A2000", (8, 6)),
        ("NVIDIA RTX 5000 Ada Generation", "RTX 5000 Ada Generation", (8, 9)),
        ("Quadro RTX 5000", "Quadro RTX 5000", (7, 5)),
        ("NVIDIA RTX PRO 5000 Blackwell", "RTX PRO 5000 Blackwell", (12, 0)),
        ("NVIDIA GeForce GTX 1650", "GeForce GTX 1650", (7, 5)),
        ("NVIDIA GeForce GTX 960M", "GeForce GTX 960M", (5, 0)),
        ("NVIDIA GeForce RTX 4060 Laptop GPU", "GeForce RTX 4060", (8, 9)),
        ("NVIDIA GeForce RTX 4050 Laptop GPU", "GeForce RTX 4050 Laptop", (8, 9)),
        ("NVIDIA RTX 5000 Ada Generation Laptop GPU", "RTX 5000 Ada Generation", (8, 9)),
    ],
)
def test_known_names(matrix, asked, name, capability):
    model = matrix.gpu(asked)
    assert model is not None
    assert (model.name, model.capability) == (name, capability)


@pytest.mark.parametrize(
    "asked",
    [
        "RTX 5000",  # Quadro (7.5), Ada (8.9) or Blackwell (12.0)
        "RTX 4000",
        "A2000",
        "A1000",
        "GTX 1650 SUPER",  # no row
        "GTX 960 Laptop GPU",  # 5.0 or 5.2
        "TITAN X",  # 5.2 or 6.1
        "GRID A100-40C",  # a vGPU profile
        "RTX 4050",
        "4090",
        "NVIDIA Graphics Device",
        "NVIDIA",
        "laptop",
        "",
    ],
)
def test_never_a_guess(matrix, asked):
    assert matrix.gpu(asked) is None


def test_spelling_does_not_change_the_answer(matrix):
    for model in matrix.gpus:
        for spelled in (
            model.name.upper(),
            f"NVIDIA {model.name}",
            model.name.replace(" ", "-"),
            f" {model.name} ",
        ):
            found = matrix.gpu(spelled)
            assert found is not None, spelled
            assert found.capability == model.capability, spelled


def test_near_names_are_nearest_first_and_real(matrix):
    near = matrix.gpu_names_near("GeForce RTX 4099")
    assert near[0] == "GeForce RTX 4090"
    assert set(near) <= {model.name for model in matrix.gpus}
    assert matrix.gpu_names_near("toaster") == ()


def test_words_of_hostile_text():
    assert words("\x1b[31mRTX 4090\n") == ("31mrtx", "4090")
    assert words("(((") == ()
