"""The steps of action.yml, run by a shell as a runner runs them, on machines that work and machines that do not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from action_runner import Ran, Runner

from machines import SCENARIOS, environment_of, standin_variables
from standin.build import CannotCompile

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
CASES = ROOT / "tests" / "cases"
HEALTHY = CASES / "default-wheel-on-a100" / "snapshot.json"
BROKEN = CASES / "cuda-13-on-driver-550" / "snapshot.json"
WRONG_PIN = "torch==2.7.0\ntorchvision==0.18.0\n"


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the first step leaves, made by hand: an environment of its own that sees the checkout and its needs."""
    home = tmp_path_factory.mktemp("prepared") / "envdoctor"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    site = next(home.glob("lib/python*/site-packages"))
    (site / "checkout.pth").write_text(f"{ROOT / 'src'}\n{sysconfig.get_path('purelib')}\n", encoding="utf-8")
    (home / "envdoctor-apart").write_text(f"{ROOT}\n", encoding="utf-8")
    return home


@pytest.fixture
def job(prepared: Path, tmp_path: Path) -> Callable[..., Runner]:
    """A job whose first step finds envdoctor installed already."""

    def made(**environ: str) -> Runner:
        workspace, temp = tmp_path / "workspace", tmp_path / "temp"
        workspace.mkdir(exist_ok=True)
        temp.mkdir(exist_ok=True)
        if not (temp / "envdoctor").exists():
            (temp / "envdoctor").symlink_to(prepared)
        return Runner(ROOT, workspace, temp, environ)

    return made


def report(ran: Ran) -> dict[str, object]:
    return dict(json.loads(Path(ran.outputs["json"]).read_text(encoding="utf-8")))


def test_a_machine_that_works(job: Callable[..., Runner]) -> None:
    ran = job().use(snapshot=str(HEALTHY))
    assert ran.exit_code == 0, ran.log
    assert ran.outputs["verdict"] == "healthy"
    assert ran.outputs["exit-code"] == "0"
    assert report(ran)["verdict"] == "healthy"
    assert ran.outputs["sarif"] == ran.outputs["junit"] == ""
    assert not [one for one in ran.annotations if one[0] != "notice"]
    assert ran.summary.strip()


def test_a_machine_that_does_not(job: Callable[..., Runner]) -> None:
    ran = job().use(snapshot=str(BROKEN), sarif_file="out/gpu.sarif", junit_file="out/junit.xml")
    assert ran.exit_code == 1, ran.log
    assert ran.outputs["verdict"] == "broken"
    assert ran.outputs["exit-code"] == "1"
    assert "driver-too-old" in ran.log
    assert [name for name, _, _ in ran.annotations][:1] == ["error"]
    assert "driver-too-old" in ran.summary
    sarif = json.loads(Path(ran.outputs["sarif"]).read_text(encoding="utf-8"))
    assert sarif["version"] == "2.1.0"
    assert ran.outputs["sarif"].endswith("/workspace/out/gpu.sarif")
    assert "<testsuite" in Path(ran.outputs["junit"]).read_text(encoding="utf-8")
    assert sarif["runs"][0]["results"][0]["ruleId"] == "driver-too-old"


def test_what_fails_the_job_is_for_its_author_to_say(job: Callable[..., Runner]) -> None:
    ran = job().use(snapshot=str(BROKEN), fail_on="never")
    assert (ran.exit_code, ran.outputs["verdict"], ran.outputs["exit-code"]) == (0, "broken", "0")
    ran = job().use(arguments=f"--snapshot '{BROKEN}' --fail-on never")
    assert (ran.exit_code, ran.outputs["verdict"]) == (0, "broken")


