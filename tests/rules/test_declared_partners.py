"""torch and its partners as files demand them: which pairs are told apart, and what is written in their place."""

from __future__ import annotations

import pytest

from declared_cases import MATRIX, WHL, case, corrected, flaws, found
from envdoctor.model.finding import Severity
from envdoctor.rules.declared.releases import channels, fits, known, partner_of

VISION, AUDIO = "torch-torchvision-mismatch", "torch-torchaudio-mismatch"


def _trio(torch: str, local: str = "") -> str:
    """A release with its partners, all of one build."""
    words = [f"torch=={torch}{local}"]
    for name in ("torchvision", "torchaudio"):
        version = partner_of(MATRIX, name, torch)
        words += [f"{name}=={version}{local}"] if version else []
    return " ".join(words)


@pytest.mark.parametrize("torch", known(MATRIX, "torch"))
def test_every_release_goes_with_its_partners_in_every_build_and_channel(torch: str) -> None:
    assert found(case(_trio(torch))) == {}
    for channel in channels(MATRIX, torch):
        assert found(case(_trio(torch, f"+{channel}"))) == {}
        assert found(case(f"{_trio(torch)} --index-url {WHL}/{channel}")) == {}
        assert found(case(f"{_trio(torch, f'+{channel}')} --extra-index-url {WHL}/{channel}")) == {}


@pytest.mark.parametrize("torch", MATRIX.versions)
def test_a_partner_of_another_release_is_told_and_its_correction_is_silent(torch: str) -> None:
    for name, rule in (("torchvision", VISION), ("torchaudio", AUDIO)):
        right = partner_of(MATRIX, name, torch)
        for version in known(MATRIX, name):
            if fits(MATRIX, name, torch, version):
                continue
            words = f"torch=={torch} {name}=={version}"
            message = found(case(words))[rule]
            if right:
                assert right in message
            assert found(case(corrected(words, case(words)))) == {}


@pytest.mark.parametrize(
    ("words", "vision", "audio"),
    [
        ("torch==2.6.0 torchvision==0.17.0 torchaudio==2.1.0", "0.21.0", "2.6.0"),
        ("torch==2.7.0 torchvision==0.18.0", "0.22.0", ""),
        ("torch==2.8.0 torchvision==0.19.0 torchaudio==2.8.0", "0.23.0", ""),
        ("torch==2.5.1 torchvision==0.20.0 torchaudio==2.5.0", "0.20.1", "2.5.1"),
        ("torch==2.4.0+cu121 torchvision==0.13.0+cu121 torchaudio==2.0.0+cu121", "0.19.0", "2.4.0"),
        ("torch>=2.6,<2.7 torchvision==0.20.1", "0.21.0", ""),
        ("torch==2.6.0 torchvision<0.21", "0.21.0", ""),
        ("torch==2.6.0 torchvision>=0.24", "0.21.0", ""),
        ("torch~=2.6.0 torchvision~=0.20.0", "0.21.0", ""),
        ("torch==2.6 torchvision==0.20", "0.21.0", ""),
        ("torch>=2.7 torchvision==0.21.0", "0.29.2", ""),
        ("torchvision==0.20.0 torchaudio==2.5.1", "", "2.5.0"),
        ("torch>=2 torchvision==0.20.1 torchaudio==2.5.0", "", "2.5.1"),
        # A patch release that was never published, of the partner of another torch.
        ("torch==2.5.1 torchvision==0.19.7", "0.20.1", ""),
        # Where both hold.
        ("torch==2.6.0;sys_platform=='linux' torch==2.5.1;sys_platform!='linux' torchvision==0.20.1", "0.21.0", ""),
        # pip and conda's own channel agree.
        ("torch==2.7.0;python_version>='3.9' torchvision==0.18.0", "0.22.0", ""),
    ],
)
def test_pairs_that_no_release_joins(words: str, vision: str, audio: str) -> None:
    told = found(case(words))
    assert set(told) == {rule for rule, right in ((VISION, vision), (AUDIO, audio)) if right}
    assert vision in told.get(VISION, vision)
    assert audio in told.get(AUDIO, audio)
    assert all(flaw.finding.severity is Severity.ERROR for flaw in flaws(case(words)))


