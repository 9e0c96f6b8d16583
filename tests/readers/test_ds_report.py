"""DeepSpeed's report."""

from __future__ import annotations

import pytest

from envdoctor.model.fact import Absent, Known
from envdoctor.readers.paste.cleaning import clean
from envdoctor.readers.paste.environment import ds_report

PASTE = """--------------------------------------------------
DeepSpeed general environment info:
torch install path ............... ['/opt/env/lib/python3.12/site-packages/torch']
torch version .................... 2.3.0+cu121
deepspeed install path ........... ['/opt/env/lib/python3.12/site-packages/deepspeed']
deepspeed info ................... 0.15.5+unknown, unknown, unknown
torch cuda version ............... 12.1
torch hip version ................ None
nvcc version ..................... 11.8
deepspeed wheel compiled w. ...... torch 2.3, cuda 12.1
shared memory (/dev/shm) size .... 64.00 MB
"""


def test_its_rows() -> None:
    reading = ds_report.read(clean(PASTE))
    found = {one.name: one.fact for one in reading.stated}
    assert {name: fact.value for name, fact in found.items() if isinstance(fact, Known)} == {
        "torch.location": "/opt/env/lib/python3.12/site-packages/torch",
        "torch.version": "2.3.0+cu121",
        "torch.cuda": "12.1",
        "toolkit.nvcc_version": "11.8",
        "shm.total_bytes": 64 * 1024 * 1024,
    }
    assert isinstance(found["torch.hip"], Absent)
    assert [(one.name, one.version, one.line) for one in reading.packages] == [("deepspeed", "0.15.5", 6)]
    assert reading.claimed == frozenset(range(3, 12))


@pytest.mark.parametrize(
    ("size", "count"), [("125.77 GB", int(125.77 * 1024**3)), ("1.5 TB", int(1.5 * 1024**4)), ("0 B", 0)]
)
def test_sizes(size: str, count: int) -> None:
    (stated,) = ds_report.read(clean(f"shared memory (/dev/shm) size .... {size}")).stated
    assert stated.fact == Known(count, "ds_report")


def test_a_cpu_build() -> None:
    (stated,) = ds_report.read(clean("torch cuda version ............... None")).stated
    assert isinstance(stated.fact, Absent)


def test_a_missing_nvcc_states_nothing() -> None:
    assert ds_report.read(clean("nvcc version .....................  [FAIL] nvcc missing")).stated == ()


def test_prose_is_left_alone() -> None:
    assert not ds_report.read(clean("the torch version is 2.3.0 ... and nvcc version 12")).claimed
