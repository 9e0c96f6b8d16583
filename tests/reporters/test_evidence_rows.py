"""Tables as evidence: a row that matters in words, and never a cut through the middle of JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envdoctor.reporters.evidence_rows import rows_in_words

if TYPE_CHECKING:
    from envdoctor.model.fact import Value

OBJECT = "torch/lib/libtorch_cuda.so"


def missing(library: str, package: str = "torch", thing: str = OBJECT) -> Value:
    return {"object": thing, "library": library, "package": package, "role": "entry"}


@pytest.mark.parametrize(
    ("fact", "value", "subject", "said"),
    [
        ("libraries.missing", [missing("libcudnn.so.9")], "torch", f"{OBJECT} needs libcudnn.so.9"),
        (
            "libraries.missing",
            [missing("libcudnn.so.9"), missing("libx.so.1", "xformers", "x.so")],
            "xformers",
            "x.so needs libx.so.1",
        ),
        (
            "libraries.missing",
            [missing(f"lib{letter}.so") for letter in "abcd"],
            "torch",
            f"{OBJECT} needs liba.so, {OBJECT} needs libb.so, and 2 more",
        ),
        (
            "libraries.undefined",
            [{"object": "a.so", "package": "a", "symbols": [{"name": "_ZN1fEv", "shown": "f()"}], "count": 3}],
            "a",
            "a.so needs _ZN1fEv",
        ),
        (
            "libraries.unmet_versions",
            [{"object": "a.so", "package": "a", "library": "libc.so.6", "version": "GLIBC_2.99"}],
            "a",
            "a.so needs GLIBC_2.99 of libc.so.6",
        ),
        (
            "libraries.shadowed",
            [
                {"library": "libnccl.so.2", "file": "/opt/libnccl.so.2", "how": "LD_PRELOAD"},
                {"library": "libcudnn.so.9", "file": "/opt/libcudnn.so.9", "how": "LD_LIBRARY_PATH"},
            ],
            "cudnn",
            "libcudnn.so.9 from /opt/libcudnn.so.9 by LD_LIBRARY_PATH",
        ),
        (
            "packages.damaged",
            [
                {
                    "package": "nvidia-nccl-cu13",
                    "files": [
                        {"file": "a.so", "what": "truncated", "recorded": 9, "found": 4},
                        {"file": "b.so", "what": "missing", "recorded": 9, "found": None},
                        {"file": "c.so", "what": "hash", "recorded": 9, "found": 9},
                    ],
                }
            ],
            "nvidia-nccl-cu13",
            "a.so: truncated, 4 of 9 bytes, b.so: missing, and 1 more",
        ),
        (
            "torch.kernels",
            {"files": ["x"], "modules": 475, "sass": {"75": 1.0, "90a": 0.0084}, "ptx": {"120": 1.0}},
            "gpu:0",
            "sm_75 sm_90a in 0.8% compute_120",
        ),
        (
            "smoke.conditions",
            [
                {
                    "device": "cuda:0",
                    "samples": 9,
                    "sm_clock_mhz_min": 210,
                    "sm_clock_mhz_max": 1980,
                    "power_w_max": 60.4,
                    "power_limit_w": 400,
                    "throttle": ["hw-thermal"],
                    "mps": False,
                }
            ],
            "gpu:0/fft",
            "cuda:0 meanwhile: SM clock 210-1980 MHz; up to 60 W of 400 W; held down: hw-thermal",
        ),
        (
            "python.local_modules",
            [{"module": "torch", "path": "/srv/torch.py", "from": "PYTHONPATH", "hides": None}],
            "torch",
            "torch from /srv/torch.py by PYTHONPATH",
        ),
    ],
)
def test_the_rows_of_the_subject_are_told_in_words(fact: str, value: Value, subject: str, said: str) -> None:
    assert rows_in_words(fact, value, subject) == said


@pytest.mark.parametrize(
    ("fact", "value"),
    [
        ("torch.requires", ["numpy"]),
        ("libraries.missing", []),
        ("libraries.missing", ["text"]),
        ("libraries.missing", [{"library": "libx.so"}]),
        ("libraries.undefined", [{"object": "a.so", "symbols": [{}]}]),
        ("packages.damaged", [{"files": [{"file": "a.so"}]}]),
        ("torch.kernels", 7),
    ],
)
def test_what_is_shaped_otherwise_is_left_to_its_json(fact: str, value: Value) -> None:
    assert rows_in_words(fact, value, "torch") is None
