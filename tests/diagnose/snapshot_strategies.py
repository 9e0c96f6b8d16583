"""Snapshots no machine ever gave: every fact a probe documents, with a value of any shape, or none."""

from __future__ import annotations

from hypothesis import strategies as st

from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.model.snapshot import Snapshot
from envdoctor.probes.look import PROBES

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
        "\ud800",
    ]
)  # fmt: skip

SHAPES = st.recursive(
    PLAUSIBLE | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["object", "library", "address", "driver", "class", "device", "x"]), inner, max_size=4
        )
    ),
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
