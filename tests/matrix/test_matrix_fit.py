from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envdoctor.matrix.fit import TEGRA, cubin_disputed_on, cubin_runs_on, kernels_for

capabilities = st.tuples(st.integers(2, 13), st.integers(0, 9))
lists = st.lists(capabilities, max_size=8)


@pytest.mark.parametrize(
    ("sass", "ptx", "capability", "answer"),
    [
        ([(8, 6)], [], (8, 9), "sass"),  # RTX 4090 on a wheel that lists sm_86
        ([(8, 0)], [], (8, 6), "sass"),
        ([(8, 6)], [], (8, 0), None),  # an A100 cannot run what was built for 8.6
        ([(8, 9)], [], (9, 0), None),  # never across a major
        ([(10, 0)], [], (10, 3), "sass"),  # B300
        ([(12, 0)], [], (12, 1), "sass"),  # GB10
        ([(10, 0)], [], (11, 0), None),  # Thor
        ([(11, 0)], [], (11, 0), "sass"),
        ([(10, 0)], [], (10, 1), None),  # Thor as CUDA 12 called it
        ([(8, 0), (8, 6)], [], (8, 7), None),  # Orin
        ([(7, 0)], [], (7, 2), None),  # Xavier
        ([(6, 0)], [], (6, 2), None),  # TX2
        ([(8, 7)], [], (8, 7), "sass"),  # a JetPack wheel
        ([(8, 7)], [], (8, 9), None),
        ([(3, 7)], [(3, 7)], (12, 0), "ptx"),
        ([(12, 0)], [(12, 0)], (10, 0), None),
        ([], [], (8, 0), None),
    ],
)
def test_boundaries(sass, ptx, capability, answer):
    assert kernels_for(sass, ptx, capability) == answer


@pytest.mark.parametrize(
    ("built_for", "capability", "major", "answer"),
    [
        ((8, 0), (8, 7), 13, True),
        ((8, 6), (8, 7), 14, True),
        ((8, 0), (8, 7), 12, False),  # where it was seen to fail
        ((8, 7), (8, 7), 13, False),  # made for it
        ((8, 9), (8, 7), 13, False),  # a higher minor runs nowhere
        ((9, 0), (8, 7), 13, False),
        ((8, 0), (8, 6), 13, False),  # no part of a Jetson: it runs
        ((8, 7), (8, 9), 13, False),
    ],
)
def test_what_no_source_settles(built_for, capability, major, answer):
    assert cubin_disputed_on(built_for, capability, major) is answer
    assert not (answer and cubin_runs_on(built_for, capability))


@given(lists, lists, capabilities)
def test_more_kernels_never_serve_less(sass, ptx, capability):
    rank = {None: 0, "ptx": 1, "sass": 2}
    less = kernels_for(sass[1:], ptx[1:], capability)
    assert rank[kernels_for(sass, ptx, capability)] >= rank[less]


@given(lists, capabilities)
def test_a_cubin_serves_its_own_major_only(sass, capability):
    if kernels_for(sass, [], capability) == "sass":
        assert any(built_for[0] == capability[0] and built_for <= capability for built_for in sass)


@given(capabilities, capabilities)
def test_a_cubin_runs_both_ways_only_on_its_own_target(one, other):
    assert (cubin_runs_on(one, other) and cubin_runs_on(other, one)) == (one == other)


@given(lists, st.sampled_from(sorted(TEGRA)))
def test_tegra_runs_what_was_built_for_it_and_nothing_else(sass, capability):
    assert (kernels_for(sass, [], capability) == "sass") == (capability in sass)


@given(lists, capabilities)
def test_ptx_serves_everything_from_its_capability_on(ptx, capability):
    newest_able = [virtual for virtual in ptx if virtual <= capability]
    assert (kernels_for([], ptx, capability) == "ptx") == bool(newest_able)
