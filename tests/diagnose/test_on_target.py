"""What files declare against one machine: what an installer would take there, and whether it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from declared_cases import MATRIX, WHL, case
from envdoctor.commands.describe import Description
from envdoctor.commands.lint_target import InThought, target_of, words_of
from envdoctor.diagnose.declared_builds import builds_of
from envdoctor.diagnose.on_target import Target
from envdoctor.model.declared import Image
from envdoctor.model.declared_container import ContainerSpec
from envdoctor.model.declared_file import DeclaredFile
from envdoctor.model.finding import Severity
from envdoctor.model.place import Place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envdoctor.model.declared import Case, Flaw

ON_4090 = {"driver": "535.104.05", "gpus": ("RTX 4090",)}


def target(
    driver: str | None = None,
    gpus: Sequence[str] = (),
    python: str | None = None,
    platform: str | None = None,
    glibc: str | None = None,
    ignore: Sequence[str] = (),
) -> Target:
    seen = target_of(None, Description(driver, tuple(gpus), (), python, platform, glibc), (), MATRIX)
    assert seen is not None
    return Target.of(InThought(seen, MATRIX), MATRIX, words_of(seen), ignore=ignore)


def found(one: Case, on: Target, form: str = "shell script") -> list[Flaw]:
    return list(on.flaws(DeclaredFile(form, (one,))))


def of_image(reference: str, on: Target) -> list[Flaw]:
    place = Place("Dockerfile", 1, 6)
    spec = ContainerSpec("Dockerfile", "stage", place, "stage", Image(reference, place, reference))
    return list(on.flaws(DeclaredFile("Dockerfile", (), (spec,))))


def said(flaws: Sequence[Flaw]) -> list[tuple[str, Severity]]:
    return [(one.finding.rule, one.finding.severity) for one in flaws]


def news(flaw: Flaw) -> list[str]:
    assert not any(one.safe for one in flaw.amendments)
    return [one.new for one in flaw.amendments]


def test_a_pinned_build_that_the_driver_does_not_run() -> None:
    (flaw,) = found(case(f"torch==2.11.0 --index-url {WHL}/cu130"), target(**ON_4090))
    assert said([flaw]) == [("driver-too-old", Severity.ERROR)]
    assert flaw.finding.message.startswith("This will not run on driver 535.104.05, RTX 4090: torch 2.11.0+cu130")
    assert news(flaw) == ["/cu126"]
    assert {one.source for one in flaw.finding.evidence} == {"as declared", "command line", "matrix"}


def test_the_newest_fails_and_an_older_one_serves() -> None:
    (flaw,) = found(case("torch>=2.6"), target(**ON_4090))
    assert said([flaw]) == [("driver-too-old", Severity.WARNING)]
    assert "What is installed today will not run" in flaw.finding.message
    assert "which it admits too, serves" in flaw.finding.message
    (new,) = news(flaw)
    assert new.startswith("torch==2.")
    assert f"--extra-index-url {WHL}/cu1" in new


def test_in_a_requirements_file_the_index_stands_on_a_line_of_its_own() -> None:
    (flaw,) = found(case("torch>=2.6"), target(**ON_4090), "requirements file")
    option, line = news(flaw)[0].split("\n")
    assert option.startswith(f"--extra-index-url {WHL}/")
    assert line.startswith("torch==")


@pytest.mark.parametrize("form", ["pyproject.toml", "Pipfile"])
def test_a_manifest_holds_its_index_elsewhere(form: str) -> None:
    (flaw,) = found(case("torch>=2.6"), target(**ON_4090), form)
    assert news(flaw) == []
    assert f"from {WHL}/cu" in flaw.finding.message


def test_partners_follow_where_the_release_changes() -> None:
    on = target("570.124.06", ["RTX 5090"])
    (flaw,) = found(case(f"torch==2.5.1 torchvision==0.20.1 --index-url {WHL}/cu124"), on)
    assert said([flaw]) == [("gpu-arch-not-in-wheel", Severity.ERROR)]
    url, torch, vision = news(flaw)
    assert url == torch.replace("torch==", "").partition("+")[2].join(["/", ""])
    release = torch.removeprefix("torch==").partition("+")[0]
    assert MATRIX.release(release).torchvision in vision


@pytest.mark.parametrize(
    "words",
    [
        f"torch==2.7.1 --index-url {WHL}/cu118",
        "torch==2.7.1",
        "torch>=2.7,<2.9",
        f"torch --index-url {WHL}/cpu",
        "torch==2.11.0 --index-url https://mirror.example/simple",
        "torch==2.11.0 --extra-index-url https://mirror.example/wheels",
        f"torch --index-url {WHL}",
        f"torch==2.11.0 --index-url {WHL}/rocm7.0",
        "torch==99.0",
        "torch$X",
        "torch==2.11.0;sys_platform=='win32'",
        "numpy==2.0",
        "torchvision>=0.20",
    ],
)
def test_what_serves_and_what_is_open_are_silent(words: str) -> None:
    assert found(case(words), target(**ON_4090)) == []


def test_a_build_for_another_platform_is_none_of_its_business() -> None:
    assert found(case("torch==2.11.0", platform="windows-x86_64"), target(**ON_4090)) == []


def test_sentences_and_comments_install_nothing() -> None:
    from dataclasses import replace

    one = case("torch==2.11.0")
    assert found(one, target(**ON_4090))
    assert found(replace(one, claim=True), target(**ON_4090)) == []
    assert found(replace(one, comment=True), target(**ON_4090)) == []


def test_the_partner_alone_says_which_torch() -> None:
    (flaw,) = found(case("torchvision==0.26.0"), target(**ON_4090))
    assert "torch 2.11.0+cu130" in flaw.finding.message


def test_a_driver_alone_is_one_for_a_gpu_that_nobody_named() -> None:
    (flaw,) = found(case(f"torch==2.11.0 --index-url {WHL}/cu130"), target("535"))
    assert said([flaw]) == [("driver-too-old", Severity.ERROR)]
    assert news(flaw) == ["/cu126"]


def test_the_default_build_for_windows_is_for_the_processor() -> None:
    (flaw,) = found(case("torch==2.9.1"), target("580.88", ["RTX 4090"], platform="windows-x86_64"))
    assert said([flaw]) == [("cpu-only-build", Severity.ERROR)]
    assert flaw.finding.message.startswith("This does not use the GPU of")


def test_the_c_library() -> None:
    (flaw,) = found(case("torch==2.9.1"), target(glibc="2.17"))
    assert said([flaw]) == [("glibc-too-old", Severity.ERROR)]


def test_the_python_of_the_machine() -> None:
    on = target(python="3.13")
    (flaw,) = found(case("torch==2.2.0"), on)
    assert said([flaw]) == [("python-unsupported", Severity.ERROR)]
    assert flaw.finding.message.startswith("On Python 3.13")
    assert found(case("torch==2.2.0", python="==3.11.*"), on) == [], "it brings its own"
    assert found(case("torch==2.2.0", image="python:3.11-slim"), on) == [], "a container has its own"


def test_conda_chooses_by_the_driver_unless_a_cuda_is_named() -> None:
    on = target("470.256.02", ["RTX 3090"])
    assert found(case("torch==2.1.0", manager="conda"), on) == []
    (flaw,) = found(case("torch==2.1.0", manager="conda", cuda="pytorch-cuda=12.1"), on)
    assert said([flaw]) == [("driver-too-old", Severity.ERROR)]
    assert news(flaw) == []


def test_an_image_of_pytorch() -> None:
    on = target("535", ["V100"])
    (flaw,) = of_image("pytorch/pytorch:2.11.0-cuda13.0-cudnn9-runtime", on)
    assert said([flaw]) == [("gpu-arch-dropped", Severity.ERROR)]
    assert news(flaw) == ["2.11.0-cuda12.6-cudnn9-runtime"]
    assert of_image("pytorch/pytorch:2.11.0-cuda12.6-cudnn9-runtime", on) == []
    assert of_image("pytorch/pytorch:latest", on) == []


def test_an_image_of_cuda_on_a_consumer_gpu() -> None:
    (flaw,) = of_image("nvidia/cuda:13.0.1-cudnn-runtime-ubuntu22.04", target(**ON_4090))
    assert said([flaw]) == [("driver-too-old", Severity.ERROR)]
    assert news(flaw)[0].startswith("12.2.")
    assert of_image("nvidia/cuda:12.8.1-runtime-ubuntu22.04", target(**ON_4090)) == []


def test_data_centre_gpus_may_use_the_newer_libcuda_of_an_image() -> None:
    on = target("535", ["A100"])
    assert of_image("nvidia/cuda:13.0.1-cudnn-runtime-ubuntu22.04", on) == []
    words = f"torch==2.11.0 --index-url {WHL}/cu130"
    assert found(case(words, image="nvidia/cuda:13.0.1-base-ubuntu22.04"), on) == []
    assert said(found(case(words, image="python:3.12-slim"), on)) == [("driver-too-old", Severity.ERROR)]


def test_what_the_image_has_is_not_installed_again() -> None:
    image = "pytorch/pytorch:2.6.0-cuda12.6-cudnn9-runtime"
    assert found(case("torch>=2.5", image=image), target(**ON_4090)) == []
    assert said(found(case("torch==2.11.0", image=image), target(**ON_4090))) == [("driver-too-old", Severity.ERROR)]


def test_rules_that_are_left_out() -> None:
    assert found(case(f"torch==2.11.0 --index-url {WHL}/cu130"), target(**ON_4090, ignore=["driver-too-old"])) == []


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("torch==2.7.1", ("2.7.1", "cu126")),
        (f"torch==2.7.1 --extra-index-url {WHL}/cu118", ("2.7.1", "cu118")),
        ("torch==2.7.1+cu128", ("2.7.1", "cu128")),
        (f"torch==2.6.0 --extra-index-url {WHL}/cu128", ("2.6.0", "cu124")),
        ("torch<2.7 torchvision==0.20.1", ("2.5.1", "cu124")),
    ],
)
def test_the_build_that_an_installer_takes(words: str, first: tuple[str, str]) -> None:
    (admitted,) = builds_of(case(words, platform="linux-x86_64"), MATRIX)
    assert admitted.builds[0][:2] == first
