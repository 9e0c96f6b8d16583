"""Places of findings in the files of a project, and the formats that show them, by the real command line."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envdoctor.codec.redact_report import redacted_report
from envdoctor.commands.anchoring import anchored
from envdoctor.model.asking import PasteView
from envdoctor.model.demand import Demand
from envdoctor.model.finding import Confidence, Diagnosis, Finding, Severity, Verdict
from envdoctor.model.linted import LintView
from envdoctor.model.place import Place
from envdoctor.model.plan import Plan, Status
from envdoctor.model.policy import Ignore, Ignored, Policy
from envdoctor.model.report import Report
from envdoctor.model.snapshot import Snapshot
from envdoctor.reporters.anchors import place_of
from machines import run_cli

if TYPE_CHECKING:
    from collections.abc import Mapping

posix_only = pytest.mark.skipif(os.name != "posix", reason="links, FIFOs and names as POSIX has them")
CASES = Path(__file__).parents[1] / "cases"
LINT = LintView(())


def finding(rule: str = "driver-too-old", subject: str = "driver", location: Place | None = None) -> Finding:
    return Finding(rule, Severity.ERROR, Confidence.PROVED, subject, "It is so.", location=location)


def report(*findings: Finding, **others: object) -> Report:
    diagnosis = Diagnosis(Verdict.BROKEN, findings)
    made = Report(Snapshot({}), diagnosis, Plan(Status.NOTHING_TO_DO), 1, "2026-11-21", "2.15.0", "0.1.0")
    return replace(made, **others)  # type: ignore[arg-type]


def place(one: Finding, folder: Path, **others: object) -> Place | None:
    """Where a finding stands that was made in `folder`."""
    made = anchored(report(one, **others), str(folder))
    return place_of(one, made)


def where(one: Finding, folder: Path, **others: object) -> str | None:
    found = place(one, folder, **others)
    return f"{found.file}:{found.line}" if found else None


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a folder `app` in it."""
    root = tmp_path / "repository"
    (root / ".git").mkdir(parents=True)
    (root / "app").mkdir()
    return root


@pytest.fixture(autouse=True)
def no_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_WORKSPACE", "CI_PROJECT_DIR"):
        monkeypatch.delenv(name, raising=False)


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


PYPROJECT = '[project]\nname = "x"\nversion = "1"\ndependencies = [\n  "numpy",\n  "torch==2.9.1",\n]\n'
LOCK = (
    'version = 1\n[[package]]\nname = "torch"\nversion = "2.9.1"\n'
    '[[package]]\nname = "nvidia-nccl-cu12"\nversion = "2.27.5"\n'
)


# The root.


@pytest.mark.parametrize("name", ["requirements.txt", "./requirements.txt", "../app/requirements.txt"])
def test_names_are_relative_to_the_root_of_the_repository(repository: Path, name: str) -> None:
    one = finding(location=Place(name, 3, 5, 4))
    assert place(one, repository / "app", lint=LINT) == Place("app/requirements.txt", 3, 5, 4)


def test_an_absolute_name_becomes_a_relative_one(repository: Path) -> None:
    one = finding(location=Place(str(repository / "app" / "x.txt"), 1))
    assert where(one, repository, lint=LINT) == "app/x.txt:1"


def test_a_work_tree_has_a_file_of_that_name(tmp_path: Path) -> None:
    write(tmp_path, {".git": "gitdir: elsewhere", "a/b/pyproject.toml": PYPROJECT})
    assert where(finding(), tmp_path / "a" / "b") == "a/b/pyproject.toml:6"


