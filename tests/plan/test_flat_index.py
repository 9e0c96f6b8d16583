"""A mirror that is flat: what real installers do with it, and that the planned command gets the right build from it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from loopback_index import served, write_indexes
from wheel_folder import add_wheel

from envdoctor.matrix.load import load_matrix
from envdoctor.model.change import Installs
from envdoctor.model.machine import Machine, Wishes
from envdoctor.plan.installers import docker, pip, pixi, uv_pip
from envdoctor.plan.installers.order import Order
from envdoctor.plan.solve import Solver
from machines import SCENARIOS, Environment, install, machine_snapshot, make_environment, run_cli, standin_variables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.model.plan import Step

MATRIX = load_matrix()
BASE = "https://mirror.example/wheels"
S1 = SCENARIOS["S1"]
UV = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
NEEDS_UV = pytest.mark.skipif(UV is None, reason="no uv")
NEEDS_BIN = pytest.mark.skipif(sys.platform != "linux", reason="environments with bin/python")
TOOLS = ["pip", pytest.param("uv", marks=NEEDS_UV)]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("indexes")
    write_indexes(folder)
    with served(folder) as address:
        yield address


def configured(url: str) -> dict[str, str]:
    """An installer whose default index is the one of the loopback."""
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    return kept | {
        "HOME": "/nonexistent", "PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1", "PIP_NO_CACHE_DIR": "1",
        "UV_NO_CACHE": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "NO_PROXY": "127.0.0.1",
        "PIP_INDEX_URL": f"{url}/simple", "UV_DEFAULT_INDEX": f"{url}/simple",
    }  # fmt: skip


def run(argv: Sequence[str], url: str) -> subprocess.CompletedProcess[str]:
    program = str(UV) if argv[0] == "uv" else argv[0]
    return subprocess.run(
        [program, *argv[1:]], capture_output=True, text=True, check=False, env=configured(url), cwd="/"
    )


def installed(environment: Environment) -> dict[str, str]:
    names = (path.name.removesuffix(".dist-info") for path in environment.site_packages.glob("*.dist-info"))
    return {name.rpartition("-")[0]: name.rpartition("-")[2] for name in names}


@pytest.fixture
def environment(tmp_path: Path, url: str) -> Environment:
    """Torch 2.5.1 for CUDA 12.4, which this driver does not run, and packages of the user's own."""
    made = make_environment(tmp_path / "venv", "2.5.1+cu124", from_pypi=True, pip=False)
    install(made, "numpy", "1.26.4", files={"numpy/__init__.py": "mine = True\n"})
    done = subprocess.run([made.python, "-m", "ensurepip"], capture_output=True, check=False, env=configured(url))
    if done.returncode:
        pytest.skip("this Python brings no pip of its own")
    return made


def planned(environment: Environment, base: str, standin: Path, *options: str) -> dict[str, Any]:
    words = ["plan", "--python", str(environment.python), "--index-base", base, "--format", "json", *options]
    said = run_cli(words, standin_variables(S1), standin=standin)
    assert said.exit_code == 0, said.stderr
    plan: dict[str, Any] = said.json()
    return plan


@NEEDS_BIN
@pytest.mark.parametrize("installer", TOOLS)
@pytest.mark.parametrize("base", ["flat", "page"])
def test_a_flat_mirror_gives_the_right_build(
    base: str, installer: str, environment: Environment, url: str, standin: Path
) -> None:
    plan = planned(environment, f"{url}/{base}", standin, "--installer", installer)
    (step,) = plan["steps"]
    place = f"{url}/flat/cu118/" if base == "flat" else f"{url}/page/torch_stable.html"
    assert step["argv"][-4:] == ["--find-links", place, "torch==2.5.1+cu118", "torchvision==0.20.1+cu118"]
    assert "--index-url" not in step["argv"]
    assert any("find-links" in line for line in plan["because"])
    before = installed(environment)
    done = run(step["argv"], url)
    assert done.returncode == 0, done.stdout + done.stderr
    after = installed(environment)
    assert (after["torch"], after["torchvision"]) == ("2.5.1+cu118", "0.20.1+cu118")
    changed = {name for name in before if after.get(name) != before[name]}
    assert changed <= {"torch", "torchvision", "nvidia_cuda_runtime_cu12"}
    assert after["nvidia_cuda_runtime_cu11"] == "11.8.89"
    assert (environment.site_packages / "numpy" / "__init__.py").read_text() == "mine = True\n"


