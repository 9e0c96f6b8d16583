"""CUDA_VISIBLE_DEVICES read where libcuda does not answer (CUDA C++ Programming Guide, environment variables)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envdoctor.probes.gpu.visibility import visible

UUIDS = ("GPU-4090aaaa-0001", "GPU-4200bbbb-0002", "GPU-4200cccc-0003")
INSTANCES = ((), (), ("MIG-11111111-aaaa", "MIG-22222222-bbbb"))


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (None, [0, 1, 2]),
        ("", []),
        ("0", [0]),
        ("2,0", [0, 2]),
        (" 1 , 0 ", [0, 1]),
        ("0,-1,1", [0]),
        ("-1", []),
        ("7,0", []),
        ("1,7,0", [1]),
        ("1,junk,0", [1]),
        ("0,0", []),
        ("1,0,1", []),
        ("all", []),
        ("NoDevFiles", []),
        ("999999999999", []),
        ("\u0661", []),
        ("GPU-4090", [0]),
        ("GPU-4200bbbb-0002", [1]),
        ("GPU-4200", []),
        ("GPU-", []),
        ("GPU-4200c,GPU-4090", [0, 2]),
        ("GPU-4090,1", [0]),
        ("1,GPU-4090", [1]),
        ("MIG-22222222-bbbb", [2]),
        ("MIG-11111111-aaaa,MIG-22222222-bbbb", [2]),
        ("MIG-99999999", []),
        ("MIG-GPU-4200cccc-0003/1/0", [2]),
    ],
)
def test_forms(asked: str | None, found: list[int]) -> None:
    assert visible(asked, None, uuids=UUIDS, instances=INSTANCES) == found


def test_uuids_are_told_whatever_the_order_of_different_models() -> None:
    assert visible("GPU-4200b", None, uuids=UUIDS, alike=False) == [1]
    assert visible(None, None, uuids=UUIDS, alike=False) == [0, 1, 2]
    assert visible("1", "PCI_BUS_ID", uuids=UUIDS, alike=False) == [1]


def test_indexes_of_different_models_depend_on_the_order() -> None:
    said = visible("1", "FASTEST_FIRST", uuids=UUIDS, alike=False)
    assert isinstance(said, str)
    assert "CUDA_DEVICE_ORDER=PCI_BUS_ID" in said


@given(st.text(alphabet="012345-,GPUMIG abcf/\x00\n"), st.integers(0, 4))
def test_any_text_gives_indexes_that_exist(asked: str, count: int) -> None:
    found = visible(asked, None, uuids=[f"GPU-{number}" for number in range(count)])
    assert isinstance(found, list)
    assert found == sorted(set(found))
    assert all(0 <= index < count for index in found)
