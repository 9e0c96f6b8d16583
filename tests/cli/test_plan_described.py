"""A described machine: what means nothing is refused in one line with what may be meant, the rest is planned for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envdoctor.commands import described_gpus, planning
from envdoctor.commands import described_values as values
from envdoctor.commands.describe import Description
from envdoctor.commands.failure import Unusable
from envdoctor.matrix.load import load_matrix
from envdoctor.model.fact import Known
from hostile_texts import SHORT
from machines import run_cli

if TYPE_CHECKING:
    from collections.abc import Callable

MATRIX = load_matrix()
PLATFORMS = "linux-x86_64, linux-aarch64, linux-aarch64-jetson, windows-x86_64, macos-arm64, macos-x86_64"


def refusal(check: Callable[[], object]) -> str:
    with pytest.raises(Unusable) as problem:
        check()
    return problem.value.message


@pytest.mark.parametrize("text", ["535", "535.104.05", " 470.256.02 ", "596.21", "340.108", "580.65.06", "700.10"])
def test_a_driver(text: str) -> None:
    assert values.driver(text, MATRIX) == text.strip()


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("53", "did you mean 535 or 530?"),
        ("5535", "535"),
        ("v535.104.05", "did you mean 535.104.05?"),
        ("R580", "did you mean 580?"),
        ("535.104.05 beta", "did you mean 535.104.05?"),
        ("31.0.15.3623", "did you mean 536.23?"),
        ("32.0.15.7283", "did you mean 572.83?"),
        ("999.99", "write it like 535.104.05; the newest branch known is 6"),
        ("099", "write it like"),
        ("five", "write it like"),
        ("\N{ARABIC-INDIC DIGIT FIVE}35", "did you mean"),
        ("1.2.3.4", "write it like"),
        ("535." * 3000, "not a driver version"),
    ],
)
def test_no_driver(text: str, hint: str) -> None:
    said = refusal(lambda: values.driver(text, MATRIX))
    assert said.startswith(f"--driver {text}: not a driver version; ")
    assert hint in said


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("8.6", "8.6"),
        ("12.1", "12.1"),
        ("08.6", "8.6"),
        ("8.7", "8.7"),
        ("13.0", "13.0"),
        ("2.0", "2.0"),
        ("10.7", "10.7"),
    ],
)
def test_a_compute_capability(text: str, read: str) -> None:
    """Also of Jetson, of a GPU long gone, and of one that is to come."""
    assert values.capability(text, MATRIX) == read


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("8.8", "did you mean 8.7 or 8.9?"),
        ("6.5", "did you mean 6.2 or 6.1?"),
        ("0.5", "did you mean 2.0"),
        ("86.0", "no NVIDIA GPU"),
        ("86", "did you mean 8.6?"),
        ("sm_86", "did you mean 8.6?"),
        ("compute_90a", "did you mean 9.0?"),
        ("sm_120", "did you mean 12.0?"),
        ("8,6", "did you mean 8.6?"),
        ("8.6.0", "did you mean 8.6?"),
        ("8.\N{ARABIC-INDIC DIGIT SIX}", "write it like 8.6"),
        ("eight", "write it like 8.6"),
        ("9" * 10_000, "write it like 8.6"),
    ],
)
def test_no_compute_capability(text: str, hint: str) -> None:
    assert hint in refusal(lambda: values.capability(text, MATRIX))


@pytest.mark.parametrize(
    ("text", "version", "tag"),
    [
        ("3.11", "3.11", "cp311"), ("3.11.7", "3.11.7", "cp311"), ("3.13t", "3.13", "cp313t"),
        ("3.17", "3.17", "cp317"),
        ("3.08", "3.8", "cp38"), ("2.7", "2.7", "cp27"), ("3.5", "3.5", "cp35"),
    ],
)  # fmt: skip
def test_a_python(text: str, version: str, tag: str) -> None:
    assert values.python_version(text, MATRIX) == (version, tag)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("311", "did you mean 3.11?"), ("py3.11", "did you mean 3.11?"), ("cp312", "did you mean 3.12?"),
        ("python3.9", "did you mean 3.9?"), ("3.11.x", "did you mean 3.11?"), ("3.99", "the newest known is 3."),
        ("3.12t", "did you mean 3.12 or 3.13t?"), ("2.9", "write it like 3.11"), ("4.1", "write it like 3.11"),
        ("3", "write it like 3.11"), ("\N{ARABIC-INDIC DIGIT THREE}.11", "write it like"),
        ("x" * 10_000, "write it like 3.11"),
    ],
)  # fmt: skip
def test_no_python(text: str, hint: str) -> None:
    assert hint in refusal(lambda: values.python_version(text, MATRIX))


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("V1OO", "did you mean V100?"),
        ("RTX5O90", "did you mean RTX5090?"),
        ("RTX 4O9O", "did you mean RTX 4090?"),
        ("Geforce RTX 409", "4090"),
        ("\N{FIRE}", "name its --compute-capability instead"),
        ("(" * 10_000, "name its --compute-capability instead"),
        ("RTX 5000", "did you mean Quadro RTX 5000 or RTX 5000 Ada Generation or RTX PRO 5000 Blackwell?"),
        ("RTX 6000", "Quadro RTX 6000 or RTX 6000 Ada"),
        ("Quadro 6000", "Quadro RTX 6000"),
        ("0rin Nano", "did you mean Jetson Orin Nano or Jetson Nano?"),
        ("4801", "unknown to this matrix"),
        ("MI300X", "AMD's"),
        ("Radeon RX 7900 XTX", "AMD's"),
        ("gfx1100", "AMD's"),
        ("Arc B580", "Intel's"),
        ("Iris Xe", "Intel's"),
        ("M3 Max", "--platform macos-arm64"),
        ("Apple M2", "--platform macos-arm64"),
        ("m1", "--platform macos-arm64"),
        ("TPU v5e", "not a GPU of NVIDIA's"),
    ],
)
def test_no_gpu(text: str, hint: str) -> None:
    assert hint in refusal(lambda: described_gpus.model(text, MATRIX))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("4090", "GeForce RTX 4090"), ("1080 Ti", "GeForce GTX 1080 Ti"), ("2080ti", "GeForce RTX 2080 Ti"),
        ("1660 ti", "GeForce GTX 1660 Ti"), ("3070", "GeForce RTX 3070"), ("6000 Ada", "RTX 6000 Ada Generation"),
        ("RTX PRO 6000", "RTX PRO 6000 Blackwell Workstation Edition"), ("Jetson AGX Thor", "Jetson T5000 (AGX Thor)"),
        ("Thor", "Jetson T5000 (AGX Thor)"), ("DGX Spark", "GB10 (DGX Spark)"), ("GB10", "GB10 (DGX Spark)"),
        ("A6000", "RTX A6000"), ("A30", "A30"), ("Orin Nano", "Jetson Orin Nano"), ("Orin NX 16GB", "Jetson Orin NX"),
    ],
)  # fmt: skip
def test_a_gpu_as_people_name_it(text: str, name: str) -> None:
    assert described_gpus.model(text, MATRIX).name == name


def test_no_name_of_the_matrix_is_taken_for_a_gpu_of_others() -> None:
    for model in MATRIX.gpus:
        assert described_gpus.model(model.name, MATRIX) == model


@pytest.mark.parametrize(
    ("described", "platform"),
    [
        (Description(None, ("Jetson Orin Nano",), (), None, None, None), "linux-aarch64-jetson"),
        (Description(None, ("Jetson Nano",), (), None, "linux-aarch64", None), "linux-aarch64-jetson"),
        (Description(None, ("GB200",), (), None, None, None), "linux-aarch64"),
        (Description(None, ("DGX Spark",), (), None, None, None), "linux-aarch64"),
        (Description(None, ("B200",), (), None, None, None), "linux-x86_64"),
    ],
)
def test_the_gpu_of_a_board_tells_the_platform(described: Description, platform: str) -> None:
    assert described.snapshot(MATRIX).facts["host.platform"] == Known(platform, "command line")


@pytest.mark.parametrize(
    ("described", "hint"),
    [
        (Description("580.65.06", (), (), None, "macos-arm64", None), "no NVIDIA driver"),
        (Description(None, ("H100",), (), None, "macos-x86_64", None), "no NVIDIA driver"),
        (Description(None, (), ("8.6",), None, "macos-arm64", None), "no NVIDIA driver"),
        (Description(None, (), (), None, "windows-x86_64", "2.17"), "a C library of Linux"),
        (Description(None, ("GB200",), (), None, "linux-x86_64", None), "did you mean linux-aarch64?"),
        (Description(None, ("Jetson Nano", "DGX Spark"), (), None, None, None), "part of a board"),
    ],
)
def test_words_that_contradict_each_other(described: Description, hint: str) -> None:
    assert hint in refusal(lambda: described.snapshot(MATRIX))


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("3.1", "write it like 2.28"), ("2.99", "write it like 2.28"), ("musl", "write it like 2.28"),
        ("glibc 2.31", "did you mean 2.31?"), ("2.31-0ubuntu9.9", "did you mean 2.31?"), ("12.28", "write it like"),
    ],
)  # fmt: skip
def test_no_glibc(text: str, hint: str) -> None:
    assert hint in refusal(lambda: values.glibc(text))


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("latest", f"did you mean {MATRIX.newest_torch}?"), ("v2.9.1", "did you mean 2.9.1?"),
        ("2.9.x", "did you mean 2.9?"), ("torch==2.9.1", "did you mean 2.9.1?"), ("2,9", "did you mean 2.9?"),
        ("=2.9", "did you mean 2.9?"), (">=2 <3", ""), ("9" * 10_000 + "!", "not a version"),
    ],
)  # fmt: skip
def test_no_torch(text: str, hint: str) -> None:
    said = refusal(lambda: planning.specifier(text, MATRIX.newest_torch))
    assert "not a version or specifier" in said
    assert hint in said


def test_partners() -> None:
    assert planning.partner_names("torchaudio, TorchVision,torchaudio") == ("torchaudio", "torchvision")
    assert "did you mean torchvision" in refusal(lambda: planning.partner_names("torchvison"))


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (["--driver", "53"], "--driver 53: not a driver version; did you mean 535 or 530?"),
        (["--gpu", "V1OO"], "--gpu V1OO: unknown to this matrix; did you mean V100?"),
        (["--gpu", ""], "--gpu: the value is empty"),
        (["--platform", "windows"], "--platform windows: unknown; did you mean windows-x86_64?"),
        (["--platform", "linux-arm64"], "--platform linux-arm64: unknown; did you mean linux-aarch64?"),
        (["--platform", "amiga"], f"--platform amiga: unknown; it is one of {PLATFORMS}"),
        (["--installer", "pipp"], "--installer pipp: unknown; did you mean pip?"),
        (["--format", "jsn"], "--format jsn: unknown; did you mean json?"),
        (
            ["--from", "x", "--python", "y"],
            "--from and --python exclude each other: a saved machine has its interpreter already",
        ),
    ],
)  # fmt: skip
def test_one_line_and_exit_code_two(args: list[str], line: str) -> None:
    said = run_cli(["plan", *args])
    assert (said.exit_code, said.stdout, said.stderr) == (2, "", f"envdoctor: {line}\n")


OPTIONS = ("--driver", "--gpu", "--compute-capability", "--python-version", "--platform", "--glibc", "--torch",
           "--with", "--installer", "--index-base", "--constraint")  # fmt: skip


@pytest.mark.parametrize("option", OPTIONS)
def test_hostile_text_is_refused_in_one_harmless_line(option: str) -> None:
    text = SHORT["title and clear screen"] + "\n::error::x " + "y" * 5000
    said = run_cli(["plan", "--driver", "535", option, text])
    assert (said.exit_code, said.stdout) == (2, "")
    assert said.stderr.count("\n") == 1
    assert "\x1b" not in said.stderr
    assert len(said.stderr) < 500


@pytest.mark.parametrize("python", ["2.7", "3.5"])
def test_a_python_that_exists_and_has_no_wheel(python: str) -> None:
    said = run_cli(["plan", "--driver", "535", "--gpu", "A100", "--python-version", python])
    assert said.exit_code == 1
    assert python in said.stdout


@pytest.mark.parametrize("wish", [">=3", "2.99.0", f">{MATRIX.newest_torch}", "~=99.1"])
def test_a_torch_newer_than_the_matrix_is_unknown_to_it_and_not_impossible(wish: str) -> None:
    said = run_cli(["plan", "--driver", "580.65.06", "--gpu", "A100", "--torch", wish])
    assert said.exit_code == 1
    assert "No published torch wheel" not in said.stdout
    assert f"torch {wish} is unknown to this matrix" in " ".join(said.stdout.split())


def test_what_was_described_is_what_is_planned_for() -> None:
    described = Description("535.104.05", ("RTX 4090",), ("8.6",), "3.13t", "linux-x86_64", "2.31")
    facts = described.snapshot(MATRIX).facts
    assert facts["python.tag"] == Known("cp313t", "command line")
    assert facts["python.version"] == Known("3.13", "command line")
    assert facts["gpu.0.compute_capability"] == Known("8.9", "command line")
    assert facts["gpu.1.compute_capability"] == Known("8.6", "command line")
    assert facts["host.libc"] == Known("glibc 2.31", "command line")
