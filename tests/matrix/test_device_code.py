"""What a file's device code serves: NVIDIA's rules for plain, `a` and `f` targets, and the shares of modules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envdoctor.matrix.device_code import FEW, MOST, MOST_LISTED, DeviceCode, read_code, read_flags, throughout
from envdoctor.matrix.fit import TEGRA, kernels_for
from envdoctor.model.machine import Undecidable

if TYPE_CHECKING:
    from envdoctor.model.fact import Value

FACT = "torch.kernels"

capabilities = st.tuples(st.integers(2, 13), st.integers(0, 9))
keys = st.builds(
    lambda pair, special: f"{pair[0]}{pair[1]}{special}", capabilities, st.sampled_from(["", "", "a", "f"])
)
shares = st.floats(0.0001, 1.0).map(lambda share: round(share, 4))
tables = st.dictionaries(keys, shares, max_size=8)


def code(sass: dict[str, float], ptx: dict[str, float] | None = None) -> DeviceCode:
    return read_code({"sass": {**sass}, "ptx": {**(ptx or {})}}, FACT)


def every(text: str) -> dict[str, float]:
    return dict.fromkeys(text.split(), 1.0)


@pytest.mark.parametrize(
    ("key", "runs_on"),
    [
        # GPUs of 2026: T4, A100, RTX 3090, Orin, RTX 4090, H100, B200, Thor as CUDA 12 called it, B300, Thor, RTX 5090,
        # GB10
        ("75", {(7, 5)}),
        ("80", {(8, 0), (8, 6), (8, 9)}),
        ("86", {(8, 6), (8, 9)}),
        ("87", {(8, 7)}),
        ("89", {(8, 9)}),
        ("90", {(9, 0)}),
        ("90a", {(9, 0)}),
        ("100", {(10, 0), (10, 3)}),
        ("100a", {(10, 0)}),
        ("100f", {(10, 0), (10, 3)}),
        ("101a", {(10, 1)}),
        ("103a", {(10, 3)}),
        ("103f", {(10, 3)}),
        ("110", {(11, 0)}),
        ("110f", {(11, 0)}),
        ("120", {(12, 0), (12, 1)}),
        ("120a", {(12, 0)}),
        ("120f", {(12, 0), (12, 1)}),
        ("121a", {(12, 1)}),
        ("121f", {(12, 1)}),
    ],
)
def test_machine_code_runs_where_nvidia_says(key: str, runs_on: set[tuple[int, int]]) -> None:
    gpus = [(7, 5), (8, 0), (8, 6), (8, 7), (8, 9), (9, 0), (10, 0), (10, 1), (10, 3), (11, 0), (12, 0), (12, 1)]
    assert {gpu for gpu in gpus if code(every(key)).kind_for(gpu) == "sass"} == runs_on


@pytest.mark.parametrize(
    ("key", "capability", "kind"),
    [
        ("80", (12, 1), "ptx"),
        ("120", (10, 0), None),
        ("90a", (9, 0), "ptx"),
        ("90a", (10, 0), None),
        ("100f", (10, 3), "ptx"),
        ("100f", (12, 0), None),
    ],
)
def test_ptx_is_for_every_newer_gpu_unless_it_is_special(key: str, capability: tuple[int, int], kind: str) -> None:
    assert code({}, every(key)).kind_for(capability) == kind
    assert code({}, every(key)).kind_for(capability, jit=False) is None


@pytest.mark.parametrize(
    ("sass", "ptx", "capability", "kind"),
    [
        # libtorch_cuda of 2.14.1+cu130
        ({"80": 1.0, "86": 1.0, "89": 0.0021}, {}, (8, 9), "sass"),
        ({"90": 1.0, "100a": 0.1242}, {}, (10, 0), None),
        ({"100": 1.0, "103f": 0.1242}, {}, (10, 3), "sass"),
        # 1.13.1: 3.7 was named, 3.5 came along
        ({"35": 0.1693, "37": 0.7448, "80": 0.9609}, {}, (3, 7), "sass"),
        ({"35": 0.1693, "37": 0.7448, "80": 0.9609}, {}, (3, 5), None),
        # 1.10.2+cu102, which has cuDNN in it
        ({"35": 0.473, "37": 0.4253, "70": 0.9257}, {}, (3, 7), "some"),
        ({"35": 0.473, "37": 0.4253, "70": 0.9257}, {}, (3, 5), "some"),
        ({"50": 0.8647, "60": 0.8744, "61": 0.2626}, {}, (6, 1), "sass"),
        # half of it as machine code, the other half as PTX perhaps
        ({"75": 1.0, "80": 0.5}, {"80": 0.5}, (8, 6), "some"),
        ({"75": 1.0, "80": 0.5}, {"80": 1.0}, (8, 6), "ptx"),
        ({}, {}, (8, 0), None),
    ],
)
def test_what_a_few_modules_hold_serves_no_gpu(
    sass: dict[str, float], ptx: dict[str, float], capability: tuple[int, int], kind: str | None
) -> None:
    assert code(sass, ptx).kind_for(capability) == kind


def test_what_a_build_states_of_itself_settles_which_part_was_meant() -> None:
    held = code({"35": 0.473, "37": 0.4253, "50": 0.8647, "60": 0.8744, "61": 0.2626, "70": 0.9257, "75": 0.4916})
    stated = read_flags(["sm_37", "sm_50", "sm_60", "sm_61", "sm_70"], FACT)
    assert held.made_for().listed == "sm_50 sm_60 sm_70"
    assert held.made_for(stated).listed == "sm_37 sm_50 sm_60 sm_70"


def test_a_long_list_is_cut() -> None:
    held = code(dict.fromkeys((f"{major}{minor}" for major in (3, 5, 7, 8) for minor in range(10)), 1.0))
    assert held.listed.endswith(f" and {40 - MOST_LISTED} more")


@given(st.lists(capabilities, max_size=8), st.lists(capabilities, max_size=8), capabilities)
def test_what_every_module_holds_is_judged_as_a_row_of_the_matrix(
    sass: list[tuple[int, int]], ptx: list[tuple[int, int]], capability: tuple[int, int]
) -> None:
    assert throughout(sass, ptx).kind_for(capability) == kernels_for(sass, ptx, capability)


@given(tables, tables, capabilities)
def test_a_gpu_that_is_served_has_code_and_one_that_is_not_has_little(
    sass: dict[str, float], ptx: dict[str, float], capability: tuple[int, int]
) -> None:
    held = code(sass, ptx)
    kind, serving = held.kind_for(capability), held.shares_for(capability)
    if kind in ("sass", "ptx"):
        assert max(serving) >= MOST * held.best
    elif kind == "some":
        assert FEW * held.best <= sum(serving)
        assert max(serving) < MOST * held.best
    else:
        assert sum(serving) < FEW * held.best or not serving


@given(tables, tables, capabilities, keys, shares)
def test_more_of_what_serves_a_gpu_never_serves_it_less(
    sass: dict[str, float], ptx: dict[str, float], capability: tuple[int, int], key: str, share: float
) -> None:
    rank = {None: 0, "some": 1, "ptx": 2, "sass": 3}
    before, best = code(sass, ptx), code(sass, ptx).best
    more = code({**sass, key: max(share, sass.get(key, 0.0))}, ptx)
    if more.best == best:  # code for others in more modules makes the same share less
        assert rank[more.kind_for(capability)] >= rank[before.kind_for(capability)]


@given(tables, st.sampled_from(sorted(TEGRA)))
def test_a_part_of_a_jetson_runs_only_what_was_built_for_it(
    sass: dict[str, float], capability: tuple[int, int]
) -> None:
    own = f"{capability[0]}{capability[1]}"
    if code(sass).kind_for(capability) == "sass":
        assert {own, f"{own}a", f"{own}f"} & set(sass)


@given(tables, tables)
def test_something_was_compiled_for_throughout_wherever_there_is_code(
    sass: dict[str, float], ptx: dict[str, float]
) -> None:
    held = code(sass, ptx)
    assert bool(held.made_for().best) == bool(sass or ptx)


HOSTILE: tuple[Value, ...] = (
    None, 3, "80", [], ["80"], True, {"sm_80": 1.0}, {"80": "1.0"}, {"80": True}, {"80": None}, {"80": -0.1},
    {"80": 1.1}, {"80": float("nan")}, {"80": 10**400}, {"": 1.0}, {"8": 1.0}, {"80b": 1.0}, {"8000": 1.0}, {"٨٠": 1.0},
    {"80\n": 1.0}, {"08": 0.5}, {"80": {}},
)  # fmt: skip


@pytest.mark.parametrize("cell", HOSTILE, ids=repr)
@pytest.mark.parametrize("kind", ["sass", "ptx"])
def test_a_table_of_another_shape_is_undecidable(kind: str, cell: Value) -> None:
    with pytest.raises(Undecidable) as reason:
        read_code({"sass": {}, "ptx": {}, kind: cell}, FACT)
    assert reason.value.fact == FACT
    assert len(str(reason.value)) < 200


@pytest.mark.parametrize("cell", ["sm_80", {"sm_80": 1}, 3, [80], ["80"], ["gfx90a"], ["sm_"], ["sm_80", None]])
def test_a_list_of_targets_of_another_shape_is_undecidable(cell: Value) -> None:
    with pytest.raises(Undecidable):
        read_flags(cell, FACT)


def test_no_targets_are_no_source() -> None:
    assert read_flags(None, FACT) is None
    assert read_flags([], FACT) is None
    assert code({"80": 0.0}).best == 0