def test_neither_annotations_nor_a_summary_where_nobody_wants_them(job: Callable[..., Runner]) -> None:
    ran = job().use(snapshot=str(BROKEN), annotations="false", summary="false")
    assert ran.exit_code == 1
    assert ran.commands == ()
    assert ran.summary == ""


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"strict": "yes"}, "strict: 'yes' is neither true nor false"),
        ({"command": "fix"}, "command: 'fix' is neither check nor lint"),
        ({"command": "lint", "profile": "gpu"}, "profile: is for `check`"),
        ({"command": "lint", "locked": "true"}, "locked: is for `check`"),
        ({"arguments": "--ignore 'x"}, "arguments: no closing quotation"),
        ({"working-directory": "nowhere"}, "nowhere: No such file or directory"),
        ({"snapshot": "missing.json"}, "missing.json: No such file or directory"),
        ({"fail-on": "eror"}, "--fail-on eror: unknown; did you mean error?"),
        ({"arguments": "--no-such-option"}, "--no-such-option"),
    ],
)
def test_an_input_that_cannot_be_used_is_one_line_and_exit_code_2(
    job: Callable[..., Runner], given: dict[str, str], told: str
) -> None:
    ran = job().use(**given)
    assert ran.exit_code == 2, ran.log
    assert ran.outputs["exit-code"] == "2"
    assert ran.outputs["verdict"] == ran.outputs["json"] == ""
    (only,) = ran.annotations
    assert only[0] == "error"
    assert told in only[2]
    assert "Traceback" not in ran.log


def test_a_run_that_judges_nothing_is_no_green_job(job: Callable[..., Runner]) -> None:
    ran = job().use(arguments="--help")
    assert ran.exit_code == 2
    assert ran.outputs["verdict"] == ""
    assert ran.annotations == [("error", "title=envdoctor", "arguments: nothing was judged; see the log")]
    assert "Usage: " in ran.log


def test_lint_judges_the_files_of_the_checkout(job: Callable[..., Runner]) -> None:
    runner = job()
    (runner.workspace / "requirements.txt").write_text(WRONG_PIN)
    ran = runner.use(command="lint")
    assert ran.exit_code == 1
    assert "torch-torchvision-mismatch" in ran.log
    assert any("file=requirements.txt" in properties for _, properties, _ in ran.annotations)
    (runner.workspace / "a file.txt").write_text("torch==2.7.0\n")
    ran = runner.use(command="lint", files="'a file.txt'", strict="true")
    assert ran.exit_code == 0, ran.log


def test_the_folder_to_work_in_is_where_files_are_written(job: Callable[..., Runner]) -> None:
    runner = job()
    folder = runner.workspace / "service"
    folder.mkdir()
    (folder / "requirements.txt").write_text(WRONG_PIN)
    ran = runner.use(command="lint", working_directory="service", sarif_file="lint.sarif")
    assert ran.exit_code == 1
    assert Path(ran.outputs["sarif"]) == folder / "lint.sarif"


def test_a_report_of_an_earlier_run_is_none_of_this_one(job: Callable[..., Runner]) -> None:
    runner = job()
    (runner.workspace / "gpu.sarif").write_text("{}")
    ran = runner.use(snapshot="missing.json", sarif_file="gpu.sarif")
    assert ran.exit_code == 2
    assert ran.outputs["sarif"] == ""
    assert not (runner.workspace / "gpu.sarif").exists()


def test_text_of_a_machine_is_no_command_of_the_runner(job: Callable[..., Runner], tmp_path: Path) -> None:
    hostile = "::add-mask::x%0A\n::error title=owned::yes\n##[add-path]/evil\r::set-env name=A::B"
    said = json.loads(BROKEN.read_text(encoding="utf-8"))
    for name in ("torch.provenance", "gpu.0.name"):
        said["facts"][name] = {"state": "known", "value": hostile, "source": hostile}
    (tmp_path / "hostile.json").write_text(json.dumps(said), encoding="utf-8")
    for given in ({"snapshot": str(tmp_path / "hostile.json")}, {"policy": hostile}):
        ran = job().use(**given)
        assert ran.exit_code in (1, 2), ran.log
        assert "owned" in ran.log
        assert {name for name, _, _ in ran.commands} <= {"error", "notice"}
        assert not any("owned" in properties for _, properties, _ in ran.commands)


def test_a_line_break_in_a_path_sets_no_other_output(job: Callable[..., Runner]) -> None:
    ran = job().use(snapshot=str(HEALTHY), sarif_file="a\nverdict=broken\nb.sarif")
    assert ran.exit_code == 0, ran.log
    assert ran.outputs["verdict"] == "healthy"
    assert ran.outputs["sarif"].endswith("a\nverdict=broken\nb.sarif")


