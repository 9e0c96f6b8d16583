"""What the commands say and do when all is well: help, colour, saved machines, described machines, repetition."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from envdoctor.cli import COMMANDS
from envdoctor.rules.groups import grouped
from envdoctor.rules.rule import all_rules
from machines import SCENARIOS, Environment, environment_of, make_environment, run_cli, standin_variables
from scenarios.shipped_schemas import validate
from standin.command import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

BROKEN = SCENARIOS["S1"]


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return environment_of(BROKEN, tmp_path_factory.mktemp("s1") / "venv")


def check(python: Path, standin: Path, *options: str, env: Mapping[str, str] | None = None) -> Any:
    return run_cli(
        ["check", "--python", str(python), *options], {**standin_variables(BROKEN), **(env or {})}, standin=standin
    )


# ---- help -----------------------------------------------------------------------------------------


def test_help_lists_every_command_and_where_to_begin() -> None:
    said = run_cli(["--help"])
    assert said.exit_code == 0
    assert all(name in said.stdout for name in COMMANDS)
    assert "Start with `envdoctor check`" in said.stdout
    assert "Exit codes" in said.stdout
    assert run_cli(["-h"]).stdout == said.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_teaches(command: str) -> None:
    said = run_cli([command, "--help"])
    assert said.exit_code == 0
    assert said.stderr == ""
    assert said.stdout.startswith("Usage: ")
    options = re.findall(r"^  (?:-\w, )?--([a-z-]+)", said.stdout, re.MULTILINE)
    assert "help" in options
    assert all(len(line) <= 100 for line in said.stdout.splitlines())
    # Every option says what it is for.
    bare = re.findall(r"^  (?:-\w, )?--[a-z-]+(?: [A-Z|\[\]=a-z.-]+)?$\n^  -", said.stdout, re.MULTILINE)
    assert bare == []


def test_check_shows_examples_and_its_exit_codes() -> None:
    text = run_cli(["check", "--help"]).stdout
    assert "envdoctor check --snapshot friend.json" in text
    assert "Nothing is installed or changed" in text
    assert "exit code" in text


def test_the_version() -> None:
    assert re.fullmatch(r"envdoctor \d+\.\d+\.\d+\n", run_cli(["--version"]).stdout)


@pytest.mark.parametrize("rule", [rule.name for rule in all_rules()])
def test_explain_prints_the_page(rule: str) -> None:
    said = run_cli(["explain", rule])
    assert said.exit_code == 0
    assert said.stdout.startswith(f"{rule} (at worst: ")
    known = next(known for known in all_rules() if known.name == rule)
    words = [word for word in known.page.split() if word != "##"]
    assert said.stdout.split()[4 : 4 + len(words)] == words
    assert "\nHow to fix\n" in said.stdout
    # Only a command may be wider, alone on its line.
    wide = [line for line in said.stdout.splitlines() if len(line) > 80]
    assert [line for line in wide if not re.fullmatch(r"\W*`[^`]+`\W*", line)] == []
    if not known.of_files_alone:  # no machine shows those
        assert f"A machine with this: {known.fires[0].title}." in " ".join(said.stdout.split())
    for when, severity in known.severities.items():
        assert f"  {severity.word:8} {when}\n" in said.stdout


@pytest.mark.parametrize("name", ["driver-too-old", "mig", "wrong-index-url"])
def test_explain_as_json(name: str) -> None:
    rule = next(known for known in all_rules() if known.name == name)
    page = run_cli(["explain", rule.name, "--format", "json"]).json()
    assert page["severities"] == {when: severity.word for when, severity in rule.severities.items()}
    assert page["example"]["finding"]["rule"] == rule.name
    assert page["example"]["finding"]["severity"] == rule.fires[0].severity.word
    assert page["needs"] == [*rule.needs]


def test_explain_without_a_rule_lists_them_all() -> None:
    assert run_cli(["explain"]).stdout == run_cli(["rules"]).stdout
    assert run_cli(["explain", "--format", "json"]).json() == run_cli(["rules", "--format", "json"]).json()


@pytest.mark.parametrize("word", ["driver_too_olt", "DRIVER-TOO-OLD", "driver-too"])
def test_explain_names_what_is_near(word: str) -> None:
    said = run_cli(["explain", word])
    assert (said.exit_code, said.stdout) == (2, "")
    assert "did you mean driver-too-old" in said.stderr


def test_explain_does_not_ponder_over_a_long_word() -> None:
    said = run_cli(["explain", "driver-too-old" * 2000])
    assert said.exit_code == 2
    assert len(said.stderr) < 1000


def test_rules_lists_them_all() -> None:
    text = run_cli(["rules"]).stdout
    listed = [line.strip() for line in text.splitlines() if re.match("  [^ ]", line)]
    assert sorted(listed) == [rule.name for rule in all_rules()]
    assert "\x1b" not in text
    titles = [line for line in text.splitlines() if line and not line.startswith(" ")]
    assert titles == [title for title, _ in grouped(all_rules())]
    rows = run_cli(["rules", "--format", "json"]).json()
    assert [row["rule"] for row in rows] == [rule.name for rule in all_rules()]


# ---- the shape of a report ------------------------------------------------------------------------


def test_a_pipe_gets_no_colour_and_eighty_columns(broken: Environment, standin: Path) -> None:
    said = check(broken.python, standin, env={"NO_COLOR": "", "TERM": "xterm-256color", "COLUMNS": "200"})
    assert said.exit_code == 1
    assert "\x1b" not in said.stdout
    wide = [line for line in said.stdout.splitlines() if len(line) > 80]
    # Commands and paths are never broken: what is copied has to arrive whole.
    assert all("/" in line for line in wide)


def in_terminal(python: Path, standin: Path, extra: dict[str, str]) -> str:
    """Run check with a pseudo terminal as its standard output."""
    environment = {**os.environ, **standin_variables(BROKEN), "LD_LIBRARY_PATH": str(standin), "TERM": "xterm-256color"}
    environment |= {"PYTHONPATH": str(CHECKOUT / "src")}
    for name in ("NO_COLOR", "COLUMNS", "CUDA_VISIBLE_DEVICES"):
        environment.pop(name, None)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "envdoctor", "check", "--python", str(python)]
    process = subprocess.Popen(
        command, stdout=theirs, stderr=theirs, stdin=subprocess.DEVNULL, env={**environment, **extra}
    )
    os.close(theirs)
    blocks: list[bytes] = []
    while select.select([ours], [], [], 60)[0]:
        try:
            block = os.read(ours, 65536)
        except OSError:  # Linux answers EIO once the other end is closed
            break
        if not block:
            break
        blocks.append(block)
    process.wait(60)
    os.close(ours)
    assert process.returncode == 1
    return b"".join(blocks).decode()


def plain(text: str) -> list[str]:
    return re.sub(r"\x1b\[[0-9;]*m", "", text).replace("\r\n", "\n").splitlines()


def test_a_terminal_gets_colour_that_adds_no_word(broken: Environment, standin: Path) -> None:
    coloured = in_terminal(broken.python, standin, {"COLUMNS": "80"})
    without = in_terminal(broken.python, standin, {"COLUMNS": "80", "NO_COLOR": "1"})
    dumb = in_terminal(broken.python, standin, {"COLUMNS": "80", "TERM": "dumb"})
    assert "\x1b[" in coloured
    assert "\x1b" not in without + dumb
    assert plain(coloured) == plain(without) == plain(dumb)


def test_a_narrow_terminal_is_filled(broken: Environment, standin: Path) -> None:
    narrow = in_terminal(broken.python, standin, {"COLUMNS": "48", "NO_COLOR": "1"})
    long = [line for line in plain(narrow) if len(line) > 48]
    assert all("/" in line for line in long)
    assert "driver-too-old" in narrow


def test_json_is_the_only_thing_on_standard_output(broken: Environment, standin: Path) -> None:
    said = check(broken.python, standin, "--format", "json", env={"STANDIN_NOISE": "noise of the driver\n"})
    validate(said.json())
    assert said.stderr == ""


def test_checking_twice_gives_the_same_apart_from_the_time(broken: Environment, standin: Path) -> None:
    reports = [check(broken.python, standin, "--format", "json").json() for _ in range(2)]
    for report in reports:
        report["snapshot"].pop("taken")
        report["snapshot"]["facts"].pop("shm.free_bytes")  # what other programs take and free meanwhile
    assert reports[0] == reports[1]


def test_nothing_in_the_environment_is_changed(broken: Environment, standin: Path) -> None:
    def state() -> list[tuple[str, int, int]]:
        return sorted((str(path), path.lstat().st_size, path.lstat().st_mtime_ns) for path in broken.prefix.rglob("*"))

    before = state()
    check(broken.python, standin)
    assert state() == before


@pytest.mark.parametrize(
    ("options", "exit_code"),
    [
        ((), 1),
        (("--fail-on", "never"), 0),
        (("--fail-on", "note"), 1),
        (("--ignore", "driver-too-old"), 0),
        (("--select", "gpu-lost"), 0),
        (("--select", "driver-too-old", "--strict"), 1),
    ],
)
def test_what_fails_is_chosen(options: tuple[str, ...], exit_code: int, broken: Environment, standin: Path) -> None:
    said = check(broken.python, standin, "--format", "json", *options)
    assert said.exit_code == said.json()["exit_code"] == exit_code


# ---- saved machines -------------------------------------------------------------------------------


def test_a_snapshot_through_a_pipe_is_judged_like_the_machine(broken: Environment, standin: Path) -> None:
    command = ["snapshot", "--python", str(broken.python)]
    saved = run_cli(command, standin_variables(BROKEN), standin=standin)
    assert saved.exit_code == 0
    document = saved.json()
    validate(document)
    assert document["redacted"] is True
    judged = run_cli(["check", "--snapshot", "-", "--format", "json"], stdin=saved.stdout)
    live = check(broken.python, standin, "--format", "json")
    assert judged.exit_code == live.exit_code == 1
    told = [(one["rule"], one["severity"], one["subject"], one["message"]) for one in judged.json()["findings"]]
    assert told == [(one["rule"], one["severity"], one["subject"], one["message"]) for one in live.json()["findings"]]


def test_a_diagnosis_stands_for_its_snapshot(broken: Environment, standin: Path) -> None:
    live = check(broken.python, standin, "--format", "json")
    assert run_cli(["check", "--snapshot", "-"], stdin=live.stdout).exit_code == 1


def test_what_is_saved_names_nobody(tmp_path: Path, standin: Path) -> None:
    home = tmp_path / "home" / "ada-lovelace"
    home.mkdir(parents=True)
    environment = environment_of(BROKEN, home / "venv")
    variables = {**standin_variables(BROKEN), "USER": "ada-lovelace", "LD_LIBRARY_PATH": f"{standin}:{home}/lib"}
    out, report = tmp_path / "snapshot.json", tmp_path / "report.json"
    command = ["check", "--python", str(environment.python), "--save-snapshot", str(out), "-o", f"json={report}"]
    said = run_cli(command, variables, standin=standin, home=home)
    assert said.exit_code == 1
    for file in (out, report):
        text = file.read_text(encoding="utf-8")
        validate(json.loads(text))
        assert "ada-lovelace" not in text
        assert not re.search(r"GPU-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}", text)
        assert os.uname().nodename not in text or len(os.uname().nodename) < 4


def test_a_secret_in_the_environment_goes_nowhere(broken: Environment, standin: Path) -> None:
    secrets = {
        "HF_TOKEN": "hf_sEcReT1",
        "PIP_INDEX_URL": "https://u:sEcReT2@example.org/simple",
        "AWS_SECRET_KEY": "sEcReT3",
    }
    for form in ("json", "terminal"):
        assert "sEcReT" not in check(broken.python, standin, "--format", form, "-v", env=secrets).stdout
    saved = run_cli(
        ["snapshot", "--python", str(broken.python)], {**standin_variables(BROKEN), **secrets}, standin=standin
    )
    assert "sEcReT" not in saved.stdout


# ---- plans ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("described", "status", "exit_code", "channels"),
    [
        (["--driver", "535.104.05", "--gpu", "RTX 4090"], "solved", 0, ("cu126", "cu128", "cu129")),
        (["--driver", "470.256.02", "--gpu", "A100"], "solved", 0, ("cu118",)),
        (["--driver", "580.95.05", "--gpu", "V100"], "solved", 0, ("cu126",)),
        (["--driver", "580", "--compute-capability", "9.0"], "solved", 0, ("cu130", "cu132")),
        (["--driver", "535", "--compute-capability", "8.0"], "solved", 0, ("cu126", "cu128", "cu129")),
        (["--driver", "535.104.05", "--gpu", "RTX 5090"], "impossible", 1, ()),
        (["--driver", "535.104.05", "--gpu", "A100", "--python-version", "3.6"], "impossible", 1, ()),
        (["--driver", "535.104.05", "--gpu", "A100", "--glibc", "2.12"], "impossible", 1, ()),
        (["--driver", "535.104.05", "--gpu", "A100", "--glibc", "2.17"], "solved", 0, ("cu124", "cu126")),
        (["--python-version", "3.11"], "solved", 0, ("cpu",)),
        (["--platform", "macos-arm64"], "solved", 0, ("cpu",)),
        (
            ["--platform", "windows-x86_64", "--driver", "527.41", "--gpu", "A100"],
            "solved",
            0,
            ("cu126", "cu128", "cu129"),
        ),
        (["--platform", "windows-x86_64", "--driver", "526.98", "--gpu", "A100"], "solved", 0, ("cu118",)),
    ],
)
def test_a_described_machine(described: list[str], status: str, exit_code: int, channels: tuple[str, ...]) -> None:
    said = run_cli(["plan", *described, "--format", "json"])
    plan = said.json()
    validate(plan)
    assert (plan["status"], said.exit_code) == (status, exit_code)
    if channels:
        assert plan["target"]["channel"] in channels
        assert plan["steps"][0]["argv"][:4] == ["python", "-m", "pip", "install"]
    else:
        assert plan["target"] is None
        assert plan["because"]
    text = run_cli(["plan", *described]).stdout
    assert "impossible" not in text
    assert ("No published torch wheel serves" in text) == (status == "impossible")


def test_wishes_are_kept_to() -> None:
    described = ["--driver", "535.104.05", "--gpu", "A100", "--torch", "2.6", "--with", "torchvision,torchaudio"]
    plan = run_cli(
        ["plan", *described, "--installer", "uv", "--index-base", "https://mirror.example/w", "--format", "json"]
    )
    argv = plan.json()["steps"][0]["argv"]
    assert argv[:5] == ["uv", "pip", "install", "--python", "python"]
    assert [word.partition("+")[0] for word in argv[-3:]] == [
        "torch==2.6.0",
        "torchvision==0.21.0",
        "torchaudio==2.6.0",
    ]
    assert argv[argv.index("--index-url") + 1].startswith("https://mirror.example/w/cu12")


def test_the_plan_of_a_saved_machine_is_that_of_the_report(broken: Environment, standin: Path) -> None:
    live = check(broken.python, standin, "--format", "json")
    plan = run_cli(["plan", "--from", "-", "--format", "json"], stdin=live.stdout)
    assert plan.exit_code == 0
    assert plan.json()["target"] == live.json()["plan"]["target"]


# ---- the environments a user may be in ------------------------------------------------------------


def test_a_working_directory_that_is_gone(tmp_path: Path) -> None:
    python = make_environment(tmp_path / "venv", None).python
    gone = tmp_path / "gone"
    gone.mkdir()
    program = "import os, sys; os.rmdir(os.getcwd()); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    done = subprocess.run(
        [sys.executable, "-c", program, "-m", "envdoctor", "check", "--python", str(python)],
        cwd=gone, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(CHECKOUT / "src")},
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert done.returncode in (0, 1)


def test_a_path_with_letters_that_the_terminal_cannot_show(tmp_path: Path) -> None:
    python = make_environment(tmp_path / "umgebung-äöü-環境", None).python
    said = run_cli(["check", "--python", str(python)], {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"})
    assert not said.shows_traceback
    assert said.exit_code in (0, 1)


# ---- snapshots of an older envdoctor ------------------------------------------------------------


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """A healthy machine, looked at before anybody asked for conda's records or duplicates."""
    document = json.loads((CHECKOUT / "tests/cases/default-wheel-on-a100/snapshot.json").read_text(encoding="utf-8"))
    for name in ("packages.conda", "packages.duplicates", "torch.wheel_tags"):
        del document["facts"][name]
    path = tmp_path / "older.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_an_older_snapshot_is_undetermined_and_says_so_once(older: Path) -> None:
    said = run_cli(["check", "--snapshot", str(older)])
    assert said.exit_code == 0
    assert "Verdict: undetermined" in said.stdout
    assert said.stdout.count("not judged") == 1
    assert "not looked at" not in said.stdout
    assert "does not hold packages.conda, packages.duplicates, torch.wheel_tags" in " ".join(said.stdout.split())
    assert run_cli(["check", "--snapshot", str(older), "--strict"]).exit_code == 3


def test_a_plan_does_not_call_well_what_could_not_be_judged(older: Path) -> None:
    said = run_cli(["plan", "--from", str(older)])
    assert said.exit_code == 0
    assert "fits this machine" not in said.stdout
    assert "not known: packages.conda, packages.duplicates" in said.stdout
    document = json.loads(run_cli(["plan", "--from", str(older), "--format", "json"]).stdout)
    assert document["status"] == "nothing-to-do"
    assert document["because"] == ["not known: packages.conda, packages.duplicates, torch.wheel_tags"]
    healthy = CHECKOUT / "tests/cases/default-wheel-on-a100/snapshot.json"
    assert run_cli(["plan", "--from", str(healthy)]).stdout == "Nothing to do: what is installed fits this machine.\n"


def test_a_plan_for_a_mac_does_not_speak_of_nvidia() -> None:
    """The one build for Macs holds MPS too: it is no CPU build."""
    document = json.loads(run_cli(["plan", "--platform", "macos-arm64", "--format", "json"]).stdout)
    assert document["status"] == "solved"
    assert not any("NVIDIA" in why or "CPU" in why for why in document["because"])
