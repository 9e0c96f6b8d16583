"""Complaints of software in a paste: found wherever they stand, each once, bounded, with the facts some name."""

from __future__ import annotations

import pytest

from envdoctor.model.fact import Known
from envdoctor.model.paste import Line, Reading
from envdoctor.readers.paste.error_texts import MOST_CHARACTERS, MOST_FIRST, MOST_LAST, read


def reading(text: str) -> Reading:
    """Read a text line by line."""
    return read([Line(number, line) for number, line in enumerate(text.split("\n"), 1)])


def facts(text: str) -> dict[str, object]:
    """The facts that the messages of a text name."""
    return {one.name: one.fact.value for one in reading(text).stated if isinstance(one.fact, Known)}


def test_a_traceback_gives_its_last_line_with_the_package_it_is_from() -> None:
    """The lines of source in between are no complaint, and the folders of a person are left out."""
    found = reading(
        "Traceback (most recent call last):\n"
        '  File "/home/someone/env/lib/python3.10/site-packages/torch/cuda/__init__.py", line 289, in _lazy_init\n'
        '    raise AssertionError("Torch not compiled with CUDA enabled")\n'
        "AssertionError: Torch not compiled with CUDA enabled\n"
        "$ ls"
    )
    assert [(one.text, one.line) for one in found.said] == [
        ("In torch/cuda/__init__.py:\nAssertionError: Torch not compiled with CUDA enabled\n$ ls", 4)
    ]
    assert not found.claimed


def test_a_message_goes_on_in_the_lines_below() -> None:
    """What carries on a sentence belongs to it, up to an empty line or the next complaint."""
    found = reading("xFormers can't load C++/CUDA extensions. It was built for:\n    PyTorch 2.1.0\n\nnothing else")
    assert found.said[0].text.endswith("PyTorch 2.1.0")
    assert len(found.said) == 1


def test_a_wrapped_message_keeps_its_beginning() -> None:
    """Mail and terminals break lines: the telling word may stand in the second."""
    found = reading("The GeForce RTX 3080 Laptop GPU here, with capability sm_86,\nis not compatible with this build.")
    assert found.said[0].line == 1


@pytest.mark.parametrize(
    "text",
    [
        "Nvidia driver version: Could not collect",
        "Vulnerability Spectre v2: Mitigation; Retpolines, STIBP disabled",
        "host:41:41 [0] NCCL INFO NET/Plugin: could not find libnccl-net.so",
        "import torch\nfrom torch import nn",
        "everything is as it was",
    ],
)
def test_what_healthy_machines_print_is_no_complaint(text: str) -> None:
    """Listings hold many words of failure and mean none."""
    assert not reading(text).said


def test_what_every_process_prints_is_told_once() -> None:
    """Numbers alone make no other complaint."""
    assert len(reading("\n".join(f"[rank{n}]: NCCL WARN failed at 0x{n}" for n in range(8))).said) == 1


def test_a_long_log_is_read_at_its_ends() -> None:
    """The number of texts and the length of each are bounded."""
    words = [f"{'abcdefghij'[n // 100]}{'abcdefghij'[n // 10 % 10]}{'abcdefghij'[n % 10]}" for n in range(500)]
    found = reading("\n\n".join(f"error {word} {'x' * 5000}" for word in words)).said
    assert len(found) == MOST_FIRST + MOST_LAST
    assert (found[0].line, found[-1].line) == (1, 999)
    assert all(len(one.text) <= MOST_CHARACTERS for one in found)


def test_credentials_do_not_enter_a_text() -> None:
    """A failed download names its address."""
    assert "secret" not in reading("ERROR: cannot reach https://user:secret@mirror.example/whl").said[0].text


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("The NVIDIA driver on your system is too old (found version 11040).", "driver.cuda_version", "11.4"),
        ("Found GPU1 Quadro K2200 which is of cuda capability 5.0.", "gpu.1.compute_capability", "5.0"),
        ("Found GPU1 Quadro K2200 which is of cuda capability 5.0.", "gpu.1.name", "Quadro K2200"),
        ("UserWarning: NVIDIA L4 with CUDA capability sm_89 is not compatible", "gpu.0.name", "NVIDIA L4"),
        ("Error 804: forward compatibility was attempted on non supported HW", "cuda.init", 804),
        ("Failed to initialize NVML: Driver/library version mismatch", "nvml.status", 18),
        ("PyTorch has CUDA Version=12.1 and torchvision has CUDA Version=11.8.", "torchvision.cuda", "11.8"),
        ("PyTorch has CUDA version 12.1 whereas TorchAudio has CUDA version 11.8.", "torchaudio.cuda", "11.8"),
        ("The detected CUDA version (12.4) mismatches the version that was used to compile\nPyTorch (11.7).",
         "toolkit.nvcc_version", "12.4"),
    ],
)  # fmt: skip
def test_some_messages_name_facts(text: str, name: str, value: object) -> None:
    """Versions and names that software states of itself."""
    assert facts(text)[name] == value


def test_the_service_that_compose_writes_before_a_line_is_no_part_of_the_words() -> None:
    text = "worker-1  | RuntimeError: Found no NVIDIA driver on your system.\nweb_2 | Error: refused"
    assert [said.text for said in reading(text).said] == [
        "RuntimeError: Found no NVIDIA driver on your system.",
        "Error: refused",
    ]
    (kept,) = reading("| name | Error: not found |").said
    assert kept.text.startswith("| name")


@pytest.mark.parametrize(
    "code",
    [
        "/usr/lib/python3.7/dist-packages/torch/cuda/__init__.py in _lazy_init()\n"
        "    207             raise AssertionError('Torch not compiled with CUDA enabled')\n"
        "--> 214         torch._C._cuda_init()\n",
        "File ~/env/lib/python3.11/site-packages/torch/cuda/__init__.py:293, in _lazy_init()\n"
        "    (...)\n"
        "    292     raise AssertionError('Torch not compiled with CUDA enabled')\n",
        "Cell In[2], line 2\n      1 # an error of old\n----> 2 raise_error()\n",
        "\u2502   241 \u2502   \u2502   raise AssertionError('Torch not compiled with CUDA enabled') \u2502\n",
    ],
)
def test_the_code_that_notebooks_and_boxes_show_around_a_frame_is_no_complaint(code: str) -> None:
    found = reading(f"{code}\nRuntimeError: No CUDA GPUs are available")
    assert [one.text.rpartition("\n")[2] for one in found.said] == ["RuntimeError: No CUDA GPUs are available"]


def test_an_error_of_a_notebook_is_of_the_file_above_it() -> None:
    found = reading(
        "~/.local/lib/python3.6/site-packages/torch_tensorrt/_enums.py in <module>\n----> 1 from x import y\n\n"
        "ImportError: libx.so: cannot open shared object file"
    )
    assert found.said[0].text.startswith("In torch_tensorrt/_enums.py:\n")