def test_outside_a_runner_nothing_but_the_log_is_written(job: Callable[..., Runner]) -> None:
    """Runners of other makers set fewer variables."""
    ran = job(GITHUB_STEP_SUMMARY="", GITHUB_OUTPUT="").use(snapshot=str(BROKEN))
    assert ran.exit_code == 1
    assert "driver-too-old" in ran.log


def test_the_environment_of_the_job_is_examined_and_not_the_one_of_the_action(
    job: Callable[..., Runner], standin: Path, tmp_path: Path
) -> None:
    for name, code in (("S1", 1), ("S7", 0)):
        scenario = SCENARIOS[name]
        try:
            environment = environment_of(scenario, tmp_path / name)
        except CannotCompile as reason:
            pytest.skip(str(reason))
        variables = {**standin_variables(scenario), "LD_LIBRARY_PATH": str(standin)}
        runner = job(**variables)
        named = runner.use(python=str(environment.python))
        (runner.workspace / ".venv").symlink_to(tmp_path / name)
        found = runner.use()
        (runner.workspace / ".venv").unlink()
        active = job(**variables, VIRTUAL_ENV=str(tmp_path / name)).use()
        for ran, because in ((named, "named by --python"), (found, ".venv of this project"), (active, "VIRTUAL_ENV")):
            assert ran.exit_code == code, ran.log
            facts = json.loads(Path(ran.outputs["json"]).read_text(encoding="utf-8"))["snapshot"]["facts"]
            assert facts["torch.version"]["value"] == scenario.torch
            assert facts["python.chosen_because"]["value"] == because


def test_what_is_on_the_module_path_of_the_job_does_not_reach_the_gate(
    job: Callable[..., Runner], tmp_path: Path
) -> None:
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "click.py").write_text("raise SystemExit('not the click you wanted')\n")
    ran = job(PYTHONPATH=str(modules)).use(snapshot=str(HEALTHY))
    assert ran.exit_code == 0, ran.log


def test_the_first_step_really_installs_and_only_once(tmp_path: Path) -> None:
    workspace, temp = tmp_path / "workspace", tmp_path / "temp"
    workspace.mkdir()
    temp.mkdir()
    pip = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "HTTP", "http", "NO_PROXY"))}
    nowhere = {"PIP_TARGET": str(tmp_path / "target"), "PIP_CONSTRAINT": str(tmp_path / "missing.txt")}
    environ = {**pip, **nowhere, "HOME": os.environ.get("HOME", str(temp))}
    runner = Runner(ROOT, workspace, temp, environ)
    ran = runner.use(snapshot=str(HEALTHY))
    if ran.exit_code and "No matching distribution" in ran.log:
        pytest.skip("the package index is out of reach")
    assert ran.exit_code == 0, ran.log
    assert ran.outputs["verdict"] == "healthy"
    assert not (tmp_path / "target").exists()
    made = (temp / "envdoctor" / "envdoctor-apart").stat().st_mtime_ns
    assert runner.use(snapshot=str(HEALTHY)).exit_code == 0
    assert (temp / "envdoctor" / "envdoctor-apart").stat().st_mtime_ns == made


def test_without_a_python_to_install_with_the_job_is_told_so(tmp_path: Path) -> None:
    for name in ("bin", "workspace", "temp"):
        (tmp_path / name).mkdir()
    for tool in ("cat", "env"):
        (tmp_path / "bin" / tool).symlink_to(f"/usr/bin/{tool}")
    ran = Runner(ROOT, tmp_path / "workspace", tmp_path / "temp", {"PATH": str(tmp_path / "bin")}).use()
    assert ran.exit_code == 2
    assert [one[2] for one in ran.annotations] == [
        "no Python >= 3.10 with the modules venv and ensurepip on PATH to install it with"
    ]


def test_every_input_reaches_a_step_and_every_output_is_set_by_one() -> None:
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    described = yaml.safe_load(text)
    for name, one in described["inputs"].items():
        assert text.count(f"${{{{ inputs.{name} }}}}") == 1, name
        assert one["description"]
        assert isinstance(one["default"], str)
    gate = (ROOT / ".github" / "action" / "gate.py").read_text(encoding="utf-8")
    assert all(f'"{name}"' in gate for name in described["outputs"])
    assert {step["shell"] for step in described["runs"]["steps"]} == {"bash"}
