"""What is asked for after a paste: the little that decides, never what stands there already."""

from __future__ import annotations

import pytest

from envdoctor.diagnose.asking import MOST, asks
from envdoctor.diagnose.judge import diagnose
from envdoctor.diagnose.other_matter import other_matter
from envdoctor.matrix.load import load_matrix
from envdoctor.model.plan import Applicability, Plan, Status, Step
from envdoctor.readers.paste.all_readers import readings
from envdoctor.readers.paste.assembling import assemble
from envdoctor.readers.paste.cleaning import clean

MATRIX = load_matrix()
NOTHING = Plan(Status.NOTHING_TO_DO)
BY_HAND = Plan(Status.SOLVED, steps=(Step("reboot", Applicability.MANUAL, "reboot"),))
WHEELS = Plan(
    Status.SOLVED,
    steps=(Step("install-wheels", Applicability.UNSAFE, "puts torch there", ("pip", "install", "torch==2.9.1+cu128")),),
)
OPEN = Plan(Status.IMPOSSIBLE, undecided=True)

SMI, COLLECT_ENV, PIP_LIST = "nvidia-smi", "python -m torch.utils.collect_env", "python -m pip list"
EVERYTHING = "envdoctor snapshot -o machine.json"

COLLECTED = """\
PyTorch version: 2.6.0+cu124
CUDA used to build PyTorch: 12.4
OS: Ubuntu 22.04.5 LTS (x86_64)
Libc version: glibc-2.35
Python version: 3.10.12 (64-bit runtime)
Is CUDA available: {available}
GPU models and configuration: GPU 0: NVIDIA GeForce RTX 4090
Nvidia driver version: 550.120
cuDNN version: Could not collect

Versions of relevant libraries:
[pip3] numpy==1.26.4
[pip3] torch==2.6.0
"""


def asked(text: str, plan: Plan = NOTHING) -> list[str]:
    """The commands that are asked for; the name of what is no command."""
    seen = assemble(readings(clean(text))).snapshot
    diagnosis = diagnose(seen, MATRIX)
    found = asks(diagnosis, seen, plan, other_matter=other_matter(diagnosis, seen) is not None)
    return [one.command or one.what for one in found]


@pytest.mark.parametrize(
    "text",
    [
        "Failed to initialize NVML: Driver/library version mismatch",
        "ImportError: libGL.so.1: cannot open shared object file: No such file or directory",
    ],
)
def test_nothing_is_asked_where_the_cause_is_named_and_a_person_mends_it(text: str) -> None:
    assert asked(text, BY_HAND) == []


def test_wheels_are_chosen_by_driver_and_python() -> None:
    text = "torch 2.5.1+cu124, RTX 5090\nRuntimeError: CUDA error: no kernel image is available for execution"
    assert asked(text, WHEELS) == [SMI, COLLECT_ENV]
    assert asked(f"{text}\nPython 3.11.4\ndriver 570.86.15", WHEELS) == []


def test_what_works_is_asked_for_its_speed_alone() -> None:
    assert asked(COLLECTED.format(available=True)) == ["envdoctor smoke"]


@pytest.mark.parametrize("text", ["RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB\ntorch 2.0.1+cu118"])
def test_nothing_is_asked_where_the_failure_is_another_matter(text: str) -> None:
    assert asked(text) == []


def test_an_error_is_asked_for_first_where_there_is_none() -> None:
    what, *others = asked("It does not work with my new graphics card, please help")
    assert what == "the whole error text"
    assert COLLECT_ENV in others


def test_what_collect_env_told_is_not_asked_again() -> None:
    """Also where it could not collect it: asking twice collects no more."""
    found = asked(COLLECTED.format(available=False))
    assert COLLECT_ENV not in found
    assert PIP_LIST not in found


@pytest.mark.parametrize(
    ("text", "never"),
    [
        ("$ nvidia-smi\nbash: nvidia-smi: command not found\n2.5.1+cu124", SMI),
        ("MacBook Pro M2, macOS 14.6\n>>> torch.backends.mps.is_available()\nFalse", SMI),
        ("torch 2.5.1+rocm6.2 on an RX 6700 XT\nrocBLAS error: Cannot read TensileLibrary.dat", SMI),
        ("# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64", SMI),
        ("Windows 11\nImportError: undefined symbol: cudnnGetVersion in libcudnn.so.9", "echo $LD_LIBRARY_PATH"),
        ("torch 2.4.0, something with torchvision", "echo $LD_LIBRARY_PATH"),
    ],
)
def test_no_command_is_asked_for_that_would_tell_nothing_there(text: str, never: str) -> None:
    assert never not in asked(text, OPEN)


def test_few_commands_are_asked_for() -> None:
    found = asked("torch.cuda.is_available() is False", OPEN)
    assert found[-1] == EVERYTHING
    assert 1 <= len([one for one in found if one != EVERYTHING]) <= MOST + 1
