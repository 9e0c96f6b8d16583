"""The planned command, carried out by the real pip (and uv, where there is one) in a real environment.

The index is a folder on disk, so nothing is downloaded; the wheels hold no more than `torch/version.py`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from wheel_folder import add_wheel

from machines import SCENARIOS, Environment, install, make_environment, run_cli, standin_variables
from standin.environment import torch_version_file

if TYPE_CHECKING:
    from collections.abc import Sequence

S1, S9 = SCENARIOS["S1"], SCENARIOS["S9"]
GIT = "0" * 40


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Root of an index that holds the cu118 and cu124 sets of torch 2.5.1, as a file URL."""
    root = tmp_path_factory.mktemp("index") / "whl"
    for channel, cuda, runtime in (
        ("cu118", "11.8", "nvidia-cuda-runtime-cu11"),
        ("cu124", "12.4", "nvidia-cuda-runtime-cu12"),
    ):
        version = f"2.5.1+{channel}"
        pinned = f"{runtime}=={'11.8.89' if channel == 'cu118' else '12.4.127'}"
        written = torch_version_file(version, cuda, GIT)
        add_wheel(
            root / channel, "torch", version,
            files={"torch/__init__.py": "", "torch/version.py": written, "torchgen/__init__.py": ""},
            requires=("filelock", "triton==3.1.0", pinned),
        )  # fmt: skip
        vision = f"0.20.1+{channel}"
        vision_file = f"__version__ = {vision!r}\ncuda = {cuda!r}\n"
        add_wheel(
            root / channel, "torchvision", vision,
            files={"torchvision/__init__.py": "", "torchvision/version.py": vision_file},
            requires=("numpy", "torch==2.5.1"),
        )  # fmt: skip
        add_wheel(root / channel, runtime, pinned.partition("==")[2], files={f"{runtime.replace('-', '_')}.py": ""})
        add_wheel(root / channel, "numpy", "2.9.9", files={"numpy/__init__.py": ""})
        add_wheel(root / channel, "filelock", "9.9.9", files={"filelock/__init__.py": ""})
        add_wheel(root / channel, "triton", "3.1.0", files={"triton/__init__.py": ""})
    return root.as_uri()


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """Torch 2.5.1 for CUDA 12.4 with its partner, and packages that have nothing to do with it."""
    made = make_environment(tmp_path / "venv", "2.5.1+cu124", from_pypi=True, pip=False)
    install(made, "numpy", "1.26.4", files={"numpy/__init__.py": "mine = True\n"})
    install(made, "filelock", "3.12.0", files={"filelock/__init__.py": ""})
    install(made, "typing-extensions", "4.12.2", files={"typing_extensions.py": ""})
    install(made, "my-project", "0.1", files={"my_project.py": "x = 1\n"}, requires=("torch>=2",))
    done = subprocess.run(
        [made.python, "-m", "ensurepip", "--default-pip"], capture_output=True, text=True, check=False, env=quiet()
    )
    if done.returncode:
        pytest.skip(f"this Python brings no pip of its own: {done.stderr.strip()[-200:]}")
    return made


def quiet() -> dict[str, str]:
    """The environment of an installer that reads no configuration of this machine."""
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    return kept | {
        "HOME": "/nonexistent", "PIP_CONFIG_FILE": os.devnull, "PIP_NO_CACHE_DIR": "1", "UV_NO_CONFIG": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1", "UV_NO_CACHE": "1",
    }  # fmt: skip


def installed(environment: Environment) -> dict[str, str]:
    found = {}
    for info in environment.site_packages.glob("*.dist-info"):
        name, _, version = info.name.removesuffix(".dist-info").partition("-")
        found[name] = version
    return found


def planned(environment: Environment, index: str, standin: Path, *options: str) -> list[str]:
    said = run_cli(
        ["plan", "--python", str(environment.python), "--index-base", index, "--format", "json", *options],
        standin_variables(S1), standin=standin,
    )  # fmt: skip
    assert said.exit_code == 0, said.stderr
    plan = said.json()
    assert plan["target"]["channel"] == "cu118"
    return list(plan["steps"][0]["argv"])


