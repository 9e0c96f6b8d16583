"""When a paste itself shows that nothing is wrong with the environment."""

from __future__ import annotations

import pytest

from envdoctor.diagnose.judge import diagnose
from envdoctor.diagnose.other_matter import other_matter
from envdoctor.matrix.load import load_matrix
from envdoctor.readers.paste.all_readers import readings
from envdoctor.readers.paste.assembling import assemble
from envdoctor.readers.paste.cleaning import clean

MATRIX = load_matrix()


def sentence(text: str) -> str | None:
    seen = assemble(readings(clean(text))).snapshot
    return other_matter(diagnose(seen, MATRIX), seen)


def test_a_torch_that_sees_its_gpu_is_well() -> None:
    said = sentence(">>> torch.cuda.is_available()\nTrue\n>>> torch.__version__\n'2.6.0+cu124'")
    assert said == "torch reaches its GPU (a Python session, line 2), and nothing else that is told is wrong."


def test_a_full_memory_is_another_matter() -> None:
    said = sentence("torch 2.0.1+cu118\nRuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB")
    assert said is not None
    assert said.startswith('What fails is no defect of the environment: "CUDA out of memory" (line 2)')


@pytest.mark.parametrize(
    "text",
    [
        "torch 2.6.0+cu124, RTX 4090",
        ">>> torch.cuda.is_available()\nTrue\nbut each operation on the GPU fails",
        "RuntimeError: CUDA out of memory\nFailed to initialize NVML: Driver/library version mismatch",
    ],
)
def test_a_doubt_stays_a_doubt(text: str) -> None:
    assert sentence(text) is None
