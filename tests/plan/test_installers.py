"""Which tool is told to do it, by how the environment was made; and where a person has to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from envdoctor.matrix.fit import kernels_for
from envdoctor.matrix.load import load_matrix
from envdoctor.model.change import Installs, Into
from envdoctor.model.fact import Absent, Known
from envdoctor.model.machine import Machine, Wishes, parse_capability
from envdoctor.model.plan import Target
from envdoctor.plan.installers import NAMES
from envdoctor.plan.installers.order import Order
from envdoctor.plan.solve import Solver
from machines import MODELS, machine_snapshot

if TYPE_CHECKING:
    from envdoctor.model.plan import Plan, Step

try:
    import tomllib
except ModuleNotFoundError:
    import tomli as tomllib

MATRIX = load_matrix()
V100 = "Tesla V100-SXM2-16GB"
URL = "https://download.pytorch.org/whl/cu126"
SET = ("torch==2.14.0+cu126", "torchvision==0.29.0+cu126")
POETRY = {"python.manager": "poetry"}
UV_PROJECT = {"python.manager": "uv", "python.project": "/home/me/p", "python.project_tool": "uv"}
PIXI = {"python.environment": "conda", "python.manager": "pixi", "python.project": "/home/me/p",
        "python.project_tool": "pixi"}  # fmt: skip
CONDA = {"python.environment": "conda", "python.manager": "conda", "python.prefix": "/opt/conda/envs/ml"}


def planned(
    told: dict[str, Any] | None = None, *, installer: str | None = None, live: bool = True, **machine: Any
) -> Plan:
    """A plan for a V100 under driver 580 that needs another torch than the 2.14.0 for CUDA 13 that it has."""
    facts = {name: value if isinstance(value, Absent) else Known(value, "test") for name, value in (told or {}).items()}
    wishes = Wishes(torch=machine.pop("wish", None))
    described = {"driver": "580.65.06", "gpus": [V100], "torch": "2.14.0+cu130", **machine}
    snapshot = machine_snapshot(**described, overrides=facts)
    return Solver(Machine(snapshot, wishes), MATRIX, live=live, installer=installer).wheel_set()


def steps(told: dict[str, Any] | None = None, **options: Any) -> tuple[Step, ...]:
    plan = planned(told, **options)
    assert plan.target is not None
    return plan.steps


@pytest.mark.parametrize(
    ("told", "options", "words"),
    [
        ({}, {}, ("/venv/bin/python", "-m", "pip", "install", "--index-url", URL, *SET)),
        ({}, {"live": False}, ("python", "-m", "pip", "install", "--index-url", URL, *SET)),
        ({"python.manager": "uv"}, {"has_pip": False},
         ("uv", "pip", "install", "--python", "/venv/bin/python", "--index-url", URL, *SET)),
        ({"python.manager": "uv"}, {}, ("/venv/bin/python", "-m", "pip", "install", "--index-url", URL, *SET)),
        (UV_PROJECT, {"has_pip": False}, ("uv", "add", "--project", "/home/me/p", *SET)),
        (UV_PROJECT, {"live": False}, ("uv", "add", *SET)),
        (UV_PROJECT, {"installer": "pip"}, ("/venv/bin/python", "-m", "pip", "install", "--index-url", URL, *SET)),
        ({}, {"installer": "uv"}, ("uv", "pip", "install", "--python", "/venv/bin/python", "--index-url", URL, *SET)),
        (UV_PROJECT, {"installer": "uv"}, ("uv", "add", "--project", "/home/me/p", *SET)),
        ({"python.manager": "pdm"}, {}, ("pdm", "add", *SET)),
        ({"python.manager": "pdm", "python.project": "/p"}, {}, ("pdm", "add", "-p", "/p", *SET)),
        ({}, {"installer": "pdm"}, ("pdm", "add", *SET)),
        (PIXI, {}, ("pixi", "add", "--manifest-path", "/home/me/p", "--pypi", "--index", URL, *SET)),
        (CONDA, {}, ("/venv/bin/python", "-m", "pip", "install", "--index-url", URL, *SET)),
    ],
)  # fmt: skip
def test_the_tool_that_made_the_environment_is_told(
    told: dict[str, Any], options: dict[str, Any], words: tuple[str, ...]
) -> None:
    (step,) = steps(told, **options)
    assert (step.kind, step.argv, step.applicability.value) == ("install-wheels", words, "unsafe")
    assert step.change == Installs(SET, channel="cu126")
    assert step.why.startswith("puts torch 2.14.0+cu126 and its partners into the environment; ")


@pytest.mark.parametrize(("told", "where"), [(POETRY, ()), ({**POETRY, "python.project": "/p"}, ("-C", "/p"))])
def test_poetry_is_given_the_source_first(told: dict[str, Any], where: tuple[str, ...]) -> None:
    source, add = steps(told)
    assert source.argv == ("poetry", *where, "source", "add", "--priority", "explicit", "pytorch-cu126", URL)
    assert add.argv == ("poetry", *where, "add", "--source", "pytorch-cu126", *SET)
    assert (source.change, add.change) == (Installs(()), Installs(SET, channel="cu126"))


def test_what_uv_and_pdm_need_in_pyproject_is_toml_for_these_packages_alone() -> None:
    (by_uv,) = steps(UV_PROJECT)
    assert by_uv.edit is not None
    assert by_uv.edit.file == "pyproject.toml"
    source = {"index": "pytorch-cu126"}
    assert tomllib.loads(by_uv.edit.text)["tool"]["uv"] == {
        "index": [{"name": "pytorch-cu126", "url": URL, "explicit": True}],
        "sources": {"torch": source, "torchvision": source},
    }
    (by_pdm,) = steps({"python.manager": "pdm"})
    assert by_pdm.edit is not None
    assert tomllib.loads(by_pdm.edit.text)["tool"]["pdm"]["source"] == [
        {"name": "pytorch-cu126", "url": URL, "include_packages": ["torch", "torchvision"], "exclude_packages": ["*"]}
    ]


def test_conda_forge_s_own_torch_is_replaced_from_there_where_a_build_is_known() -> None:
    plan = planned(CONDA, torch="2.7.1+cpu", provenance="conda-forge")
    (step,) = plan.steps
    assert step.argv == (
        "conda", "install", "--prefix", "/opt/conda/envs/ml", "--channel", "conda-forge",
        "conda-forge::pytorch=2.7.1=cuda129*", "conda-forge::torchvision", "cuda-version=12.9",
    )  # fmt: skip
    assert step.applicability.value == "unsafe"
    assert "channel of conda ended" not in step.why
    assert plan.target == Target("2.7.1", None, None, "conda-forge", None)
    assert "kept torch 2.7.1, which is installed; 2.13.0 is the newest that fits" in plan.because


def test_the_end_of_pytorch_s_own_conda_channel_is_said_to_those_who_have_it() -> None:
    (step,) = steps(CONDA, torch="2.5.1", torch_cuda="12.4", provenance="conda-pytorch", wish=">=2.6")
    assert "the pytorch channel of conda ended with torch 2.5.1" in step.why
    assert step.argv[:3] == ("conda", "create", "--name")
    assert not {"pytorch", "nvidia", "defaults"} & set(step.argv)


def test_where_no_build_is_known_conda_s_torch_is_not_written_over() -> None:
    plan = planned(CONDA, torch="2.14.0+cpu", provenance="conda-forge", wish="2.14")
    made, install = plan.steps
    assert plan.because[-1].startswith("no build of conda-forge that serves is known to this matrix")
    assert made.argv == ("/venv/bin/python", "-m", "venv", ".venv-torch")
    assert install.argv[:4] == (".venv-torch/bin/python", "-m", "pip", "install")
    assert {made.applicability.value, install.applicability.value} == {"manual"}
    assert "the torch here comes from conda-forge" in install.why


def test_a_torch_of_anaconda_s_channel_is_not_written_over_either() -> None:
    recorded = {"pytorch": {"version": "2.7.1", "build": "gpu_cuda128", "channel": "defaults"}}
    (step,) = steps({**CONDA, "packages.conda": recorded}, torch="2.7.1", torch_cuda="12.8", provenance="unknown",
                    wish="2.7.1")  # fmt: skip
    assert step.argv[:3] == ("conda", "create", "--name")
    assert step.applicability.value == "manual"


def test_asked_for_conda_says_what_it_does_not_know() -> None:
    plan = planned(CONDA, installer="conda", torch=None, wish="2.14")
    (step,) = plan.steps
    assert step.argv[-3:] == ("conda-forge::pytorch=2.14.0=cuda*", "conda-forge::torchvision", "cuda-version=12.6")
    assert (step.applicability.value, step.change) == ("manual", None)
    assert "is not known to this matrix" in step.why
    assert plan.target == Target("2.14.0", None, None, "conda-forge", None)


def test_what_conda_forge_is_known_not_to_have_is_not_asked_of_it() -> None:
    plan = planned(CONDA, installer="conda", torch=None, wish="2.9.0")
    assert plan.conflict is not None
    assert plan.conflict.constraints == ("--installer conda", "--torch 2.9.0")
    wheels, nearest = plan.alternatives
    assert wheels.steps[-1].argv[-2:] == ("torch==2.9.0+cu128", "torchvision==0.24.0+cu128")
    assert {step.applicability.value for step in wheels.steps} == {"manual"}
    assert "conda-forge::pytorch=2.9.1=cuda129*" in nearest.steps[0].argv


def test_every_build_of_conda_forge_is_weighed_with_its_cuda() -> None:
    machine = Machine(machine_snapshot(driver="535.104.05", gpus=[V100], torch=None), Wishes(torch="2.13.0"))
    rows = {row.version: row for row in Solver(machine, MATRIX, installer="conda").weighed()}
    assert rows["2.13.0=cuda129"].reasons == ()
    assert rows["2.13.0=cuda130"].reasons[0] == (
        "torch 2.13.0 from conda-forge for CUDA 13.0 holds no kernels for compute capability 7.0"
    )
    assert {row.channel for row in rows.values()} == {"conda-forge"}


@pytest.mark.parametrize("gpu", [V100, "NVIDIA GeForce RTX 5090", "NVIDIA GeForce GTX 1080", "NVIDIA H100 80GB HBM3"])
@pytest.mark.parametrize("release", sorted({build.torch for build in MATRIX.conda_forge}))
def test_a_build_of_conda_forge_that_is_named_serves_the_gpu(release: str, gpu: str) -> None:
    plan = planned(CONDA, installer="conda", torch=None, wish=release, gpus=[gpu])
    capability = parse_capability(MODELS[gpu][0])
    assert capability is not None
    named = [word.rpartition("=")[2] for step in plan.steps for word in step.argv if "::pytorch=" in word]
    for build_string in named:
        if build_string != "cuda*":
            rows = [row for row in MATRIX.conda_builds(release) if row.build_string == build_string]
            assert any(kernels_for(row.sass, row.ptx, capability) for row in rows if "linux-x86_64" in row.platforms)


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"python.externally_managed": True}, "PEP 668"),
        ({"python.prefix_writable": False}, "not yours to write to"),
        ({"python.environment": "conda-base", "python.manager": "conda"}, "conda's base environment"),
        ({"python.environment": "system", "python.manager": "nix"}, "store of Nix"),
        ({"python.environment": "system", "python.manager": "guix"}, "store of Guix"),
        ({**UV_PROJECT, "python.prefix_writable": False}, "not yours to write to"),
    ],
)
def test_what_must_not_be_changed_gets_advice_only(told: dict[str, Any], reason: str) -> None:
    made, install = steps(told)
    assert (made.kind, install.kind) == ("create-environment", "install-wheels")
    assert {made.applicability.value, install.applicability.value} == {"manual"}
    assert made.argv == ("/venv/bin/python", "-m", "venv", ".venv-torch")
    assert install.argv == (".venv-torch/bin/python", "-m", "pip", "install", "--index-url", URL, *SET)
    assert reason in install.why
    assert install.change == Installs(SET, Into.NEW, "cu126")


def test_advice_for_windows_names_its_python() -> None:
    _, install = steps({"python.prefix_writable": False}, platform="windows-x86_64", torch="2.14.0+cu130")
    assert install.argv[0] == r".venv-torch\Scripts\python.exe"


def test_an_image_is_named_where_its_tag_is_known() -> None:
    (step,) = steps(installer="docker")
    assert step.kind == "rebuild-image"
    assert step.applicability.value == "manual"
    assert step.argv == ("docker", "pull", "pytorch/pytorch:2.14.0-cuda12.6-cudnn9-runtime")
    assert step.edit is not None
    assert (step.edit.file, step.edit.text) == ("Dockerfile", f"FROM {step.argv[2]}\n")
    assert step.change == Installs(SET, Into.IMAGE, "cu126")


def test_without_a_known_tag_the_image_is_built_on_python_s_own() -> None:
    (step,) = steps(installer="docker", wish="2.15.0", gpus=["NVIDIA H200"], torch=None)
    assert step.edit is not None
    first, run = step.edit.text.splitlines()
    assert first == "FROM python:3.11-slim"
    target = step.change
    assert isinstance(target, Installs)
    channel = target.requirements[0].partition("+")[2]
    url = URL.replace("cu126", channel)
    assert run == f"RUN python -m pip install --no-cache-dir --index-url {url} {' '.join(target.requirements)}"
    assert f"no image of PyTorch's own with torch 2.15.0+{channel} is known" in step.why


@pytest.mark.parametrize(
    ("platform", "driver", "gpus", "torch"),
    [
        ("windows-x86_64", "580.88", ["NVIDIA GeForce RTX 3090"], None),
        ("macos-arm64", None, [], None),
    ],
)
def test_an_image_holds_the_wheels_for_linux(platform: str, driver: str | None, gpus: list[str], torch: None) -> None:
    plan = planned(installer="docker", live=False, platform=platform, driver=driver, gpus=gpus, torch=torch)
    (step,) = plan.steps
    assert step.edit is not None
    assert plan.target is not None
    assert plan.target.index_url is not None
    inside = "linux-x86_64" if gpus else "linux-aarch64"
    assert MATRIX.wheel(plan.target.torch, plan.target.channel, inside) is not None
    if "pip install" in step.edit.text:
        assert plan.target.index_url in step.edit.text
    assert ("bring CUDA" in step.why) <= bool(gpus)


def test_in_a_container_the_image_is_named_as_what_lasts() -> None:
    (step,) = steps(kind="container")
    assert "its Dockerfile" in step.why


@pytest.mark.parametrize("manager", ["hatch", "nox", "pipenv", "pipx", "rye", "tox"])
def test_what_another_tool_undoes_is_said(manager: str) -> None:
    (step,) = steps({"python.manager": manager})
    assert step.argv[1:4] == ("-m", "pip", "install")
    assert manager in step.why


def test_a_return_to_the_default_build_of_macos_reinstalls_torch_and_partners_only() -> None:
    (step,) = steps(driver=None, gpus=[], torch="2.14.0", platform="macos-arm64", torchvision="0.29.0", wish="2.14.0")
    assert step.argv[4:] == ("--force-reinstall", "--no-deps", "torch==2.14.0", "torchvision==0.29.0")


@pytest.mark.parametrize("installer", [*NAMES, None])
@pytest.mark.parametrize("told", [{}, POETRY, UV_PROJECT, PIXI, CONDA])
@pytest.mark.parametrize("torch", ["2.14.0+cu130", None])
def test_every_installer_gives_steps_everywhere(installer: str | None, told: dict[str, Any], torch: str | None) -> None:
    for live in (True, False):
        given = steps(told, installer=installer, torch=torch, live=live)
        assert given
        assert all(step.argv and step.why for step in given)
        assert live or not any("/home/me" in word or "/venv/" in word for step in given for word in step.argv)


def test_the_name_of_an_index_is_its_channel() -> None:
    assert Order("python", (), "https://mirror.example/whl/cu126/").index_name == "pytorch-cu126"
    assert Order("python", ("numpy<2", "torch==1+cpu", "a[b]>=1"), None).packages == ("numpy", "torch", "a")
