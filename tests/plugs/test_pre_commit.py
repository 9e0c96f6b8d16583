"""The hooks, installed and run by pre-commit itself in a repository with a wrong pin."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest
import yaml
from gate_tools import ROOT, run, tool

from envdoctor.readers.declared.choosing import is_telling

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST = ROOT / ".pre-commit-hooks.yaml"
INSTALLED = ("src", "pyproject.toml", "hatch_build.py", "compat_matrix.toml", "README.md", "LICENSE", MANIFEST.name)
WRONG, RIGHT = "torch==2.7.0\ntorchvision==0.18.0\n", "torch==2.7.0\ntorchvision==0.22.0\n"


def git(folder: Path, *words: str) -> str:
    code, said = run(["git", *words], folder)
    assert code == 0, said
    return said.strip()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A repository that holds what this checkout installs, and its commit."""
    if shutil.which("git") is None:
        pytest.skip("no git on this machine")
    folder = tmp_path_factory.mktemp("source")
    for name in INSTALLED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "as it stands")
    return folder, git(folder, "rev-parse", "HEAD")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pre-commit keeps what it installed, for both hooks."""
    return tmp_path_factory.mktemp("pre-commit")


@pytest.fixture
def repository(source: tuple[Path, str], cache: Path, tmp_path: Path) -> Path:
    """A repository with both hooks, as the example has it."""
    example = yaml.safe_load((ROOT / "docs" / "examples" / "ci" / "pre-commit-config.yaml").read_text(encoding="utf-8"))
    (described,) = example["repos"]
    described["repo"], described["rev"] = str(source[0]), source[1]
    described["hooks"].append({"id": "envdoctor-lint-fix"})
    (tmp_path / ".pre-commit-config.yaml").write_text(yaml.safe_dump(example), encoding="utf-8")
    git(tmp_path, "init", "-q")
    return tmp_path


def hook(name: str, repository: Path, cache: Path) -> tuple[int, str]:
    git(repository, "add", "-A")
    argv = [tool("pre-commit"), "run", name, "--all-files", "--color=never"]
    return run(argv, repository, {"PRE_COMMIT_HOME": str(cache)})


def test_a_wrong_pin_is_not_committed(repository: Path, cache: Path) -> None:
    requirements = repository / "requirements.txt"
    requirements.write_text(WRONG)
    (repository / "main.py").write_text("import torch\n")
    code, said = hook("envdoctor-lint", repository, cache)
    assert code == 1, said
    assert "requirements.txt:2:1: error  torch-torchvision-mismatch" in said
    assert "torchvision==0.22.0" in said
    assert requirements.read_text() == WRONG
    requirements.write_text(RIGHT)
    code, said = hook("envdoctor-lint", repository, cache)
    assert code == 0, said


def test_the_hook_that_corrects_leaves_what_passes(repository: Path, cache: Path) -> None:
    (repository / "requirements.txt").write_text(WRONG)
    code, said = hook("envdoctor-lint-fix", repository, cache)
    assert code == 1, said
    assert "files were modified by this hook" in said
    assert (repository / "requirements.txt").read_text() == RIGHT
    code, said = hook("envdoctor-lint-fix", repository, cache)
    assert code == 0, said


def test_nothing_is_run_where_no_file_declares_an_environment(repository: Path, cache: Path) -> None:
    (repository / "main.py").write_text("import torch\n")
    code, said = hook("envdoctor-lint", repository, cache)
    assert code == 0, said
    assert "Skipped" in said


def test_the_manifest_is_one() -> None:
    code, said = run([tool("pre-commit"), "validate-manifest", str(MANIFEST)], ROOT)
    assert code == 0, said


@pytest.mark.parametrize(
    "name",
    [
        "pyproject.toml", "a/pyproject.toml", "my-pyproject.toml", "uv.lock", "poetry.lock", "pdm.lock", "cargo.lock",
        "pylock.toml", "pylock.gpu.toml", "pylocks.toml", "pixi.toml", "pixi.lock", "Pipfile", "Pipfile.lock",
        "requirements.txt", "requirements-dev.txt", "dev_requirement.in", "requirements/gpu.txt", "constraints.pip",
        "notes.txt", "environment.yml", "conda-gpu.yaml", "my.environment.cuda.yml", "values.yaml", "Dockerfile",
        "gpu.Dockerfile", "Dockerfile.cuda", "Containerfile-a", "docker/Dockerfile", "Dockerfiles",
        "docker-compose.yml", "compose.gpu.yaml", ".gitlab-ci.yml", "a.gitlab-ci.yml", "action.yml", "reaction.yml",
        "azure-pipelines.yml", ".github/workflows/ci.yml", ".github/dependabot.yml", "install.sh", "a/b.zsh",
        "run.bat", "run.cmd", "setup.ps1", "Makefile", "rules.mk", "justfile", "Justfile", ".envrc", "sh",
        "train.ipynb", "README.md", "docs/index.rst", "page.html", "page.htm", "guide.adoc", "notes.org",
        "paper.tex", "a b.md", "main.py", "setup.py", "setup.cfg", "package.json", "x.md.orig", "README", "LICENSE",
    ],
)  # fmt: skip
def test_the_hook_is_given_what_lint_looks_into(name: str) -> None:
    for one in yaml.safe_load(MANIFEST.read_text(encoding="utf-8")):
        assert (re.search(one["files"], name) is not None) is is_telling(name)
