"""What files demand beside torch: a Python, NumPy, CUDA packages, triton, a second installer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from declared_cases import MATRIX, WHL, case, corrected, flaws, found
from envdoctor.model.finding import Severity
from envdoctor.rules.declared.bounds import read
from envdoctor.rules.declared.worlds import MOST_DEMANDS, Environment, holds, minor_of


@pytest.mark.parametrize(
    ("words", "python", "told"),
    [
        ("torch==2.1.2", ">=3.12", ["3.11", "2.2.0"]),
        ("torch==2.1.0+cu121", "==3.12.*", ["3.11", "2.2.0"]),
        ("torch==2.1.0", "==3.13.*", ["3.11", "2.5.0"]),
        ("torch==2.1.0", "==3.13.1", ["3.11", "2.5.0"]),
        ("torch<2.2", ">=3.12,<3.14", ["3.11", "2.2.0"]),
        ("torch==2.15.0", "==3.9.*", ["3.11"]),
        ("torchvision==0.16.0", "==3.12.*", ["3.11"]),
        ("torch==1.13.1", "==3.12.*", ["3.11", "2.2.0"]),
    ],
)
def test_a_python_that_no_wheel_is_for(words: str, python: str, told: list[str]) -> None:
    (flaw,) = flaws(case(words, python=python))
    assert (flaw.finding.rule, flaw.finding.severity) == ("python-unsupported", Severity.ERROR)
    assert all(part in flaw.finding.message for part in told)
    assert not any(amendment.safe for amendment in flaw.amendments)


@pytest.mark.parametrize(
    ("words", "python"),
    [
        ("torch==2.6.0", ">=3.9"),
        ("torch==2.6.0", ">=3.11,<4.0"),
        ("torch==2.1.2", ">=3.11"),
        ("torch>=2.1", "==3.15.*"),
        ("torch==2.99.0", "==3.16.*"),
        ("torch", ">=3.12"),
        ("torch==2.1.2;python_version<'3.12'", ">=3.12"),
        ("torch==2.1.2;python_version<'3.12' torch==2.5.1;python_version>='3.12'", ">=3.8"),
        ("torch==${TORCH}", "==3.13.*"),
        ("torch==1.8.2", "==3.12.*"),
        ("torch==2.1.2", "not a version"),
    ],
)
def test_a_python_that_some_wheel_is_for(words: str, python: str) -> None:
    assert found(case(words, python=python)) == {}


def test_every_wheel_is_for_the_pythons_it_names() -> None:
    for release in MATRIX.releases:
        for tag in release.pythons["linux-x86_64"]:
            assert found(case(f"torch=={release.version}", python=f"==3.{minor_of(tag)}.*")) == {}


def test_conda_forge_may_be_one_python_ahead() -> None:
    assert found(case("torch==2.1.2", python="==3.12.*", manager="conda")) == {}
    own = case("torch==2.1.2", python="==3.12.*", manager="conda", cuda="pytorch-cuda=12.1")
    assert "python-unsupported" in found(own)
    assert "python-unsupported" in found(case("torch==2.1.2", python="==3.13.*", manager="conda"))


@pytest.mark.parametrize("numpy", ["numpy==2.2.6", "numpy>=2", "numpy>=2.0,<2.3", "numpy~=2.1.0", "numpy==2.*"])
def test_numpy_2_beside_an_older_torch(numpy: str) -> None:
    words = f"torch==2.1.0 {numpy}"
    told = found(case(words))
    assert set(told) == {"numpy2-abi"}
    assert all(part in told["numpy2-abi"] for part in ("numpy<2", "1.26.4", "2.3.0"))
    assert found(case(corrected(words, case(words)))) == {}


@pytest.mark.parametrize(
    "words",
    [
        "torch==2.1.0 numpy",
        "torch==2.1.0 numpy>=1.24",
        "torch==2.1.0 numpy<2",
        "torch==2.1.0 numpy==1.26.4",
        "torch==2.3.0 numpy==2.0.1",
        "torch numpy>=2",
        "torch>=2.1 numpy>=2",
        "torch==2.1.0 numpy==${NUMPY}",
        "torch==2.1.0;python_version<'3.10' numpy>=2;python_version>='3.10'",
    ],
)
def test_numpy_that_may_fit(words: str) -> None:
    assert found(case(words)) == {}


def test_numpy_2_and_windows_and_images() -> None:
    assert "2.4.1" in found(case("torch==2.3.0 numpy==2.0.1", platform="windows-x86_64"))["numpy2-abi"]
    image = "pytorch/pytorch:2.1.0-cuda12.1-cudnn8-runtime"
    assert "numpy2-abi" in found(case("numpy==2.0.1", image=image))
    assert found(case("numpy", image=image)) == {}


def test_cudnn_of_another_major() -> None:
    assert "cuDNN 9" in found(case("torch==2.7.0", cudnn="8"))["cudnn-version-mismatch"]
    assert "cuDNN 9" in found(case("torch==2.4.0", cudnn="8.9.2"))["cudnn-version-mismatch"]
    for words, cudnn in (("torch==2.7.0", "9"), ("torch==2.3.1", "8.9"), ("torch>=2", "7"), ("torch==2.99.0", "8")):
        assert found(case(words, cudnn=cudnn)) == {}


def test_one_library_for_two_majors() -> None:
    words = "torch==2.3.1 nvidia-cublas-cu12 nvidia-cublas-cu11 nvidia-cudnn-cu12 nvidia-cudnn-cu11"
    (flaw,) = flaws(case(words))
    assert flaw.finding.rule == "mixed-cu-packages"
    apart = "nvidia-cublas-cu11;python_version<'3.9' nvidia-cublas-cu12;python_version>='3.9'"
    assert found(case(apart)) == {}
    assert found(case("nvidia-cublas-cu12 nvidia-cudnn-cu12 nvidia-nvshmem-cu12")) == {}
    locked = "torch==2.3.1+cu118 torch==2.3.1+cu121 nvidia-cublas-cu11==11.11.3.6 nvidia-cublas-cu12==12.1.3.1"
    assert found(case(locked, pinned=True)) == {}


@pytest.mark.parametrize(
    ("words", "right"),
    [
        ("torch==2.6.0 nvidia-cudnn-cu12==9.3.0.75", "9.1.0.70"),
        ("torch==2.6.0 nvidia-cudnn-cu12>=9.3", "9.1.0.70"),
        ("torch==2.3.1 nvidia-nccl-cu12==2.21.5", "2.20.5"),
        (f"torch==2.7.0 nvidia-cudnn-cu12==9.1.0.70 --index-url {WHL}/cu126", "9.5.1.17"),
    ],
)
def test_a_pin_against_the_pin_of_the_wheel(words: str, right: str) -> None:
    told = found(case(words))
    assert set(told) == {"cuda-package-pin-broken"}
    assert right in told["cuda-package-pin-broken"]


@pytest.mark.parametrize(
    "words",
    [
        "torch==2.1.2 nvidia-cudnn-cu12==8.9.2.26 nvidia-nccl-cu12==2.18.1 nvidia-cublas-cu12==12.1.3.1 triton==2.1.0",
        "torch==2.3.1 nvidia-cudnn-cu12==8.9.2.26 nvidia-nccl-cu12==2.20.5 nvidia-nvjitlink-cu12==12.6.68",
        "torch==1.13.1 nvidia-cudnn-cu11==8.5.0.96 nvidia-cuda-runtime-cu11==11.7.99",
        "torch nvidia-cudnn-cu12==9.3.0.75",
        "torch==2.6.0 nvidia-cudnn-cu12",
        "torch==2.6.0 nvidia-cudnn-cu11==8.9.6.50",
        "torch==2.6.0 nvidia-cudnn-cu12==9.3.0.75 --index-url https://mirror.example/simple",
        "torch==2.6.0+cpu nvidia-cudnn-cu12==9.3.0.75",
        # The wheels of other channels held their libraries before 2.2.
        f"torch==2.0.1+cu118 nvidia-cudnn-cu11==8.9.6.50 --index-url {WHL}/cu118",
    ],
)
def test_pins_that_may_fit(words: str) -> None:
    assert found(case(words)) == {}


def test_triton() -> None:
    words = "torch==2.9.1 triton==3.4.0"
    assert "3.5.1" in found(case(words))["triton-mismatch"]
    assert found(case(corrected(words, case(words)))) == {}
    for fitting in (
        "torch==2.9.1 triton==3.5.1", "torch==2.9.1 triton", "torch>=2.0 triton==3.4.0", "torch==1.12.1 triton==3.4.0",
        "torch==2.9.1+cpu triton==3.4.0", f"torch==2.9.1 triton==3.4.0 --index-url {WHL}/cpu",
        "torch==2.14.0 triton==3.8.4", "torch==2.99.0 triton==3.0.0",
    ):  # fmt: skip
        assert found(case(fitting)) == {}
    assert found(case(words, platform="windows-x86_64")) == {}


def test_two_installers() -> None:
    pip, conda = case("torch==2.3.1"), case("torch==2.1.0", manager="conda")
    both = replace(pip, requirements=(*conda.requirements, *pip.requirements))
    message = found(both)["conda-pip-mix"]
    assert "conda" in message
    assert "pip" in message
    assert found(pip) == found(conda) == {}
    beside = case("timm==1.0.0")
    assert found(replace(beside, requirements=(*conda.requirements, *beside.requirements))) == {}


@pytest.mark.parametrize("specifier", ["==", ">=2.x", "2.0", "=" * 5000, ">=" + "9" * 5000, "==1.0,,==", "\x00"])
def test_specifiers_that_are_none(specifier: str) -> None:
    assert read(specifier) is None


def test_bounds() -> None:
    bounds = read("==2.7.1+cu121")
    assert bounds is not None
    assert (bounds.text, bounds.exact, bounds.local) == ("==2.7.1", "2.7.1", "cu121")
    bounds = read(">=2.5,<3")
    assert bounds is not None
    assert (bounds.exact, bounds.lowest) == (None, "2.5")


def test_markers_that_are_none_hold_nowhere() -> None:
    here = Environment(11, "linux-x86_64")
    assert holds("python_version >= '3.11'", here)
    for marker in ("", "python", "(" * 5000, "extra == 'x'", "python_version > 'x y'", "a == 'b'"):
        assert not holds(marker, here)


def test_a_case_made_to_be_slow_is_not_judged() -> None:
    one = case("torch==2.6.0;python_version>='3.9' torchvision==0.20.0")
    many = tuple(
        one.requirements[0]._replace(marker=f"python_version != '3.{number}'") for number in range(MOST_DEMANDS)
    )
    assert found(replace(one, requirements=(*many, *one.requirements))) == {}
