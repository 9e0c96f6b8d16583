"""The functions of the Python API beside the command line: the same answers, and one line for what cannot be used."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import envdoctor
from machines import machine_snapshot, run_cli

if TYPE_CHECKING:
    from collections.abc import Callable

CASES = Path(__file__).parents[1] / "cases"
SOME = ["default-wheel-on-a100", "v100-under-cuda-13", "no-torch-yet", "mig-without-a-choice"]
BROKEN = CASES / "v100-under-cuda-13" / "snapshot.json"


def seen(name: str) -> envdoctor.Snapshot:
    return envdoctor.load_snapshot(CASES / name / "snapshot.json")


@pytest.mark.parametrize("name", SOME)
def test_check_answers_as_the_command_does(name: str) -> None:
    report = envdoctor.check(snapshot=seen(name))
    told = run_cli(["check", "--snapshot", str(CASES / name / "snapshot.json"), "--format", "json"])
    assert json.loads(envdoctor.as_json(report)) == told.json()
    assert report.exit_code == told.exit_code


@pytest.mark.parametrize("name", SOME)
def test_diagnose_judges_as_check_does(name: str) -> None:
    assert envdoctor.diagnose(seen(name)) == envdoctor.check(snapshot=seen(name)).diagnosis


def test_a_gpu_may_be_asked_for() -> None:
    without = machine_snapshot(driver=None, gpus=[], torch="2.9.1+cpu")
    assert envdoctor.diagnose(without).verdict is envdoctor.Verdict.HEALTHY
    assert envdoctor.diagnose(without, require_gpu=True).verdict is envdoctor.Verdict.BROKEN
    assert envdoctor.check(snapshot=without, require_gpu=True).exit_code == 1
    assert envdoctor.check(snapshot=without, require_gpu=True, fail_on="never").exit_code == 0


@pytest.mark.parametrize("wish", [{}, {"torch": ">=2.6,<2.9"}, {"partners": ["torchaudio"], "installer": "uv"}])
def test_plan_answers_as_the_command_does(wish: dict[str, Any]) -> None:
    words = [f"--torch={wish['torch']}"] if "torch" in wish else []
    words += ["--with", ",".join(wish["partners"]), "--installer", wish["installer"]] if "partners" in wish else []
    told = run_cli(["plan", "--from", str(BROKEN), "--format", "json", *words]).json()
    plan = envdoctor.plan(envdoctor.load_snapshot(BROKEN), **wish)
    assert plan.status.value == told["status"] == "solved"
    assert plan.target is not None
    assert (plan.target.torch, plan.target.channel) == (told["target"]["torch"], told["target"]["channel"])
    assert [[*step.argv] for step in plan.steps] == [step["argv"] for step in told["steps"]]


def test_the_policy_of_a_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "project" / "tests").mkdir(parents=True)
    (tmp_path / "project" / ".git").mkdir()
    (tmp_path / "project" / "envdoctor.toml").write_text('torch = ">=99"\n')
    monkeypatch.chdir(tmp_path)
    healthy = seen("default-wheel-on-a100")
    assert envdoctor.check(snapshot=healthy).exit_code == 0
    below = tmp_path / "project" / "tests"
    assert envdoctor.check(snapshot=healthy, folder=below).exit_code == 1
    assert envdoctor.check(snapshot=healthy, folder="project/tests").exit_code == 1
    assert envdoctor.check(snapshot=healthy, policy=tmp_path / "project" / "envdoctor.toml").exit_code == 1
    monkeypatch.chdir(below)
    report = envdoctor.check(snapshot=healthy)
    assert [finding.rule for finding in report.diagnosis.findings if finding.severity > 1] == ["requirement-not-met"]
    assert envdoctor.diagnose(healthy).verdict is envdoctor.Verdict.HEALTHY  # which looks for none
    assert envdoctor.diagnose(healthy, policy="../envdoctor.toml").verdict is envdoctor.Verdict.BROKEN


def test_documents_come_back(tmp_path: Path) -> None:
    snapshot = seen("v100-under-cuda-13")
    assert envdoctor.from_json(envdoctor.as_json(snapshot)) == snapshot
    report = envdoctor.check(snapshot=snapshot)
    text = envdoctor.as_json(report)
    assert envdoctor.from_json(text.encode()) == snapshot
    (tmp_path / "-").write_text(text)  # which is standard input to the command line alone
    assert envdoctor.load_snapshot(tmp_path / "-") == snapshot


def test_a_file_called_dash_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "-").write_text(envdoctor.as_json(seen("v100-under-cuda-13")))
    monkeypatch.chdir(tmp_path)
    assert envdoctor.load_snapshot("-") == seen("v100-under-cuda-13")


def test_names_of_people_are_taken_out_where_that_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "wilhelmina")
    snapshot = machine_snapshot(overrides={"torch.location": "/home/wilhelmina/torch"})
    assert "wilhelmina" in envdoctor.as_json(snapshot)
    assert "wilhelmina" not in envdoctor.as_json(snapshot, redact=True)
    report = envdoctor.check(snapshot=snapshot)
    assert "wilhelmina" in envdoctor.as_json(report)
    assert "wilhelmina" not in envdoctor.as_json(report, redact=True)


HEALTHY = seen("default-wheel-on-a100")

MISTAKES: dict[str, tuple[Callable[[], object], str]] = {
    "no interpreter": (lambda: envdoctor.check("/nowhere/python"), "--python /nowhere/python: no such file"),
    "an empty one": (lambda: envdoctor.snapshot(""), "python: the value is empty"),
    "a NUL": (lambda: envdoctor.snapshot("a\0b"), "python: holds a NUL character"),
    "no Python": (lambda: envdoctor.snapshot(__file__), "is not a Python"),
    "no time": (lambda: envdoctor.check(timeout=0), "timeout: 0; it is a number of seconds"),
    "no number": (lambda: envdoctor.plan(timeout=math.nan), "timeout: nan"),
    "a severity": (lambda: envdoctor.check(fail_on="worse"), "fail_on: 'worse'; it is one of error, warning, note"),
    "a rule": (lambda: envdoctor.check(snapshot=HEALTHY, select=["driver-to-old"]), "did you mean driver-too-old"),
    "one text": (lambda: envdoctor.diagnose(HEALTHY, ignore="mig"), "ignore: a list of names, not one text: ['mig']"),
    "a policy": (lambda: envdoctor.check(policy="/nowhere/p.toml"), "/nowhere/p.toml"),
    "a profile": (lambda: envdoctor.diagnose(HEALTHY, profile="gup"), "gpu"),
    "a matrix": (lambda: envdoctor.plan(HEALTHY, matrix="/nowhere/m.toml"), "/nowhere/m.toml"),
    "a mirror": (lambda: envdoctor.plan(HEALTHY, index_base="no address"), "--index-base"),
    "an installer": (lambda: envdoctor.plan(HEALTHY, installer="apt"), "installer: 'apt'; it is one of pip, uv"),
    "a release": (lambda: envdoctor.plan(HEALTHY, torch="newest"), "--torch newest: not a version or specifier"),
    "a partner": (lambda: envdoctor.plan(HEALTHY, partners=["torchvison"]), "did you mean torchvision"),
    "no file": (lambda: envdoctor.load_snapshot("/nowhere/s.json"), "/nowhere/s.json: No such file"),
    "no snapshot": (lambda: envdoctor.from_json("{}"), "the text: not an envdoctor document"),
    "both": (lambda: envdoctor.check("/bin/python", snapshot=HEALTHY), "a saved machine has its interpreter already"),
    "folder": (
        lambda: envdoctor.check(snapshot=HEALTHY, folder="/nowhere/repo"),
        "folder: '/nowhere/repo' is no folder",
    ),
    "nothing runs": (lambda: envdoctor.check(snapshot=HEALTHY, smoke=True), "a saved machine runs nothing"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_what_cannot_be_used_is_one_line(name: str) -> None:
    call, words = MISTAKES[name]
    with pytest.raises(envdoctor.UnusableInput) as told:
        call()
    assert words in str(told.value)
    assert str(told.value).isprintable()
    assert isinstance(told.value, ValueError)
    assert told.value.__suppress_context__ or told.value.__context__ is None


def test_text_in_an_error_can_only_be_shown() -> None:
    with pytest.raises(envdoctor.UnusableInput) as told:
        envdoctor.check("/nowhere/\x1b[31m\n::error::python")
    assert str(told.value).isprintable()


@pytest.mark.parametrize("wrong", [{}, None, "text", 7], ids=repr)
def test_what_is_no_snapshot_is_a_type_error(wrong: Any) -> None:
    if wrong is not None:
        with pytest.raises(TypeError, match="a Snapshot is needed"):
            envdoctor.check(snapshot=wrong)
    with pytest.raises(TypeError, match="a Snapshot is needed"):
        envdoctor.diagnose(wrong)
    with pytest.raises(TypeError, match="a Snapshot is needed"):
        envdoctor.as_json(wrong)


def test_the_example_of_the_page_runs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """On a recorded machine, so that there is something to print."""
    page = (Path(__file__).parents[2] / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    example = page.split("```python\n")[2].split("```")[0]
    report = envdoctor.check(snapshot=seen("v100-under-cuda-13"))
    monkeypatch.setattr(envdoctor, "check", lambda **_: report)
    exec(example, {})
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("gpu-arch-")
    assert said[-1] == "broken 1"