@NEEDS_BIN
def test_why_a_flat_mirror_is_no_index(environment: Environment, url: str) -> None:
    """As an index pip finds nothing there; uv takes the plain build of the default index, with exit code 0."""
    python, flat = str(environment.python), f"{url}/flat/cu118"
    alone = run([python, "-m", "pip", "install", "--index-url", flat, "torch==2.5.1+cu118"], url)
    assert alone.returncode != 0
    assert "No matching distribution found" in alone.stderr
    if UV is not None:
        beside = run(["uv", "pip", "install", "--python", python, "--reinstall", "--index", flat, "torch==2.5.1"], url)
        assert beside.returncode == 0
        assert installed(environment)["torch"] == "2.5.1"


@NEEDS_BIN
def test_a_layout_that_is_said_is_not_asked_for(environment: Environment, standin: Path) -> None:
    """Nothing listens on that port."""
    for layout, option in (("flat", "--find-links"), ("projects", "--index-url")):
        plan = planned(environment, "http://127.0.0.1:9/whl", standin, "--index-layout", layout)
        assert option in plan["steps"][0]["argv"]
        assert not [line for line in plan["because"] if "could not be asked" in line]


@NEEDS_BIN
def test_what_cannot_be_asked_is_taken_for_a_page_a_project_and_said(environment: Environment, standin: Path) -> None:
    plan = planned(environment, "http://127.0.0.1:9/whl", standin)
    assert plan["steps"][0]["argv"][4:6] == ["--index-url", "http://127.0.0.1:9/whl/cu118"]
    assert "could not be asked" in plan["because"][-1]
    assert "connection refused" in plan["because"][-1]


@NEEDS_BIN
@pytest.mark.parametrize("command", ["check", "plan"])
def test_check_and_plan_name_the_same_mirror(command: str, environment: Environment, url: str, standin: Path) -> None:
    variables = standin_variables(S1) | {"ENVDOCTOR_INDEX_BASE": f"{url}/flat"}
    said = run_cli([command, "--python", str(environment.python), "--format", "json"], variables, standin=standin)
    document = said.json()
    plan = document["plan"] if command == "check" else document
    assert plan["steps"][0]["argv"][4:6] == ["--find-links", f"{url}/flat/cu118/"]


@NEEDS_BIN
def test_a_login_is_in_no_command_and_no_report(environment: Environment, url: str, standin: Path) -> None:
    base = f"{url}/flat".replace("http://", "http://me:hunter2@")
    python = str(environment.python)
    for form in ("json", "terminal"):
        for command in ("plan", "check"):
            words = [command, "--python", python, "--index-base", base, "--format", form]
            said = run_cli(words, standin_variables(S1), standin=standin)
            assert f"{url}/flat/cu118/" in said.stdout.replace("\n", "")
            assert ("netrc" in said.stdout) == (command == "plan" or form == "json")
            assert "hunter2" not in said.stdout + said.stderr
            assert "me:" not in said.stdout + said.stderr


def arm(**options: Any) -> tuple[Step, ...]:
    """Steps for an Arm server that is to have torch 2.5.1 for CUDA 12.4, a build without a local version."""
    described = {
        "platform": "linux-aarch64", "kind": "sbsa", "gpus": [("NVIDIA GH200 480GB", "9.0")], "driver": "550.54.15",
        "torch": "2.4.0", "torch_cuda": None, "torchvision": None,
    }  # fmt: skip
    solver = Solver(
        Machine(machine_snapshot(**described), Wishes(torch="2.5.1")), MATRIX,
        live=options.pop("live", True), base=options.pop("base", BASE), layout=options.pop("layout", "flat"), **options,
    )  # fmt: skip
    return solver.wheel_set().steps


def test_a_build_with_a_namesake_comes_from_the_links_alone_and_then_what_it_requires() -> None:
    first, then = arm()
    assert first.argv[4:] == (
        "--force-reinstall", "--no-deps", "--no-index", "--find-links", f"{BASE}/cu124/", "torch==2.5.1",
    )  # fmt: skip
    assert then.argv[4:] == ("--find-links", f"{BASE}/cu124/", "torch==2.5.1")
    assert first.change == Installs(("torch==2.5.1",), channel="cu124", again=True)
    assert then.change == Installs(("torch==2.5.1",), channel="cu124")
    (one,) = arm(layout="projects")
    assert one.argv[4:] == ("--index-url", f"{BASE}/cu124", "torch==2.5.1")