@pytest.mark.parametrize(
    "words",
    [
        "torch torchvision torchaudio",
        "torch>=2.0 torchvision>=0.15 torchaudio",
        "torch>=2.5.1 torchvision>=0.20.1",
        "torch~=2.5.0 torchvision~=0.20.0",
        "torch<2.9,>=2.0 torchvision==0.15.2",
        "torch>=2.7.1,<3.0.0 torchvision>=0.22.1,<0.23.0",
        "torch==2.4.* torchvision==0.19.*",
        "torch==2.1.1;python_version<'3.12' torch>=2.2.0;python_version>='3.12' "
        "torchvision==0.16.1;python_version<'3.12' torchvision==0.17.0;python_version>='3.12'",
        "torch==2.2.2;sys_platform=='darwin'~and~platform_machine=='x86_64' "
        "torchvision==0.17.2;sys_platform=='darwin'~and~platform_machine=='x86_64' "
        "torch==2.6.0;sys_platform!='darwin'~or~platform_machine!='x86_64' "
        "torchvision==0.21.0;sys_platform!='darwin'~or~platform_machine!='x86_64'",
        "torch==2.1.0+${CUDA} torchvision==0.20.0",
        "torch==2.99.0 torchvision==0.20.0",
        "torch==2.6.0a0+ecf3bae40a.nv25.1 torchvision==0.20.0a0",
        "torch==2.7.0.dev20250310+cu128 torchvision==0.22.0.dev20250310+cu128",
        "torch==2.5.1 torchvision==0.20.9",
        "torch==2.7.0 torchvision==0.19.0+6d6d6d6",
        "torch==2.13.0 torchvision==0.28.3",
        "torch==2.12.0 torchaudio==2.11.0",
        "torch==2.14.1 torchvision==0.29.2",
        "torch==1.0.0 torchvision==0.2.2",
        "torch==2.5.1+cu124 torchvision==0.20.1",
        # From torchvision 0.16 on the major alone has to be the same.
        "torch==2.5.1+cu124 torchvision==0.20.1+cu121",
        "torch==2.4.0+rocm6.1 torchvision==0.19.0+rocm6.1",
        # Two torch of which neither is known to be meant.
        "torch==2.5.1 torch==2.6.0 torchvision==0.17.0",
        "torch===2.0.1 torchvision===0.15.2",
        "torch==2.6.0;this~is~no~marker torchvision==0.17.0",
        "torch==2.6.0;extra=='gpu' torchvision==0.17.0",
    ],
)
def test_pairs_that_some_release_joins_or_that_are_open(words: str) -> None:
    assert found(case(words)) == {}


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ("torch==2.5.1+cu118 torchvision==0.20.1+cu121", VISION),
        ("torch==2.5.1+cu124 torchvision==0.20.1+cpu", VISION),
        ("torch==2.5.1+cu124 torchaudio==2.5.1+cu121", AUDIO),
    ],
)
def test_two_builds_side_by_side(words: str, rule: str) -> None:
    assert set(found(case(words))) == {rule}
    assert found(case(corrected(words, case(words)))) == {}


def test_over_an_image_a_partner_brings_its_own_torch() -> None:
    image = "pytorch/pytorch:2.1.0-cuda11.8-cudnn8-runtime"
    (flaw,) = flaws(case("torchvision==0.18.0", image=image))
    assert (flaw.finding.rule, flaw.finding.severity) == (VISION, Severity.WARNING)
    assert "0.16.0" in flaw.finding.message
    assert flaws(case("torchvision==0.16.0", image=image)) == []
    assert flaws(case("torchvision", image=image)) == []
    assert flaws(case("torch==2.3.0 torchvision==0.18.0", image=image)) == []
    assert flaws(case("torchvision==0.18.0", image="nvcr.io/nvidia/pytorch:24.01-py3")) == []


def test_metadata_that_ask_for_no_torch_are_a_warning() -> None:
    (flaw,) = flaws(case("torch==2.9.1 torchaudio==2.11.0"))
    assert (flaw.finding.rule, flaw.finding.severity) == (AUDIO, Severity.WARNING)


def test_conda_forge_pairs_minor_releases_and_the_channel_of_pytorch_pairs_patches() -> None:
    words = "torch==2.5.1 torchvision==0.20.0"
    assert found(case(words, manager="conda")) == {}
    assert VISION in found(case(words, manager="conda", cuda="pytorch-cuda=12.4"))
    assert VISION in found(case("torch==2.1.0 torchvision==0.15.2", manager="conda"))


def test_an_open_partner_of_a_torch_of_the_days_when_partners_asked_for_none() -> None:
    assert found(case("torch==0.4.1 torchvision")) == {}
    assert found(case("torch==0.4.1 torchvision>=0.2")) == {}
    assert set(found(case("torch==2.6.0 torchvision<0.18"))) == {VISION}


def test_a_torchaudio_that_only_the_number_of_torch_lets_one_expect() -> None:
    """Its last release asks for no torch, and goes with those that came after it."""
    last = known(MATRIX, "torchaudio")[-1]
    without = [one for one in MATRIX.versions[:-1] if partner_of(MATRIX, "torchaudio", one) is None]
    assert without
    for torch in without:
        for words in (f"torch=={torch} torchaudio=={torch}", f"torchaudio=={torch}", f"torchaudio=={torch}+cu130"):
            message = found(case(words))[AUDIO]
            assert f"torchaudio {torch} was never published" in message
            assert last in message
        words = f"torch>={torch} torchaudio=={torch}"
        assert corrected(words, case(words)).endswith(f"torchaudio=={last}")
    newest = MATRIX.versions[-1]
    assert found(case(f"torch=={newest} torchaudio=={newest}")) == {}  # it may be on its way
    assert found(case(f"torch=={newest} torchaudio==2.99.0")) == {}