@pytest.mark.parametrize("variable", ["GITHUB_WORKSPACE", "CI_PROJECT_DIR"])
def test_a_checkout_without_git_is_named_by_ci(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    write(tmp_path, {"checkout/app/requirements.txt": "torch\n"})
    monkeypatch.setenv(variable, str(tmp_path / "checkout"))
    assert where(finding(), tmp_path / "checkout" / "app") == "app/requirements.txt:1"
    monkeypatch.setenv(variable, str(tmp_path / "elsewhere"))
    assert where(finding(), tmp_path / "checkout" / "app") == "requirements.txt:1"


@pytest.mark.parametrize("name", ["../../outside.txt", "/etc/hostname", "-", "..", "../..", "a\0b"])
def test_what_is_not_in_the_repository_has_no_place(repository: Path, name: str) -> None:
    write(repository, {"pyproject.toml": PYPROJECT})
    assert where(finding(location=Place(name, 1)), repository / "app", lint=LINT) is None


@posix_only
def test_a_folder_that_is_a_link_is_looked_through(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "short").symlink_to(repository / "app")
    one = finding(location=Place(str(tmp_path / "short" / "x.txt"), 2))
    assert where(one, repository, lint=LINT) == "app/x.txt:2"


@posix_only
def test_a_file_that_is_a_link_goes_by_its_own_name(repository: Path, tmp_path: Path) -> None:
    write(tmp_path, {"shared.txt": "torch\n"})
    (repository / "requirements.txt").symlink_to(tmp_path / "shared.txt")
    assert where(finding(), repository) == "requirements.txt:1"


@given(name=st.text(st.sampled_from("ab./\\-: \0\n\x1b\ud800"), max_size=12))
def test_a_place_is_never_outside(name: str) -> None:
    root = Path(__file__).parents[2]
    found = place(finding(location=Place(name, 1)), root / "tests", lint=LINT)
    if found:
        assert not found.file.startswith(("/", "./"))
        assert ".." not in found.file.split("/")
        assert found.file.isprintable()


# What is pointed at.


def test_a_demand_stands_in_the_policy(repository: Path) -> None:
    write(repository, {"pyproject.toml": PYPROJECT})
    policy = Policy(
        (
            Demand("driver", ">=550", ">=550", Place("../envdoctor.toml", 2)),
            Demand("shm", ">=1", ">=1", Place("../envdoctor.toml", 3)),
            Demand("gpu-memory", ">=1", ">=1", Place("../envdoctor.toml", 4)),
            Demand("smoke", "matmul", "matmul", Place("../envdoctor.toml", 5)),
            Demand("packages.vllm", ">=1", ">=1"),
        )
    )
    for subject, line in (
        ("driver", "envdoctor.toml:2"),
        (policy.demands[1].subject, "envdoctor.toml:3"),
        ("gpu:1/memory", "envdoctor.toml:4"),
        (policy.demands[3].subject, "envdoctor.toml:5"),
        (policy.demands[4].subject, "pyproject.toml:6"),  # nobody knows the line: as any other finding
    ):
        one = finding("requirement-not-met", subject)
        assert where(one, repository / "app", policy=policy) == line


def test_the_line_of_the_subject_comes_before_that_of_torch(repository: Path) -> None:
    write(repository, {"requirements.txt": "numpy\ntorch\nTorchVision==0.20\n# torchaudio\n"})
    assert where(finding(subject="torchvision"), repository) == "requirements.txt:3"
    assert where(finding(subject="torchaudio"), repository) == "requirements.txt:2"
    assert where(finding(subject="gpu:0"), repository) == "requirements.txt:2"


def test_lock_files_are_asked_last(repository: Path) -> None:
    write(repository, {"uv.lock": LOCK, "requirements.txt": "numpy\ntorch\n", "pylock.toml": "lock-version = '1.0'\n"})
    assert where(finding(subject="torch"), repository) == "requirements.txt:2"
    assert where(finding(subject="nvidia-nccl-cu12"), repository) == "uv.lock:7"
    assert where(finding(subject="nccl"), repository) == "uv.lock:7"


def test_the_working_directory_comes_before_the_root(repository: Path) -> None:
    write(repository, {"requirements.txt": "torch\n", "app/requirements.txt": "\ntorch\n"})
    assert where(finding(), repository / "app") == "app/requirements.txt:2"
    assert where(finding(), repository) == "requirements.txt:1"


def test_how_a_container_is_run_stands_at_its_image(repository: Path) -> None:
    dockerfile = "# syntax=docker/dockerfile:1\nFROM python:3.12\nRUN pip install torch==2.9.1\n"
    write(repository, {"Dockerfile": dockerfile, "pyproject.toml": PYPROJECT})
    assert where(finding("dev-shm-too-small", "machine"), repository) == "Dockerfile:2"
    assert where(finding("driver-too-old", "driver"), repository) == "pyproject.toml:6"


@pytest.mark.parametrize(
    ("files", "line"),
    [
        ({"Dockerfile": "FROM python:3.12\nRUN pip install torch\n"}, "Dockerfile:2"),
        ({"compose.yaml": "services:\n  a:\n    image: pytorch/pytorch:2.9.1-cuda12.8\n"}, "compose.yaml:3"),
        ({"environment.yml": "name: x\ndependencies:\n  - numpy\n  - pytorch=2.5\n"}, "environment.yml:4"),
        ({"pixi.toml": '[project]\nname = "x"\n[dependencies]\npytorch = "*"\n'}, "pixi.toml:4"),
        ({"requirements-dev.txt": "pytest\n", "README.md": "pip install torch\n"}, "requirements-dev.txt:1"),
        ({"README.md": "`pip install torch`\n", "build.sh": "pip install torch\n"}, None),
        ({"sub/requirements.txt": "torch\n"}, None),
        ({}, None),
    ],
)
def test_manifests_of_every_kind(repository: Path, files: Mapping[str, str], line: str | None) -> None:
    write(repository, files)
    assert where(finding(), repository) == line


def test_ignored_findings_have_a_place_too(repository: Path) -> None:
    write(repository, {"pyproject.toml": PYPROJECT})
    one = finding()
    ignored = (Ignored(one, Ignore(one.rule, "known")),)
    assert place_of(one, anchored(report(ignored=ignored), str(repository))) == Place("pyproject.toml", 6, 4)


@pytest.mark.parametrize("others", [{"lint": LINT}, {"paste": PasteView("-", ())}])
def test_a_strangers_machine_and_stray_files_do_not_stand_in_this_project(
    repository: Path, others: Mapping[str, object]
) -> None:
    write(repository, {"pyproject.toml": PYPROJECT})
    assert where(finding(), repository, **others) is None


def test_one_sentence_about_two_lines_keeps_both(repository: Path) -> None:
    first, second = (finding(location=Place("Dockerfile", line)) for line in (3, 9))
    made = anchored(report(first, second, lint=LINT), str(repository / "app"))
    assert [place_of(one, made) for one in (first, second)] == [Place("app/Dockerfile", line) for line in (3, 9)]


def test_places_stay_where_names_are_taken_out(repository: Path) -> None:
    one = replace(finding(location=Place("alice/requirements.txt", 2)), message="Seen by alice in /home/alice/x.")
    made = redacted_report(anchored(report(one, lint=LINT), str(repository)), "/home/alice", "alice", None)
    (after,) = made.diagnosis.findings
    assert "alice" not in after.message
    assert place_of(after, made) == Place("alice/requirements.txt", 2)


# Trouble is passed over.


BROKEN = {
    "invalid TOML": b"[project\ndependencies = ",
    "no text": bytes(range(256)),
    "empty": b"",
    "a table of another kind": b"project = 3\n",
    "deep": b"[" * 5000,
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("file", ["pyproject.toml", "requirements.txt", "uv.lock", "environment.yml", "Dockerfile"])
def test_a_manifest_that_cannot_be_read_is_still_the_first(repository: Path, file: str, name: str) -> None:
    (repository / file).write_bytes(BROKEN[name])
    assert where(finding(), repository) == f"{file}:1"


@posix_only
def test_only_files_are_opened(repository: Path) -> None:
    (repository / "pyproject.toml").mkdir()
    os.mkfifo(repository / "requirements.txt")
    (repository / "Dockerfile").symlink_to("nowhere")
    assert where(finding(), repository) is None


@posix_only
def test_a_name_that_cannot_be_shown_is_no_place(repository: Path) -> None:
    write(repository, {"requirements\x1b[31m.txt": "torch\n"})
    assert where(finding(), repository) is None


@posix_only
def test_a_working_directory_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    made = report(finding())
    assert anchored(made) is made


def test_nothing_is_opened_where_nothing_was_found(tmp_path: Path) -> None:
    made = report()
    assert anchored(made, str(tmp_path / "not there")) is made


# By the command line.


def places(text: str) -> list[str]:
    return [f"{file}:{line}" for file, line in re.findall(r"(?m)^::\w+ file=([^,:]*),line=(\d+),", text)]


def test_check_points_at_the_line_that_declares_torch(repository: Path) -> None:
    write(repository, {"app/pyproject.toml": PYPROJECT})
    snapshot = str(CASES / "cuda-13-on-driver-550" / "snapshot.json")
    said = run_cli(
        ["check", "--snapshot", snapshot, "-o", "github=-", "-o", "gitlab=quality.json", "-o", "github-summary=s.md"],
        cwd=repository / "app",
    )
    assert said.exit_code == 1, said.stderr
    assert places(said.stdout) == ["app/pyproject.toml:6"]
    (entry,) = json.loads((repository / "app" / "quality.json").read_text(encoding="utf-8"))
    assert entry["location"] == {"path": "app/pyproject.toml", "lines": {"begin": 6}}
    assert "| app/pyproject.toml:6 |" in (repository / "app" / "s.md").read_text(encoding="utf-8")


def test_lint_points_at_its_lines_from_any_folder(repository: Path) -> None:
    write(repository, {"requirements.txt": "numpy\ntorch==2.7.1\ntorchvision==0.20.0\n"})
    for folder, argument in ((repository, "."), (repository / "app", ".."), (repository, str(repository))):
        said = run_cli(["lint", argument, "--format", "github"], cwd=folder)
        assert said.exit_code == 1, said.stderr
        assert places(said.stdout) == ["requirements.txt:3"]


def test_triage_points_at_a_paste_of_the_repository_alone(repository: Path, tmp_path: Path) -> None:
    paste = "RuntimeError: operator torchvision::nms does not exist\ntorch==2.7.1\ntorchvision==0.20.0\n"
    write(repository, {"issues/7.txt": paste, "pyproject.toml": PYPROJECT})
    write(tmp_path, {"8.txt": paste})
    inside = run_cli(["triage", "issues/7.txt", "--format", "github"], cwd=repository)
    assert inside.exit_code == 1, inside.stderr
    assert {name.partition(":")[0] for name in places(inside.stdout)} == {"issues/7.txt"}
    for args, stdin in ((["triage", "../8.txt"], ""), (["triage", "-"], paste)):
        outside = run_cli([*args, "--format", "github"], cwd=repository, stdin=stdin)
        assert outside.exit_code == 1, outside.stderr
        assert "::error title=" in outside.stdout
        assert places(outside.stdout) == []
