"""The wheel as a user gets it: built from the sdist, installed alone, run from an empty directory."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from packaging.requirements import Requirement
from referencing import Registry, Resource

from envdoctor import __version__

ROOT = Path(__file__).parents[2]

# Those the project allows itself, the last three imported late; what it examines and never imports, and what reads
# package indexes whole.
RUNTIME = {
    "click", "rich", "packaging", "nvidia-ml-py", "tomli", "requests", "urllib3", "tomlkit", "pyyaml", "markdown-it-py",
}  # fmt: skip
EXTRA = {*("torch", "torchvision"), *("pypi-simple", "beautifulsoup4", "remotezip", "platformdirs")}


def call(*argv: str | Path, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run without the checkout on any path; the caller judges the exit code."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [os.fspath(word) for word in argv],
        cwd=cwd,
        env=environment | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the sdist, so that the sdist is proved to hold what a build needs."""
    out = tmp_path_factory.mktemp("dist")
    built = call(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT, cwd=out)
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = out.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` directory of an environment that holds the wheel.

    The dependencies come from the environment of the tests by a `.pth` file: nothing is downloaded. `.pth`
    files of a directory so added are not read, so an editable envdoctor there stays out of sight.
    """
    home = tmp_path_factory.mktemp("installed") / "venv"
    made = call(sys.executable, "-m", "venv", "--without-pip", home, cwd=home.parent)
    assert made.returncode == 0, made.stderr
    (site,) = home.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    python = home / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--no-index", "--no-deps")
    done = call(*pip, "--ignore-installed", wheel, cwd=home.parent)
    assert done.returncode == 0, done.stdout + done.stderr
    return home / "bin"


def test_the_wheel_holds_what_it_needs_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        matrix = archive.read("envdoctor/compat_matrix.toml")
        compiled = json.loads(archive.read("envdoctor/compat_matrix.json"))
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        described = archive.read(metadata).decode()
    folder = "envdoctor/codec/schemas/"
    schemas = {name.removeprefix(folder) for name in names if name.startswith(folder)}
    assert schemas == {path.name for path in (ROOT / "src" / folder).iterdir() if path.suffix == ".json"}
    for document in ("snapshot", "diagnosis", "plan"):
        assert any(name.startswith(document) for name in schemas), f"no schema of envdoctor.{document}/1"
    assert "envdoctor/py.typed" in names
    assert matrix == (ROOT / "compat_matrix.toml").read_bytes()
    assert compiled
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"envdoctor"}
    assert not [name for name in names if name.endswith((".pyc", ".c", ".so"))]
    wanted = {Requirement(line).name for line in re.findall(r"^Requires-Dist: (.+)$", described, re.MULTILINE)}
    assert wanted == RUNTIME | EXTRA
    assert f"\nVersion: {__version__}\n" in described


def test_every_module_of_the_source_is_in_the_wheel(wheel: Path) -> None:
    source = ROOT / "src"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {path.relative_to(source).as_posix() for path in source.rglob("*.py")} <= names


def test_the_installed_wheel_runs_from_an_empty_directory(installed: Path, tmp_path: Path) -> None:
    script = installed / "envdoctor"
    version = call(script, "--version", cwd=tmp_path)
    assert version.returncode == 0, version.stderr
    assert __version__ in version.stdout

    module = call(installed / "python", "-m", "envdoctor", "--version", cwd=tmp_path)
    assert module.returncode == 0, module.stderr
    assert __version__ in module.stdout

    place = call(installed / "python", "-c", "import envdoctor; print(envdoctor.__file__)", cwd=tmp_path)
    assert Path(place.stdout.strip()).is_relative_to(installed.parent), "the wheel, not the checkout"

    rules = call(script, "rules", cwd=tmp_path)
    assert rules.returncode == 0, rules.stderr
    assert "driver-too-old" in rules.stdout

    page = call(script, "explain", "driver-too-old", cwd=tmp_path)
    assert page.returncode == 0, page.stderr
    assert "driver" in page.stdout
    assert list(tmp_path.iterdir()) == [], "envdoctor left something in the working directory"


def test_the_installed_wheel_examines_the_environment_it_is_in(installed: Path, tmp_path: Path) -> None:
    """Whatever this machine is, the answer is one JSON document that the shipped schemas admit."""
    ran = call(installed / "envdoctor", "check", "--format", "json", cwd=tmp_path)
    assert ran.returncode in (0, 1), ran.stderr
    document = json.loads(ran.stdout)
    assert document["schema"] == "envdoctor.diagnosis/1"
    assert document["exit_code"] == ran.returncode
    assert document["envdoctor"] == __version__
    shipped = installed.parent.glob("lib/python*/site-packages/envdoctor/codec/schemas/*.json")
    schemas = [json.loads(path.read_text(encoding="utf-8")) for path in shipped]
    registry = Registry().with_resources((schema["$id"], Resource.from_contents(schema)) for schema in schemas)
    validator = Draft202012Validator({"$ref": "urn:envdoctor:diagnosis:1"}, registry=registry)
    assert [error.message for error in validator.iter_errors(document)] == []
    prefix = document["snapshot"]["facts"]["python.prefix"]
    assert prefix["state"] == "known"
    assert Path(prefix["value"]).name == installed.parent.name
