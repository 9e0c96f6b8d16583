"""What was asked at a prompt, and which line answers it."""

from __future__ import annotations

import pytest

from envdoctor.model.fact import Absent
from envdoctor.readers.paste.written.session import read
from paste_lines import lines_of, values_of


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (">>> torch.__version__\n'2.4.1+cu124'", {"torch.version": "2.4.1+cu124"}),
        (">>> print(torch.__version__)\n2.4.1+cpu", {"torch.version": "2.4.1+cpu"}),
        ("In [3]: torch.version.cuda\nOut[3]: '12.4'", {"torch.cuda": "12.4"}),
        ("torch.version.cuda -> '11.8'", {"torch.cuda": "11.8"}),
        ("torch.cuda.device_count() returns 3", {"said.device_count": 3}),
        ("`torch.cuda.get_device_capability()`: (8, 9)", {"gpu.0.compute_capability": "8.9"}),
        (">>> torch.cuda.get_device_name(1)\n'Tesla T4'", {"gpu.1.name": "Tesla T4"}),
        (">>> torch.backends.cudnn.version()\n8902", {"cudnn.version": "8.9.2"}),
        (">>> torch.backends.cudnn.version()\n90100", {"cudnn.version": "9.1.0"}),
        (">>> torch.cuda.nccl.version()\n(2, 18, 1)", {"nccl.version": "2.18.1"}),
        (">>> torchvision.__version__\n'0.19.0'", {"torchvision.version": "0.19.0"}),
        (">>> import platform; platform.processor()\n'i386'", {"python.machine": "x86_64"}),
        (">>> torch.backends.mps.is_available()\nFalse", {"said.mps_available": False}),
        ("$ python --version\nPython 3.9.7", {"python.version": "3.9.7"}),
        ("Python 3.12.1 (main, Dec  8 2023, 00:00:00) [GCC 13.2.0] on linux", {"python.version": "3.12.1"}),
        (">>> torch.__file__\n'/opt/v/lib/python3.11/site-packages/torch/__init__.py'",
         {"torch.location": "/opt/v/lib/python3.11/site-packages/torch"}),
    ],
)  # fmt: skip
def test_a_question_is_answered_below_it_or_behind_it(text: str, told: dict[str, object]) -> None:
    assert values_of(read(lines_of(text))) == told


def test_available_cuda_was_initialised_and_missing_cuda_is_missed() -> None:
    assert values_of(read(lines_of(">>> torch.cuda.is_available()\nTrue"))) == {
        "said.cuda_available": True,
        "cuda.init": 0,
    }
    missed = values_of(read(lines_of(">>> torch.cuda.is_available()\nFalse")))
    assert missed["said.cuda_available"] is False
    assert "cuda.init" not in missed


@pytest.mark.parametrize(
    "text",
    [
        'C:\\x>python -c "import torch; print(torch.__version__, torch.version.cuda, torch.cuda.is_available())"\n'
        "2.3.0+cu121 12.1 False",
        "print('Torch version:', torch.__version__)\nprint('CUDA:', torch.version.cuda)\n"
        "print('CUDA available:', torch.cuda.is_available())\n"
        "Torch version: 2.3.0+cu121\nCUDA: 12.1\nCUDA available: False",
        ">>> torch.__version__, torch.version.cuda, torch.cuda.is_available()\n('2.3.0+cu121', '12.1', False)",
        "print(torch.__version__)\nprint(torch.version.cuda)\nprint(torch.cuda.is_available())\n"
        "\nOutput:\n2.3.0+cu121\n12.1\nFalse",
    ],
)
def test_questions_asked_together_are_answered_in_their_order(text: str) -> None:
    told = values_of(read(lines_of(text)))
    assert (told["torch.version"], told["torch.cuda"], told["said.cuda_available"]) == ("2.3.0+cu121", "12.1", False)


def test_a_warning_may_stand_between_question_and_answer() -> None:
    text = ">>> torch.cuda.is_available()\n/x/torch/cuda/__init__.py:52: UserWarning: CUDA\n  return 1\nFalse"
    stated = {one.name: one.line for one in read(lines_of(text)).stated}
    assert stated["said.cuda_available"] == 4


@pytest.mark.parametrize(
    "text",
    [
        ">>> torch.cuda.is_available()\n>>> x.is_cuda\nFalse",
        "should torch.cuda.is_available() return True?",
        "torch.cuda.is_available() must not be called in forked processes\n",
        ">>> torch.__version__\nSegmentation fault",
        "if torch.cuda.is_available():\n    x = 1",
    ],
)
def test_what_answers_another_question_is_no_answer(text: str) -> None:
    told = values_of(read(lines_of(text)))
    assert "said.cuda_available" not in told
    assert "torch.version" not in told


def test_of_two_tries_the_one_that_fails_counts() -> None:
    text = "torch.version.cuda 10.0 -> cuda.is_available() True\ntorch.version.cuda 10.1 -> cuda.is_available() False"
    told = values_of(read(lines_of(text)))
    assert told["said.cuda_available"] is False
    assert "cuda.init" not in told


def test_no_cuda_in_the_build_is_an_absence() -> None:
    (stated,) = read(lines_of(">>> print(torch.version.cuda)\nNone")).stated
    assert stated.name == "torch.cuda"
    assert isinstance(stated.fact, Absent)


def test_the_list_of_architectures_is_that_of_the_build() -> None:
    told = values_of(read(lines_of(">>> torch.cuda.get_arch_list()\n['sm_50', 'sm_90', 'compute_90']")))
    kernels = told["torch.kernels"]
    assert isinstance(kernels, dict)
    assert kernels["flags"] == ["sm_50", "sm_90", "compute_90"]
    assert kernels["modules"] == 0


def test_a_variable_asked_for_in_python_is_read_where_it_is_listed() -> None:
    text = ">>> os.environ['LD_LIBRARY_PATH']\n'/usr/local/cuda/lib64'\n>>> os.environ['HOME']\n'/home/someone'"
    assert values_of(read(lines_of(text))) == {"env.LD_LIBRARY_PATH": "/usr/local/cuda/lib64"}


def test_python_prints_nothing_of_none() -> None:
    """`>>> torch.version.cuda` and the next prompt right below it: a build without CUDA."""
    for below in (">>> ", ">>> torch.cuda.is_available()\nFalse"):
        told = values_of(read(lines_of(f">>> torch.version.cuda\n{below}")))
        assert told["torch.cuda"] is None
    assert "torch.cuda" not in values_of(read(lines_of(">>> print(torch.version.cuda)\n>>> ")))
    assert "torch.cuda" not in values_of(read(lines_of(">>> x = torch.version.cuda\n>>> ")))
    assert values_of(read(lines_of(">>> torch.version.cuda\n'12.4'\n>>> ")))["torch.cuda"] == "12.4"
