"""The planned match specifications, read and solved by rattler, the library of pixi, against a channel on disk.

conda and mamba themselves are not to be had from the package index: what is tried here is what the specifications
mean, not the command line of conda.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from envdoctor.matrix.load import load_matrix
from envdoctor.model.fact import Known
from envdoctor.model.machine import Machine, Wishes
from envdoctor.plan.solve import Solver
from machines import machine_snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

rattler = pytest.importorskip("rattler", reason="py-rattler is of the group test, for Linux")

MATRIX = load_matrix()
IN_CONDA: dict[str, Any] = {
    "python.environment": "conda",
    "python.manager": "conda",
    "python.prefix": "/opt/conda/envs/ml",
}


def planned(installer: str | None, **overrides: Any) -> tuple[str, ...]:
    """The argv for an environment of conda that holds the CPU build of torch 2.7.1, from conda-forge."""
    told = {name: Known(value, "conda-meta") for name, value in {**IN_CONDA, **overrides}.items()}
    snapshot = machine_snapshot(
        driver="560.35.03", gpus=["NVIDIA A100-SXM4-80GB"], torch="2.7.1+cpu", provenance="conda-forge", overrides=told
    )
    plan = Solver(Machine(snapshot, Wishes(torch="2.7.1")), MATRIX, live=True, installer=installer).wheel_set()
    (step,) = plan.steps
    return step.argv


def specs(argv: Sequence[str]) -> list[str]:
    return [word for word in argv if "=" in word or "torchvision" in word]


def record(name: str, version: str, build: str, *depends: str, constrains: Sequence[str] = ()) -> dict[str, Any]:
    return {
        "name": name, "version": version, "build": build, "build_number": 0, "subdir": "linux-64", "size": 1,
        "depends": list(depends), "constrains": list(constrains), "md5": "0" * 32, "sha256": "0" * 64, "timestamp": 1,
    }  # fmt: skip


def torch_records(release: str, cuda: str | None) -> list[dict[str, Any]]:
    if cuda is None:
        return [record("pytorch", release, "cpu_generic_py311_h0_0", "python 3.11.*", "numpy >=1.21")]
    major = int(cuda.partition(".")[0])
    needs = (f"cuda-version >={cuda},<{major + 1}", "cuda-cudart", "__cuda", "python 3.11.*", "numpy >=1.21")
    build = f"cuda{cuda.replace('.', '')}_mkl_py311_h0_300"
    return [
        record("pytorch", release, build, *needs),
        record("torchvision", {"2.7.1": "0.22.1", "2.8.0": "0.23.0"}[release], build, f"pytorch {release} cuda*"),
    ]


@pytest.fixture
def channel(tmp_path: Path) -> str:
    """A channel with builds of two releases for the CPU and two CUDAs, and a NumPy newer than what is installed."""
    records = [
        record("python", "3.11.7", "h0_0"),
        record("numpy", "1.26.4", "py311_0", "python 3.11.*"),
        record("numpy", "2.3.0", "py311_0", "python 3.11.*"),
        record("torchvision", "0.22.1", "cpu_py311_0", "pytorch 2.7.1 cpu*"),
    ]
    for cuda in ("12.6", "12.8", "12.9"):
        major, _, minor = cuda.partition(".")
        records.append(record("cuda-version", cuda, "h0_3", constrains=("__cuda >=12",)))
        pin = f"cuda-version >={cuda},<{major}.{int(minor) + 1}.0a0"
        records.append(record("cuda-cudart", f"{cuda}.77", "h0_0", pin))
    for release in ("2.7.1", "2.8.0"):
        for build in (None, "12.6", "12.9"):
            records += torch_records(release, build)
    for subdir, packages in (("linux-64", records), ("noarch", [])):
        folder = tmp_path / subdir
        folder.mkdir()
        named = {f"{one['name']}-{one['version']}-{one['build']}.conda": one for one in packages}
        told = {"info": {"subdir": subdir}, "packages": {}, "packages.conda": named}
        (folder / "repodata.json").write_text(json.dumps(told))
    return tmp_path.as_uri()


def solved(channel: str, wanted: Sequence[str], installed: Sequence[Any] = ()) -> list[Any]:
    cuda = rattler.GenericVirtualPackage(
        rattler.PackageName("__cuda"), rattler.Version("12.6"), rattler.BuildString("0")
    )
    # The channel on disk stands for conda-forge, which a specification names by its address.
    read = [rattler.MatchSpec(spec.removeprefix("conda-forge::")) for spec in wanted]
    work = rattler.solve(
        [channel], read, platforms=["linux-64", "noarch"], virtual_packages=[cuda], locked_packages=list(installed)
    )
    return list(asyncio.run(work))


def builds(records: Sequence[Any]) -> dict[str, str]:
    return {one.name.normalized: f"{one.version} {one.build}" for one in records}


@pytest.mark.parametrize("installer", [None, "conda", "mamba"])
def test_the_command_names_the_prefix_and_conda_forge(installer: str | None) -> None:
    argv = planned(installer)
    assert argv[:6] == (
        installer or "conda", "install", "--prefix", "/opt/conda/envs/ml", "--channel", "conda-forge",
    )  # fmt: skip
    torch, vision, cuda = (rattler.MatchSpec(spec) for spec in specs(argv))
    assert (torch.name.normalized, str(torch.version), torch.build) == ("pytorch", "==2.7.1", "cuda129*")
    assert {one.channel.name for one in (torch, vision)} == {"conda-forge"}
    assert (vision.name.normalized, vision.version) == ("torchvision", None)
    assert (cuda.name.normalized, str(cuda.version), cuda.channel) == ("cuda-version", "12.9.*", None)


def test_the_wrong_build_is_replaced_and_numpy_stays(channel: str) -> None:
    old = solved(channel, ["python", "numpy=1.26", "pytorch=2.7.1=cpu*", "torchvision=0.22.1"])
    assert builds(old)["pytorch"].startswith("2.7.1 cpu")
    new = builds(solved(channel, [*specs(planned(None)), "python", "numpy"], old))
    assert new["pytorch"] == "2.7.1 cuda129_mkl_py311_h0_300"
    assert new["torchvision"].startswith("0.22.1 cuda12")  # named without a version, and a CPU build was there
    assert new["cuda-version"].startswith("12.9 ")
    assert new["cuda-cudart"].startswith("12.9.")
    assert {name: new[name] for name in ("numpy", "python")} == {
        name: builds(old)[name] for name in ("numpy", "python")
    }


def test_a_plain_specification_would_have_changed_nothing(channel: str) -> None:
    old = solved(channel, ["python", "numpy=1.26", "pytorch=2.7.1=cpu*"])
    assert builds(solved(channel, ["pytorch=2.7.1", "python", "numpy"], old))["pytorch"].startswith("2.7.1 cpu")


def test_pixi_reads_the_same_without_a_channel(channel: str) -> None:
    argv = planned(None, **{"python.manager": "pixi", "python.project": "/home/me/p"})
    assert argv[:4] == ("pixi", "add", "--manifest-path", "/home/me/p")
    assert not any("::" in word for word in argv)
    assert builds(solved(channel, [*specs(argv), "python"]))["pytorch"] == "2.7.1 cuda129_mkl_py311_h0_300"