def carried_out(argv: Sequence[str]) -> str:
    done = subprocess.run(list(argv), capture_output=True, text=True, check=False, env=quiet(), cwd="/")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_planned_command_replaces_torch_and_leaves_the_rest(
    environment: Environment, index: str, standin: Path, tmp_path: Path
) -> None:
    before = installed(environment)
    assert before["torch"] == "2.5.1"
    argv = planned(environment, index, standin)
    assert argv[0] == str(environment.python)
    report = tmp_path / "report.json"
    carried_out([*argv, "--dry-run", "--report", str(report)])
    told = json.loads(report.read_text())["install"]
    assert {one["metadata"]["name"]: one["metadata"]["version"] for one in told} == {
        "torch": "2.5.1+cu118", "torchvision": "0.20.1+cu118", "nvidia-cuda-runtime-cu11": "11.8.89",
    }  # fmt: skip
    assert installed(environment) == before
    carried_out(argv)
    after = installed(environment)
    assert after["torch"] == "2.5.1+cu118"
    assert after["torchvision"] == "0.20.1+cu118"
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    assert changed == {"torch", "torchvision", "nvidia_cuda_runtime_cu11"}
    assert (environment.site_packages / "numpy" / "__init__.py").read_text() == "mine = True\n"
    assert "11.8" in (environment.site_packages / "torch" / "version.py").read_text()

    check = run_cli(
        ["check", "--python", str(environment.python), "--format", "json"], standin_variables(S1), standin=standin
    )
    report = check.json()
    assert (check.exit_code, report["verdict"]) == (0, "healthy"), json.dumps(report["findings"], indent=1)
    assert report["plan"]["status"] == "nothing-to-do"


def test_a_plain_requirement_would_have_changed_nothing(environment: Environment, index: str) -> None:
    """Why the command carries the local version: any build of the release satisfies `torch==2.5.1`."""
    plain = [str(environment.python), "-m", "pip", "install", "--index-url", f"{index}/cu118", "torch==2.5.1"]
    carried_out(plain)
    assert installed(environment)["torch"] == "2.5.1"
    assert "12.4" in (environment.site_packages / "torch" / "version.py").read_text()


UV = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.skipif(UV is None, reason="no uv on this machine")
def test_the_planned_command_for_uv(environment: Environment, index: str, standin: Path) -> None:
    before = installed(environment)
    argv = planned(environment, index, standin, "--installer", "uv")
    assert argv[0] == "uv"
    told = carried_out([str(UV), *argv[1:], "--dry-run"])
    assert {line.strip() for line in told.splitlines() if line.startswith((" +", " -"))} == {
        "- torch==2.5.1", "+ torch==2.5.1+cu118", "- torchvision==0.20.1", "+ torchvision==0.20.1+cu118",
        "+ nvidia-cuda-runtime-cu11==11.8.89",
    }  # fmt: skip
    assert installed(environment) == before
    carried_out([str(UV), *argv[1:]])
    after = installed(environment)
    assert after["torch"] == "2.5.1+cu118"
    assert after["torchvision"] == "0.20.1+cu118"
    assert {name: version for name, version in before.items() if after.get(name) != version}.keys() <= {
        "torch", "torchvision", "nvidia_cuda_runtime_cu12",
    }  # fmt: skip


ARM = {
    "host.platform": "linux-aarch64", "host.kind": "sbsa", "gpu.0.name": "NVIDIA GH200 480GB",
    "gpu.0.compute_capability": "9.0", "driver.version": "550.54.15", "driver.cuda_version": "12.4",
    "torch.version": "2.5.1", "torch.dist_version": "2.5.1", "torch.channel": "cpu", "torch.wheel_tags": [],
}  # fmt: skip
"""What is told of an Arm server with the CPU build of torch 2.5.1, which is called like its CUDA build."""


