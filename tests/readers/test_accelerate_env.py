"""The lists of accelerate, transformers and diffusers."""

from __future__ import annotations

import pytest

from envdoctor.model.fact import Known
from envdoctor.readers.paste.cleaning import clean
from envdoctor.readers.paste.environment import accelerate_env

ACCELERATE = """```Shell
- `Accelerate` version: 0.34.2
- Platform: Linux-5.15.0-105-generic-x86_64-with-glibc2.35
- `accelerate` bash location: /opt/env/bin/accelerate
- Python version: 3.10.14
- Numpy version: 1.26.4
- PyTorch version (GPU?): 2.4.0+cu121 (False)
- PyTorch XPU available: False
- System RAM: 251.75 GB
- GPU type: NVIDIA RTX A6000
- `Accelerate` default config:
	Not found
```"""


def values(paste: str) -> dict[str, object]:
    found = accelerate_env.read(clean(paste)).stated
    return {one.name: one.fact.value for one in reversed(found) if isinstance(one.fact, Known)}


def test_accelerate() -> None:
    assert values(ACCELERATE) == {
        "host.os": "linux",
        "host.platform": "linux-x86_64",
        "host.kernel": "5.15.0-105-generic",
        "host.libc": "glibc 2.35",
        "python.version": "3.10.14",
        "torch.version": "2.4.0+cu121",
        "said.cuda_available": False,
        "gpu.0.name": "NVIDIA RTX A6000",
    }
    packages = accelerate_env.read(clean(ACCELERATE)).packages
    assert [(one.name, one.version) for one in packages] == [("accelerate", "0.34.2"), ("numpy", "1.26.4")]


@pytest.mark.parametrize(
    ("line", "available"),
    [
        ("- PyTorch version (GPU?): 2.0.1+cu117 (True)", True),
        ("- PyTorch version (accelerator?): 2.8.0+cu128 (CUDA)", True),
        ("- PyTorch version (accelerator?): 2.8.0+cpu (CPU)", False),
        ("- PyTorch version (accelerator?): 2.8.0 (MPS)", None),
        ("- PyTorch version (GPU?): 1.12.1+cu116", None),
    ],
)
def test_whether_it_finds_a_gpu(line: str, available: bool | None) -> None:
    found = values(line)
    assert str(found["torch.version"]).startswith(("1.", "2."))
    assert found.get("said.cuda_available") is available
    assert ("cuda.init" in found) is (available is True)


def test_a_build_for_rocm_says_nothing_of_libcuda() -> None:
    found = values("- PyTorch version (GPU?): 2.4.0+rocm6.1 (True)")
    assert found["said.cuda_available"] is True
    assert "cuda.init" not in found


def test_a_torch_that_transformers_does_not_find_is_not_absent() -> None:
    assert values("- `transformers` version: 4.44.0\n- PyTorch version (GPU?): not installed (NA)") == {}


def test_the_gpus_of_diffusers() -> None:
    found = values(
        "- 🤗 Diffusers version: 0.31.0\n- Running on Google Colab?: No\n- PyTorch version (GPU?): 2.4.1+cu121 (True)\n"
        "- Accelerator: NVIDIA GeForce RTX 3090, 24576 MiB\nNVIDIA GeForce GTX 1080, 8192 MiB\n"
    )
    assert (found["gpu.0.name"], found["gpu.0.memory_mib"]) == ("NVIDIA GeForce RTX 3090", 24576)
    assert (found["gpu.1.name"], found["gpu.1.memory_mib"]) == ("NVIDIA GeForce GTX 1080", 8192)


def test_python_3_8_tells_the_glibc_of_its_executable() -> None:
    paste = ACCELERATE.replace("3.10.14", "3.8.10")
    assert "host.libc" not in values(paste)


def test_lists_of_others_are_left_alone() -> None:
    reading = accelerate_env.read(
        clean("- Platform: Linux-5.15.0-105-generic-x86_64\n- Python version: 3.10\n- GPU type: T4")
    )
    assert reading.stated == ()
    assert not reading.claimed
