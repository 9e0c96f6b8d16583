"""Where files say that torch comes from: channels, pages, mirrors, builds, and the CUDA that texts name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from declared_cases import MATRIX, WHL, case, corrected, flaws, found
from envdoctor.rules.declared.addresses import read_address
from envdoctor.rules.declared.releases import all_cuda_channels, channels, known

RULE = "wrong-index-url"
PAGE = f"{WHL}/torch_stable.html"


@pytest.mark.parametrize(
    ("words", "told", "becomes"),
    [
        ("torch --index-url WHL/cu122", ["cu126"], "torch --index-url WHL/cu126"),
        ("torch torchaudio --extra-index-url WHL/cu125", ["cu126"], "torch torchaudio --extra-index-url WHL/cu126"),
        ("torch==2.6.0 --index-url WHL/cuda12.4", ["cu118", "cu124", "cu126"], "torch==2.6.0 --index-url WHL/cu124"),
        ("torch==2.7.0 --index-url WHL/cu121", ["cu118", "cu126", "cu128"], "torch==2.7.0 --index-url WHL/cu126"),
        ("torch==2.5.1 --index-url WHL/cu126", ["cu118", "cu121", "cu124"], "torch==2.5.1 --index-url WHL/cu124"),
        ("torch==2.8.0 -i WHL/cu118", ["cu126", "cu128", "cu129"], "torch==2.8.0 -i WHL/cu128"),
        ("torch>=2.7 --index-url WHL/cu121", [">=2.7", "cu126"], "torch>=2.7 --index-url WHL/cu126"),
        ("torch torchvision==0.22.0 --index-url WHL/cu121", ["torch 2.7.0"],
         "torch torchvision==0.22.0 --index-url WHL/cu126"),
        ("torch==2.7.1+cu121 torchaudio==2.7.1+cu121 --extra-index-url WHL/cu121", ["cu118", "cu126", "cu128"],
         "torch==2.7.1+cu126 torchaudio==2.7.1+cu126 --extra-index-url WHL/cu126"),
        ("torch==2.8.0+cu121", ["cu126", "cu128", "cu129"], "torch==2.8.0+cu126"),
        ("torch==1.8.0+cu113", ["cu101", "cu102", "cu111"], "torch==1.8.0+cu111"),
        ("torchvision==0.21.0+cu121 -f PAGE", ["cu118", "cu124", "cu126"],
         "torchvision==0.21.0+cu124 --extra-index-url WHL/cu124"),
        ("torch==2.8.0+cu118 -f PAGE", ["cu126", "cu128", "cu129"], "torch==2.8.0+cu128 --extra-index-url WHL/cu128"),
        ("torch==2.5.1+cu121 -f PAGE", ["2.3.1", "WHL/cu121"], "torch==2.5.1+cu121 --extra-index-url WHL/cu121"),
        ("torch==2.5.1+cu124 --find-links WHL/cu124", ["--index-url WHL/cu124"],
         "torch==2.5.1+cu124 --extra-index-url WHL/cu124"),
        ("torch==2.5.1+cu121 --index-url WHL/cu124", ["WHL/cu121"], "torch==2.5.1+cu121 --index-url WHL/cu121"),
        ("torch==2.5.1+cu121 --index-url WHL/cpu", ["WHL/cu121"], "torch==2.5.1+cu121 --index-url WHL/cu121"),
        ("torch==1.10.1+cu111 --extra-index-url PAGE", ["--find-links"], "torch==1.10.1+cu111 --find-links PAGE"),
        ("torch -i https://aliyun.mirror.example/pytorch-wheels/cu118", ["--find-links", "-f "],
         "torch --find-links https://aliyun.mirror.example/pytorch-wheels/cu118/"),
        ("torch==2.7.0 --index-url https://mirror.example/pytorch/whl/cu121", ["cu126"],
         "torch==2.7.0 --index-url https://mirror.example/pytorch/whl/cu126"),
    ],
)  # fmt: skip
def test_what_an_installer_does_not_find(words: str, told: list[str], becomes: str) -> None:
    words, becomes = (text.replace("WHL", WHL).replace("PAGE", PAGE) for text in (words, becomes))
    (flaw,) = flaws(case(words))
    assert flaw.finding.rule == RULE
    for one in told:
        assert one.replace("WHL", WHL) in flaw.finding.message
    assert corrected(words, case(words)) == becomes
    assert found(case(becomes)) == {}


@pytest.mark.parametrize(
    "words",
    [
        "torch --index-url WHL/cu121",
        "torch torchvision --index-url WHL/cu113",
        "torch --index-url WHL/cu199",
        "torch --index-url WHL/cu134",
        "torch --index-url WHL/nightly/cu125",
        "torch==2.9.0 --index-url WHL/test/cu121",
        "torch==2.7.0 --index-url WHL",
        "torch==2.7.0 --extra-index-url WHL/cu121",
        "torch==2.7.0 --index-url WHL/cu121 --extra-index-url https://mirror.example/simple",
        "torch==2.7.0 --index-url WHL/cu121 --extra-index-url WHL/cu128",
        "torch==2.7.0 --index-url https://mirror.example/simple",
        "torch==2.7.0 --index-url https://mirror.example/whl/cu121",
        "torch==2.7.0+cu128 --index-url https://mirror.example/simple",
        "torch==2.7.0+${CUDA} --index-url WHL/${CUDA}",
        "torch==2.4.0+rocm6.1 --index-url WHL/rocm6.1",
        "torch==2.7.0+xpu --index-url WHL/xpu",
        "torch==2.3.1+cu121 -f PAGE",
        "torch==1.7.1+cu101 torchvision==0.8.2+cu101 torchaudio==0.7.2 -f PAGE",
        "torch==1.10.1+cu113 torchvision==0.11.2+cu113 -f WHL/cu113/torch_stable.html",
        "torch==2.5.1+cu124 -f WHL/cu124/torch/",
        "torch==2.5.1 --find-links WHL/cu121",
        "torch -f https://aliyun.mirror.example/pytorch-wheels/cu118/",
        "torch==2.5.1 --index-url https://mirror.example/pytorch-wheels/cu124",
        "torch==2.5.1+cpu --index-url WHL/cpu",
        "torch==2.99.0 --index-url WHL/cu121",
        "torch>=2.5.1 torchvision>=0.20.1 --index-url WHL/cu124",
        "torch>=2.14 --index-url WHL/cu132",
        "requests==2.32.0 --index-url WHL/cu122",
    ],
)
def test_what_an_installer_finds_or_what_is_not_known(words: str) -> None:
    assert found(case(words.replace("WHL", WHL).replace("PAGE", PAGE))) == {}


@pytest.mark.parametrize("torch", MATRIX.versions)
def test_every_channel_that_lacks_a_release_is_told_and_its_correction_is_silent(torch: str) -> None:
    for channel in all_cuda_channels(MATRIX) - set(channels(MATRIX, torch)):
        for words in (f"torch=={torch} -i {WHL}/{channel}", f"torch=={torch}+{channel} -i {WHL}/{channel}"):
            assert set(found(case(words))) == {RULE}
            assert found(case(corrected(words, case(words)))) == {}


@pytest.mark.parametrize(
    ("words", "cuda", "told"),
    [
        ("torch==2.7.0", "CUDA 12.1", ["11.8, 12.6 and 12.8", "cu118, cu126 and cu128"]),
        ("torch==2.7.*", "CUDA 12.1", ["cu118, cu126 and cu128"]),
        ("torch==2.8.0", "CUDA 11.8;CUDA 12.1", ["cu126, cu128 and cu129"]),
        ("torch==2.3.0", "pytorch-cuda=12.2", ["11.8 and 12.1"]),
        ("torch==2.7.0", "pytorch-cuda=12.8", ["12.4", "2.5.1"]),
        ("torch==2.3.0", "pytorch-cuda=12.4", ["11.8 and 12.1"]),
        ("torch", "pytorch-cuda=12.3", ["12.4"]),
        ("torch==2.6.0", "pytorch-cuda=12.4", ["ended with torch 2.5.1", "https://download.pytorch.org/whl/cu124"]),
        ("torch==2.1.2", "cudatoolkit=12.1", ["11.8", "pytorch-cuda=12.1"]),
        ("torch==2.7.0", "cudatoolkit=12.6", ["11.8", "wheels of pip"]),
    ],
)
def test_a_cuda_that_torch_was_not_published_for(words: str, cuda: str, told: list[str]) -> None:
    one = case(words, cuda=cuda, manager="conda" if "=" in cuda else "pip")
    messages = [flaw.finding.message for flaw in flaws(one)]
    assert len(messages) == len(cuda.split(";"))
    assert {flaw.finding.rule for flaw in flaws(one)} == {RULE}
    for part in told:
        assert part in messages[0]


@pytest.mark.parametrize(
    ("words", "cuda"),
    [
        ("torch==2.7.0", "CUDA 12.8;CUDA 11.8;CUDA 12.6.3"),
        ("torch==2.7.0", "CUDA 12"),
        ("torch==2.7.0", "CUDA 14.1"),
        ("torch", "CUDA 12.2"),
        ("torch>=2.7", "CUDA 12.1"),
        ("torch==2.99.0", "CUDA 12.1"),
        ("torch==2.4.0", "pytorch-cuda=12.4"),
        ("torch==1.13.1", "pytorch-cuda=11.6"),
        ("torch>=2.5", "pytorch-cuda=12.4"),
        ("torch==1.9.0", "cudatoolkit=11.3"),
        ("torch==2.0.1", "cudatoolkit=11.8"),
    ],
)
def test_a_cuda_that_torch_was_published_for_or_that_is_not_known(words: str, cuda: str) -> None:
    assert found(case(words, cuda=cuda, manager="conda" if "=" in cuda else "pip")) == {}


def test_macos_has_no_cuda_builds() -> None:
    assert RULE in found(case("torch==2.5.1+cu124", platform="macos-arm64"))
    assert RULE in found(case(f"torch==2.5.1 --index-url {WHL}/cu124", platform="macos-arm64"))
    assert found(case(f"torch==2.5.1 --index-url {WHL}/cpu", platform="macos-arm64")) == {}
    assert found(case("torch==2.5.1", platform="macos-arm64")) == {}


def test_an_explicit_index_is_for_what_names_it_alone() -> None:
    one = case(f"torch==2.7.0 --index-url {WHL}/cu121")
    explicit = one.indexes[0]._replace(explicit=True)
    (torch,) = one.requirements
    apart = case("torch==2.7.0")
    assert found(replace(apart, requirements=(torch,), indexes=(explicit,))) == {}
    assert RULE in found(replace(apart, requirements=(torch._replace(source=explicit.url),), indexes=(explicit,)))


@pytest.mark.parametrize(
    ("url", "channel", "layout"),
    [
        (f"{WHL}/cu126", "cu126", "projects"),
        (f"{WHL}/cu126/", "cu126", "projects"),
        (f"{WHL}/cu126/torch/", "cu126", "project"),
        (PAGE, None, "page"),
        (f"{WHL}/cu113/torch_stable.html", "cu113", "page"),
        (WHL, None, "projects"),
        ("https://me:secret@download.pytorch.org/whl/cpu", "cpu", "projects"),
        ("https://aliyun.mirror.example/pytorch-wheels/cu121", "cu121", "flat"),
        ("https://mirror.example/pytorch-wheels/cu121", "cu121", "projects"),
    ],
)
def test_addresses(url: str, channel: str | None, layout: str) -> None:
    address = read_address(url)
    assert address is not None
    assert tuple(address) == (channel, layout)


@pytest.mark.parametrize(
    "url", ["", "cu126", "https://", "https://mirror.example/simple", "file:///whl/cu126", f"{WHL}/x"]
)
def test_addresses_of_which_nothing_is_known(url: str) -> None:
    assert read_address(url) is None


def test_channels_are_those_of_the_matrix() -> None:
    assert {"cu118", "cu126", "cu132"} <= all_cuda_channels(MATRIX)
    assert len(known(MATRIX, "torch")) == len(MATRIX.versions) + len(MATRIX.past_versions)


def test_a_torch_that_is_there_does_not_come_from_the_channel_that_ended() -> None:
    one = case("torch==2.6.0", cuda="pytorch-cuda=12.4", manager="conda")
    (torch,) = one.requirements
    assert found(one) != {}
    assert found(replace(one, pinned=True)) == {}
    assert found(replace(one, requirements=(torch._replace(build="cuda126_generic_py312_200"),))) == {}
    assert found(replace(one, requirements=(torch._replace(manager="pip"),))) == {}


def test_an_index_that_is_none_for_requirements_that_stand_elsewhere() -> None:
    nothing = replace(case(f"torch --index-url {WHL}/cu122"), requirements=())
    assert set(found(nothing)) == {RULE}
    assert found(replace(case(f"torch --index-url {WHL}/cu121"), requirements=())) == {}


def test_a_cuda_build_under_a_marker_that_macos_meets_too() -> None:
    one = case("torch==2.5.1+cu124;platform_machine!='aarch64'")
    alone = case("torch==2.5.1+cu124;sys_platform=='darwin'")
    (older,) = case("torch<2.6;sys_platform=='darwin'").requirements
    assert found(replace(one, requirements=(*one.requirements, older))) == {}
    assert set(found(alone)) == {RULE}
