"""Snapshots no machine ever gave: every fact a probe documents, with a value of any shape, or none.

Three kinds: of absurd values throughout, of a real machine with some of them absurd, and chimeras, whose every fact
is that of some machine of the gallery, but not of the same one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from envdoctor.codec.snapshot import decode
from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.model.snapshot import Snapshot
from envdoctor.probes.look import PROBES

if TYPE_CHECKING:
    from envdoctor.model.fact import Fact

CASES = Path(__file__).parents[1] / "cases"
GALLERY = [decode(json.loads(path.read_bytes())) for path in sorted(CASES.glob("*/snapshot.json"))]

NAMES = sorted({name.replace(".N.", f".{index}.") for probe in PROBES for name in probe.FACTS for index in range(3)})

PLAUSIBLE = st.sampled_from(
    [
        0, 1, 2, 3, -1, 9, 15, 18, 100, 803, 999, 10**12, "", "0", "12.8", "12.2", "13.0", "8.0", "7.0", "12.0", "99.9",
        "2.9.1", "2.9.1+cu128", "2.14.0+cu130", "2.13.0+cpu", "9.9.9+cu999", "cu128", "cu126", "cpu", "pypi", "ngc",
        "pytorch-index", "conda-forge", "535.104.05", "470.256.02", "580.82.07", "535", "linux", "windows", "bare",
        "container", "wsl2", "jetson", "linux-x86_64", "windows-x86_64", "macos-arm64", "plan9-mips", "cp311", "cp38",
        "3.11.7", "glibc 2.36", "glibc 2.17", "glibc x.y", "NVIDIA A100-SXM4-80GB", "Tesla V100-SXM2-16GB", "0,1", "-1",
        "torch==2.9.1", 'torch==2.9.1; python_version < "x"', 'triton~=3.8.0; sys_platform ~= "linux"', "triton @ ://",
        'torch; implementation_name == "cpython"', 'torch; "a" in extra', "٣.٤", "1!2.0", "2.0.dev", "\x1b[31m",
        "\ud800", "macos", "macos-arm64", "macos-x86_64", "linux-aarch64", "linux-aarch64-jetson", "jetson",
        "sbsa", "vm-vgpu",
        "macos 14.5", "macos 12.2.1", "macos ", "windows 10.0.19045", "ubuntu 22.04", "36.4.0", "arm64",
        "aarch64", "x86_64",
        "conda", "system", "uv", "user", "environment", "dist-packages", "distro", "source", "rocm", "xpu",
        "mps", "jetson",
        "conda-pytorch", "gfx1100", "gfx90a", "gfx", "on", "off", "vgpu", "docker",
        "https://download.pytorch.org/whl/cu128",
        "https://download.pytorch.org/whl/cpu", "https://download.pytorch.org/whl/cu999", "index-url",
        "extra-index-url",
        "pip", "PIP_INDEX_URL", "/etc/pip.conf", "2024.1.0", "1.26.4", "2.0.0", "3.8.20",
        "cp311-cp311-manylinux_2_28_x86_64",
        "cp310-cp310-win_amd64", "cp3-none-any", "manylinux", "--", "nvidia-cudnn-cu12", "nvidia-cudnn-cu13", "torch",
        "py3.11_cuda12.4_cudnn9.1.0_0", "py3.8_cpu_0", "pytorch", "defaults", "CUDA_HOME", "nvcc on PATH",
        "avx2", "QEMU Virtual",
        67_108_864, 65_536, 0.5, 802, 804, 17, "GPU-", "MIG-5c1e9f2a", "all", "void", "none",
        "vcruntime140.dll", "1" * 5000,
    ]
)  # fmt: skip

KEYS = [
    "object", "library", "address", "driver", "class", "device", "x", "folder", "kind", "version", "tool", "setting",
    "value", "from", "name", "site", "installer", "build", "channel", "file", "packages", "owner", "requires",
    "path", "nvcc",
    "pytorch", "torchvision", "torchaudio", "mkl", "pytorch-cuda", "cudatoolkit", "numpy", "torch", "triton",
    "nvidia-cudnn-cu12", "nvidia-cudnn-cu13", "nvidia-nccl-cu12", "nvidia-cublas", "opencv-python",
    "NVIDIA_REQUIRE_CUDA",
]  # fmt: skip

SHAPES = st.recursive(
    PLAUSIBLE | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=8,
)

WORDS = st.text(max_size=8)
FACTS = st.one_of(
    st.builds(Known, SHAPES, WORDS),
    st.builds(Known, PLAUSIBLE, WORDS),
    st.builds(Known, st.lists(PLAUSIBLE, max_size=3), WORDS),
    st.builds(Absent, WORDS),
    st.builds(Unknown, WORDS),
)

SNAPSHOTS = st.builds(Snapshot, st.dictionaries(st.sampled_from(NAMES), FACTS, max_size=len(NAMES)))


@st.composite
def disturbed(draw: st.DrawFn, snapshot: Snapshot, most: int = 6) -> Snapshot:
    """A real machine in which some facts were replaced by anything."""
    changes = draw(st.dictionaries(st.sampled_from(sorted(snapshot.facts)), FACTS, max_size=most))
    return snapshot.having(changes)


POOL: dict[str, list[Fact]] = {}
"""What each fact is on the machines of the gallery, every answer once."""

for _snapshot in GALLERY:
    for _name, _fact in _snapshot.facts.items():
        if _fact not in POOL.setdefault(_name, []):
            POOL[_name].append(_fact)


@st.composite
def chimeras(draw: st.DrawFn, most: int = 40) -> Snapshot:
    """A machine of the gallery in which some facts are those of other machines of it."""
    base = draw(st.sampled_from(GALLERY))
    names = draw(st.lists(st.sampled_from(sorted(POOL)), max_size=most, unique=True))
    return base.having({name: draw(st.sampled_from(POOL[name])) for name in names})
