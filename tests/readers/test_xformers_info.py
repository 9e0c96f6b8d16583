"""What `python -m xformers.info` tells."""

from __future__ import annotations

from envdoctor.model.fact import Known
from envdoctor.readers.paste.cleaning import clean
from envdoctor.readers.paste.environment import xformers_info

PASTE = """xFormers 0.0.22.post7+cu118
memory_efficient_attention.cutlassF:               unavailable
is_triton_available:                               True
pytorch.version:                                   2.0.1+cu118
pytorch.cuda:                                      not available
gpu.compute_capability:                            6.0
gpu.name:                                          Tesla P100-PCIE-16GB
build.cuda_version:                                1108
build.torch_version:                               2.1.0+cu118
build.python_version:                              3.10.13
"""


def test_its_rows() -> None:
    reading = xformers_info.read(clean(PASTE))
    assert {one.name: one.fact.value for one in reading.stated if isinstance(one.fact, Known)} == {
        "torch.version": "2.0.1+cu118",
        "said.cuda_available": False,
        "gpu.0.compute_capability": "6.0",
        "gpu.0.name": "Tesla P100-PCIE-16GB",
    }
    assert [(one.name, one.version) for one in reading.packages] == [("xformers", "0.0.22.post7+cu118")]
    assert reading.claimed == frozenset(range(1, 11))


def test_a_version_of_xformers_alone_is_left_to_others() -> None:
    assert not xformers_info.read(clean("xFormers 0.0.22\ngpu.name: something")).claimed