@NEEDS_BIN
@pytest.mark.parametrize("installer", TOOLS)
def test_a_namesake_of_the_default_index_is_not_taken(installer: str, tmp_path: Path, standin: Path) -> None:
    """Both indexes have a torch 2.5.1; with the links alone beside the default index either may come."""
    root = tmp_path / "www"
    for index, channel in ((root / "simple", "cpu"), (root / "other", "cu124")):
        files = {"torch/__init__.py": "", "torch/version.py": f"channel = {channel!r}\n"}
        add_wheel(index, "torch", "2.5.1", files=files, requires=("filelock",))
    add_wheel(root / "simple", "filelock", "3.12.0", files={"filelock/__init__.py": ""})
    flat = root / "whl" / "cu124"
    flat.mkdir(parents=True)
    for wheel in (root / "other").glob("*/*.whl"):
        shutil.copy(wheel, flat)
    made = make_environment(tmp_path / "venv", None, pip=False)
    with served(root) as url:
        subprocess.run([made.python, "-m", "ensurepip"], capture_output=True, check=True, env=configured(url))
        for step in arm(base=f"{url}/whl", live=False, installer=installer):
            argv = [str(made.python) if word == "python" else word for word in step.argv]
            done = run(argv, url)
            assert done.returncode == 0, done.stdout + done.stderr
    assert (made.site_packages / "torch" / "version.py").read_text() == "channel = 'cu124'\n"
    assert installed(made)["filelock"] == "3.12.0"


FLAT = Order("python", ("torch==2.14.0+cu126",), f"{BASE}/cu126", find_links=f"{BASE}/cu126/")


def test_each_installer_has_its_words_for_links() -> None:
    assert pip.commands(FLAT)[0].argv[4:6] == ("--find-links", f"{BASE}/cu126/")
    assert uv_pip.commands(FLAT)[0].argv[5:7] == ("--find-links", f"{BASE}/cu126/")
    (by_pixi,) = pixi.of_wheels(FLAT)
    assert by_pixi.argv == ("pixi", "add", "--pypi", "torch==2.14.0+cu126")
    assert by_pixi.edit is not None
    assert by_pixi.edit.text == f'[pypi-options]\nfind-links = [{{ url = "{BASE}/cu126/" }}]\n'
    by_docker = docker.from_python(FLAT, "3.12")
    assert by_docker.edit is not None
    assert f"RUN python -m pip install --no-cache-dir --find-links {BASE}/cu126/ torch" in by_docker.edit.text
    assert FLAT.channel == "cu126"


def test_in_an_image_a_build_with_a_namesake_comes_first() -> None:
    order = Order("python", ("torch==2.5.1",), f"{BASE}/cu124", find_links=f"{BASE}/cu124/")
    edit = docker.from_python(order, "3.12").edit
    assert edit is not None
    first, second = edit.text.splitlines()[1:]
    assert "--no-index" in first
    assert "--no-index" not in second


def test_poetry_is_not_told_of_a_folder_and_the_reason_is_given() -> None:
    facts = {"python.manager": "poetry", "python.project_tool": "poetry", "python.project": "/p"}
    snapshot = machine_snapshot(
        driver="580.65.06", gpus=["Tesla V100-SXM2-16GB"], torch="2.14.0+cu130", overrides=facts
    )
    for layout, program in (("flat", "/venv/bin/python"), ("page", "poetry"), ("projects", "poetry")):
        solver = Solver(Machine(snapshot), MATRIX, live=True, base=BASE, layout=layout)
        steps = solver.wheel_set().steps
        assert {step.argv[0] for step in steps} == {program}
        assert ("poetry takes packages from no folder of links" in steps[0].why) == (layout == "flat")


def test_the_prediction_does_not_depend_on_the_layout() -> None:
    snapshot = machine_snapshot(driver="580.65.06", gpus=["Tesla V100-SXM2-16GB"], torch="2.14.0+cu130")
    changes = []
    for layout in ("projects", "flat", "page"):
        plan = Solver(Machine(snapshot), MATRIX, base=BASE, layout=layout).wheel_set()
        changes.append([step.change for step in plan.steps])
        assert plan.target is not None
        assert plan.target.index_url == f"{BASE}/cu126"
    assert changes[0] == changes[1] == changes[2]