@pytest.mark.parametrize("installer", ["pip", pytest.param("uv", marks=pytest.mark.skipif(UV is None, reason="no uv"))])
def test_a_build_without_a_local_version_replaces_one_of_the_same_name(
    installer: str, tmp_path: Path, standin: Path
) -> None:
    root = tmp_path / "whl"
    for name, version in (("torch", "2.5.1"), ("torchvision", "0.20.1")):
        files = {f"{name}/__init__.py": "", f"{name}/version.py": "cuda = '12.4'\n"}
        add_wheel(root / "cu124", name, version, files=files, requires=("numpy",))
    made = make_environment(tmp_path / "venv", "2.5.1+cu124", from_pypi=True, pip=False)
    install(made, "numpy", "1.26.4", files={"numpy/__init__.py": "mine = True\n"})
    saved = run_cli(["snapshot", "--python", str(made.python)], standin_variables(S9), standin=standin).json()
    saved["facts"] |= {name: {"state": "known", "value": value, "source": "test"} for name, value in ARM.items()}
    absent = ("torch.cuda", "torch.local", "torchvision.cuda", "torch.requires", "cuda.compat")
    saved["facts"] |= {name: {"state": "absent", "reason": "test"} for name in absent}
    index = root.as_uri()
    said = run_cli(
        ["plan", "--from", "-", "--index-base", index, "--installer", installer, "--torch", "2.5.1", "--format=json"],
        stdin=json.dumps(saved),
    )  # fmt: skip
    plan = said.json()
    assert plan["target"]["channel"] == "cu124", plan
    (step,) = plan["steps"]
    assert step["argv"][-2:] == ["torch==2.5.1", "torchvision==0.20.1"]
    if installer == "pip":
        done = subprocess.run([made.python, "-m", "ensurepip"], capture_output=True, check=False, env=quiet())
        if done.returncode:
            pytest.skip("this Python brings no pip of its own")
        argv = [str(made.python), *step["argv"][1:]]
    else:
        argv = [str(made.python) if word == "python" else word for word in (str(UV), *step["argv"][1:])]
    plain = [word for word in argv if word != "--force-reinstall"]
    if installer == "pip":
        carried_out(plain)
        assert (made.site_packages / "torch" / "version.py").read_text() != "cuda = '12.4'\n"
    carried_out(argv)
    assert (made.site_packages / "torch" / "version.py").read_text() == "cuda = '12.4'\n"
    assert (made.site_packages / "torchvision" / "version.py").read_text() == "cuda = '12.4'\n"
    assert (made.site_packages / "numpy" / "__init__.py").read_text() == "mine = True\n"


@pytest.mark.parametrize(("missing", "steps", "left"), [
    pytest.param(["libcudart.so.12"], 1, "2.5.1", id="its package is gone"),
    pytest.param(["libcudart.so.12", "libc10.so"], 2, "2.5.1+cu124", id="torch itself is not whole"),
])  # fmt: skip
def test_a_library_that_was_removed_is_put_back(
    tmp_path: Path, index: str, standin: Path, missing: list[str], steps: int, left: str
) -> None:
    """What torch requires, or the same build: --force-reinstall for what is named, --no-deps for what is not."""
    made = make_environment(tmp_path / "venv", "2.5.1+cu124", from_pypi=True, pip=False, nvidia={})
    requires = made.site_packages / "torch-2.5.1.dist-info" / "METADATA"
    text = requires.read_text().splitlines()
    others = ("Requires-Dist: nvidia-", "Requires-Dist: typing-extensions")  # which that index does not hold
    kept = [line for line in text if not line.startswith(others) or "cuda-runtime" in line]
    requires.write_text("\n".join(kept) + "\n")
    install(made, "numpy", "1.26.4", files={"numpy/__init__.py": "mine = True\n"})
    done = subprocess.run([made.python, "-m", "ensurepip"], capture_output=True, check=False, env=quiet())
    if done.returncode:
        pytest.skip("this Python brings no pip of its own")
    saved = run_cli(
        ["snapshot", "--python", str(made.python)], standin_variables(SCENARIOS["S9"]), standin=standin
    ).json()
    saved["facts"]["libraries.missing"] = {
        "state": "known", "source": "elf",
        "value": [{"object": "torch/lib/libtorch_cuda.so", "library": library} for library in missing],
    }  # fmt: skip
    said = run_cli(["plan", "--from", "-", "--index-base", index, "--format", "json"], stdin=json.dumps(saved))
    told = said.json()["steps"]
    assert [step["argv"][0] for step in told] == ["python"] * steps
    for step in told:  # what is recorded again, then what is gone altogether
        carried_out([str(made.python), *step["argv"][1:]])
    assert installed(made)["nvidia_cuda_runtime_cu12"] == "12.4.127"
    assert installed(made)["torch"] == left
    assert installed(made)["numpy"] == "1.26.4"
