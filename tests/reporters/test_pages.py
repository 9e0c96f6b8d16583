"""The page of a rule and the list of rules, for people."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from envdoctor.commands.rule_pages import page_of
from envdoctor.matrix.load import load_matrix
from envdoctor.reporters.page import RulePage, render_list, render_page
from envdoctor.rules.rule import Rule, all_rules

MATRIX = load_matrix()
PAGE = RulePage(
    rule="a-defect",
    worst="error",
    text="One line.\n\n## What it means\nOne thing\nand another:\n- a list that is\nlong\n- second\n\nA last word.",
    severities=(("no GPU is served", "error"), ("another GPU is served", "warning")),
    reads=("torch.version", "gpu.N.name"),
    explains=(),
    example=None,
    finding=None,
    quiet=("a healthy machine",),
)


def test_a_page() -> None:
    assert render_page(PAGE).splitlines() == [
        "a-defect (at worst: error)",
        "",
        "One line.",
        "",
        "What it means",
        "  One thing and another:",
        "  - a list that is long",
        "  - second",
        "",
        "  A last word.",
        "",
        "Severity",
        "  error    no GPU is served",
        "  warning  another GPU is served",
        "",
        "It is silent about",
        "  - a healthy machine",
        "",
        "Facts it reads",
        "  torch.version, gpu.N.name",
    ]


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.name)
def test_colour_adds_nothing_to_the_words(rule: Rule) -> None:
    page = page_of(rule, MATRIX)
    plain = render_page(page)
    assert "\x1b" not in plain
    coloured = render_page(page, colour=True)
    assert "\x1b[1m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain
    assert page.finding is not None
    assert page.finding.rule == rule.name
    if rule.of_files_alone:
        assert "\n".join(f"    {line}" for line in page.file.splitlines()) in plain
        assert "A file with this: " in plain
        assert "Facts it reads" not in plain
    else:
        assert "A machine with this: " in plain


def test_a_page_without_its_example_is_still_one() -> None:
    rule = all_rules()[0]
    page = replace(page_of(rule, MATRIX), finding=None)
    assert "\nExample\n" not in render_page(page)
    assert "\nSeverity\n" in render_page(page)


def test_the_list() -> None:
    groups = [("One group", [("a-defect", "error", "What it finds.")]), ("Another", [("b", "note", "Some.")])]
    assert render_list(groups).splitlines() == [
        "One group",
        "",
        "  a-defect",
        "      What it finds. (at worst: error)",
        "",
        "Another",
        "",
        "  b",
        "      Some. (at worst: note)",
    ]
    coloured = render_list(groups, colour=True)
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == render_list(groups)


SEARCHED_FOR = [
    ("cpu-only-build", "AssertionError: Torch not compiled with CUDA enabled"),
    ("compat-libcuda-mismatch", "system has unsupported display driver"),
    ("conda-pip-mix", "operator torchvision::nms does not exist"),
    ("cpu-lacks-instructions", "Illegal instruction"),
    ("cuda-init-stale-driver-state", "CUDA unknown error"),
    ("cuda-package-pin-broken", "cuDNN version incompatibility"),
    ("cuda-visible-devices-empty", "No CUDA GPUs are available"),
    ("dev-shm-too-small", "is killed by signal: Bus error"),
    ("driver-missing", "couldn't communicate with the NVIDIA driver"),
    ("driver-query-failed", "Failed to initialize NVML: Unknown Error"),
    ("driver-too-old", "The NVIDIA driver on your system is too old (found version"),
    ("driver-too-old-for-gpu", "installed in this system is not supported by the NVIDIA"),
    ("fabric-manager-not-running", "system not yet initialized"),
    ("glibc-too-old", "'GLIBC_2.28' not found"),
    ("gpu-arch-dropped", "no kernel image is available for execution on the device"),
    ("gpu-arch-not-in-wheel", "is not compatible with the current PyTorch installation"),
    ("gpu-lost", "Unable to determine the device handle for GPU"),
    ("gpu-too-old-for-triton", "too old to be supported by the triton GPU compiler"),
    ("macos-too-old-for-mps", "The MPS backend is supported on MacOS"),
    ("memlock-limit-too-low", "Cannot allocate memory"),
    ("mig", "No CUDA GPUs are available"),
    ("missing-windows-runtime-dll", "[WinError 126]"),
    ("mkl-incompatible", "undefined symbol: iJIT_NotifyEvent"),
    ("no-gpu-in-container", "The NVIDIA Driver was not detected"),
    ("numpy2-abi", "Numpy is not available"),
    ("nvml-driver-library-mismatch", "Failed to initialize NVML: Driver/library version mismatch"),
    ("package-files-damaged", "Ignoring invalid distribution ~orch"),
    ("python-unsupported", "No module named 'torch._C'"),
    ("rocm-arch-unsupported", "rocBLAS error: Cannot read"),
    ("shared-library-missing", "cannot open shared object file: No such file or directory"),
    ("toolkit-build-mismatch", "mismatches the version that was used to compile PyTorch"),
    ("torch-not-installed", "No module named 'torch'"),
    ("torch-torchaudio-mismatch", "PyTorch and TorchAudio were compiled with different CUDA versions"),
    ("torch-torchvision-mismatch", "RuntimeError: operator torchvision::nms does not exist"),
    ("triton-unavailable", "Cannot find a working triton installation"),
    ("wrong-index-url", "Could not find a version that satisfies the requirement torch"),
    ("wsl-driver", "GPU access blocked by the operating system"),
    ("x86-python-on-apple-silicon", "Could not find a version that satisfies the requirement"),
]


@pytest.mark.parametrize(("rule", "message"), SEARCHED_FOR)
def test_a_page_holds_the_words_that_people_search_for(rule: str, message: str) -> None:
    page = next(one for one in all_rules() if one.name == rule).page
    assert message in " ".join(page.split())


def test_a_command_in_a_page_stays_on_one_line() -> None:
    command = "`python -m pip install --index-url https://mirror.example/whl/cu126 torch==2.14.0+cu126`"
    page = replace(PAGE, text=f"One line.\n\n## How to fix\nType {command}, and wait until it has come to its end.")
    lines = render_page(page).splitlines()
    assert f"  {command}," in lines
    assert all(len(line) <= 80 for line in lines if command not in line)


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.name)
def test_commands_of_every_page_arrive_whole(rule: Rule) -> None:
    page = page_of(rule, MATRIX)
    shown = render_page(page, width=60)
    code = re.findall(r"`[^`]+`", " ".join(page.text.split()))
    assert [one for one in code if one not in shown] == []
