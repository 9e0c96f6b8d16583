"""The files that docs/how-to/ci.md shows: each is what its system takes, and its commands do what they say."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest
import yaml
from gate_tools import ROOT, run, tool

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FOLDER = ROOT / "docs" / "examples" / "ci"
WORKFLOWS = [*sorted(FOLDER.glob("github-*.yml")), *sorted((ROOT / ".github" / "workflows").glob("*.yml"))]
WRONG, RIGHT = "torch==2.7.0\ntorchvision==0.18.0\n", "packaging\n"
COMMENT = "      # The commit of envdoctor that you looked at; `.venv` of the project is what it examines.\n"
NO_GPU = {"CUDA_VISIBLE_DEVICES": ""}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What these files have pip fetch, as a wheel; built with what the tests have installed."""
    folder = tmp_path_factory.mktemp("wheel")
    argv = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of one test, for the systems that share a way to install envdoctor."""
    return project_in(tmp_path_factory.mktemp("project"))


def project_in(folder: Path) -> Path:
    (folder / "requirements.txt").write_text(RIGHT)
    (folder / "test_sample.py").write_text(
        "import unittest\n\n\nclass Sample(unittest.TestCase):\n    def test_it(self): print('the tests ran')\n"
    )
    return folder


def shell(lines: Iterable[str], folder: Path, wheel: Path) -> tuple[int, str]:
    """Run the lines of a job as a runner does; an environment that another job made here is not made again."""
    made = [name for name in (".venv", ".doctor") if (folder / name).exists()]
    script = "\n".join(line for line in lines if not any(f" -m venv {name} " in line for name in made))
    return run(["bash", "-e", "-o", "pipefail", "-c", script], folder, {"ENVDOCTOR": str(wheel), **NO_GPU})


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_is_what_the_schema_of_its_makers_says(path: Path) -> None:
    argv = [tool("check-jsonschema"), "--builtin-schema", "vendor.github-workflows", str(path)]
    code, said = run(argv, ROOT)
    assert code == 0, said


@pytest.mark.parametrize(
    ("schema", "path"),
    [("vendor.github-actions", ROOT / "action.yml"), ("vendor.gitlab-ci", FOLDER / "gitlab-ci.yml")],
    ids=["action", "gitlab"],
)
def test_so_are_the_action_and_the_pipeline(schema: str, path: Path, tmp_path: Path) -> None:
    checker = [tool("check-jsonschema"), "--builtin-schema", schema]
    code, said = run([*checker, str(path)], ROOT)
    assert code == 0, said
    described = yaml.safe_load(path.read_text(encoding="utf-8"))
    described[next(iter(described))] = 3  # the schema is one that refuses
    (tmp_path / path.name).write_text(yaml.safe_dump(described), encoding="utf-8")
    code, said = run([*checker, str(tmp_path / path.name)], ROOT)
    assert code == 1, said


def test_zizmor_finds_nothing_in_the_action_and_the_workflows() -> None:
    paths = [str(path) for path in (ROOT / "action.yml", *WORKFLOWS)]
    code, said = run([tool("zizmor"), "--offline", "--no-config", "--color=never", *paths], ROOT)
    assert code == 0, said
    assert "No findings to report" in said


def test_the_hook_is_configured_as_pre_commit_wants() -> None:
    code, said = run([tool("pre-commit"), "validate-config", str(FOLDER / "pre-commit-config.yaml")], ROOT)
    assert code == 0, said


@pytest.mark.parametrize("path", [*WORKFLOWS, ROOT / "action.yml"], ids=lambda path: path.name)
def test_an_action_of_others_is_a_commit_and_ours_is_given_known_inputs(path: Path) -> None:
    inputs = set(yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))["inputs"])
    read = yaml.safe_load(path.read_text(encoding="utf-8"))
    steps = [step for job in read.get("jobs", {"": read.get("runs")}).values() for step in job["steps"]]
    for step in steps:
        name, _, commit = step.get("uses", "").partition("@")
        assert not commit or re.fullmatch(r"[0-9a-f]{40}", commit), step["uses"]
        if name in ("./", "OWNER/envdoctor"):
            assert set(step.get("with", {})) <= inputs


def test_the_job_that_uploads_may_write_and_no_other() -> None:
    read = yaml.safe_load((FOLDER / "github-sarif.yml").read_text(encoding="utf-8"))
    assert read["permissions"] == {}
    (job,) = read["jobs"].values()
    assert job["permissions"] == {"contents": "read", "security-events": "write"}
    upload = job["steps"][-1]
    assert upload["uses"].startswith("github/codeql-action/upload-sarif@")
    assert upload["if"].startswith("always()")


def test_gitlab_runs_them(project: Path, wheel: Path) -> None:
    jobs = yaml.safe_load((FOLDER / "gitlab-ci.yml").read_text(encoding="utf-8"))
    files, machine = (jobs[name]["script"] for name in ("declarations", "environment"))
    reports = {**jobs["declarations"]["artifacts"]["reports"], **jobs["environment"]["artifacts"]["reports"]}
    (project / "requirements.txt").write_text(WRONG)
    code, said = shell(files, project, wheel)
    assert code == 1, said
    assert "torch-torchvision-mismatch" in said
    (issue,) = json.loads((project / reports["codequality"]).read_text(encoding="utf-8"))
    assert issue["check_name"] == "torch-torchvision-mismatch"
    assert issue["location"]["path"] == "requirements.txt"
    (project / "requirements.txt").write_text(RIGHT)
    code, said = shell(files, project, wheel)
    assert code == 0, said
    assert json.loads((project / reports["codequality"]).read_text(encoding="utf-8")) == []
    code, said = shell(machine, project, wheel)
    assert code == 0, said
    assert str(project / ".venv" / "bin" / "python") in said.replace("\n", "")
    assert ET.parse(project / reports["junit"]).getroot().tag == "testsuites"
    assert json.loads((project / "envdoctor.json").read_text(encoding="utf-8"))["exit_code"] == 0


def test_jenkins_runs_them(project: Path, wheel: Path) -> None:
    text = (FOLDER / "Jenkinsfile").read_text(encoding="utf-8")
    code, said = shell(re.findall(r"^\s*sh '(.*)'$", text, re.M), project, wheel)
    assert code == 0, said
    junit, sarif = re.search(r"junit testResults: '(\S+)'", text), re.search(r"sarif\(pattern: '(\S+)'\)", text)
    assert junit
    assert sarif
    assert ET.parse(project / junit[1]).getroot().tag == "testsuites"
    assert json.loads((project / sarif[1]).read_text(encoding="utf-8"))["version"] == "2.1.0"
    assert [text.count(one) for one in "{(["] == [text.count(one) for one in "})]"]


@pytest.mark.parametrize(
    ("name", "file", "options", "again"),
    [("nox", "noxfile.py", ["-s", "tests"], ["-R"]), ("tox", "tox.ini", ["-e", "tests"], ["--skip-pkg-install"])],
)
def test_the_tests_wait_for_the_environment(
    name: str, file: str, options: list[str], again: list[str], wheel: Path, tmp_path: Path
) -> None:
    project_in(tmp_path)
    shutil.copy(FOLDER / file, tmp_path / file)
    environ = {"ENVDOCTOR": str(wheel), **NO_GPU}
    code, said = run([tool(name), *options], tmp_path, environ)
    assert code == 0, said
    assert "the tests ran" in said
    argv = [tool(name), *again, *options, "--", "--require-gpu"]
    code, said = run(argv, tmp_path, environ)
    assert code != 0, said
    assert "Verdict: broken (exit code 1)" in said
    assert "the tests ran" not in said


def test_no_example_makes_an_environment_where_profiles_are_kept() -> None:
    """Since Python 3.13 `venv` writes a .gitignore of `*` into it: a profile beside it would never be committed."""
    pages = [ROOT / "docs" / "how-to" / "ci.md", *FOLDER.iterdir()]
    assert [path.name for path in pages if "venv .envdoctor" in path.read_text(encoding="utf-8")] == []


def test_the_page_shows_these_files_and_tells_every_input_and_output() -> None:
    page = (ROOT / "docs" / "how-to" / "ci.md").read_text(encoding="utf-8")
    shown = re.findall(r"\[[\w.-]+\]\(\.\./examples/ci/([\w.-]+)\):\n\n```\w+\n(.*?)```\n", page, re.S)
    assert len(shown) == 6
    for name, text in shown:
        assert text == (FOLDER / name).read_text(encoding="utf-8"), name
    assert set(re.findall(r"\.\./examples/ci/([\w.-]+)", page)) == {path.name for path in FOLDER.iterdir()}
    first = re.search(r"```yaml\n(.*?)```", page, re.S)
    assert first
    assert first[1] in (FOLDER / "github-check.yml").read_text(encoding="utf-8").replace(COMMENT, "")
    described = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    for name in (*described["inputs"], *described["outputs"]):
        assert re.search(rf"^\|.*`{name}`.*\|", page, re.M), name
